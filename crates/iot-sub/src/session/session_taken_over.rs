//! Another client with our id: the broker closes our connection for its sake.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use iot_core::{Error, ReasonCode};

/// A connection that ends within this time ends early.
const EARLY: Duration = Duration::from_secs(5);
/// So many of them in a row are no accident.
const MANY: u32 = 3;

/// Returns why the program ends, where the broker says that another client has taken over its
/// session: to connect again would take it back, and so on.
pub(crate) fn ends(error: &Error, address: &str, client_id: &str) -> Option<anyhow::Error> {
    match error {
        Error::ServerDisconnect { reason, .. } if *reason == ReasonCode::SESSION_TAKEN_OVER => {
            Some(anyhow!(
                "lost broker `{address}`: another client with ID `{client_id}` has taken the session over (give one of the \
                 two another --id)"
            ))
        }
        _ => None,
    }
}

/// Counts connections that the broker closes without a word soon after they were made: before MQTT
/// 5 (and mosquitto 2.0 also with it) that is all that one hears of a takeover.
#[derive(Debug, Default)]
pub(crate) struct LostEarly {
    connected: Option<Instant>,
    count: u32,
    reported: bool,
}

impl LostEarly {
    /// Is called when the broker has accepted a connection.
    pub(crate) fn connected(&mut self) {
        self.connected = Some(Instant::now());
    }

    /// Returns what is to be said of a connection that has ended.
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
            "the broker has closed {MANY} connections soon after they were made: is another client running with ID \
             `{client_id}`?"
        ))
    }
}
