//! Session takeover: another client has connected with the same client identifier, and the broker
//! closes this connection.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use iot_core::{Error, ReasonCode};

/// A connection that ends within this time ends early.
const EARLY: Duration = Duration::from_secs(5);
/// After this many of them in a row, a takeover is suspected.
const MANY: u32 = 3;

/// Returns the error that ends the program if the broker reports a session takeover. Connecting
/// again would take the session over from the other client, which would do the same.
pub(crate) fn ends(error: &Error, address: &str, client_id: &str) -> Option<anyhow::Error> {
    match error {
        Error::ServerDisconnect { reason, .. } if *reason == ReasonCode::SESSION_TAKEN_OVER => {
            Some(anyhow!(
                "lost broker `{address}`: another client with client identifier `{client_id}` has taken the session over \
                 (give one of the two another --id)"
            ))
        }
        _ => None,
    }
}

/// Counts connections that the broker closes without a DISCONNECT soon after they were made. Before
/// MQTT 5 (and with mosquitto 2.0 also there) this is the only sign of a takeover.
#[derive(Debug, Default)]
pub(crate) struct LostEarly {
    connected: Option<Instant>,
    count: u32,
    reported: bool,
}

impl LostEarly {
    /// The broker has accepted a connection.
    pub(crate) fn connected(&mut self) {
        self.connected = Some(Instant::now());
    }

    /// Returns what to report about a connection that has ended.
    pub(crate) fn line(&mut self, error: &Error, client_id: &str) -> Option<String> {
        let connected = self.connected.take()?;
        if !matches!(error, Error::Closed) || connected.elapsed() > EARLY {
            self.count = 0;
            return None;
        }
        self.count += 1;
        if self.count < MANY || self.reported {
            return None;
        }
        self.reported = true;
        Some(format!(
            "the broker has closed {MANY} connections soon after they were made: is another client connected with \
             client identifier `{client_id}`?"
        ))
    }
}
