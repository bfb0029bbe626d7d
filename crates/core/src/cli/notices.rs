//! What a person is told about the connection: one line for each change, none for each attempt.

use crate::error::{Error, hint, io_reason};
use crate::session::Event;

/// Turns the connection's events into lines for stderr.
#[derive(Debug)]
pub struct Notices {
    address: String,
    /// What was said last of a broker that is away.
    away: Option<String>,
}

impl Notices {
    /// Returns notices about the broker at `address`, `HOST:PORT`.
    pub fn new(address: String) -> Self {
        Self {
            address,
            away: None,
        }
    }

    /// Returns the line that the event is worth.
    pub fn line(&mut self, event: &Event) -> Option<String> {
        let line = match event {
            Event::Connected(_) => {
                self.away = None;
                return None;
            }
            Event::ConnectFailed(Error::Connect { reason, .. }) => format!(
                "waiting for broker `{}`: {}{}",
                self.address,
                io_reason(reason),
                hint(reason),
            ),
            Event::ConnectFailed(error) | Event::Disconnected(Err(error)) => match error {
                Error::Refused { .. } => {
                    format!("waiting for broker `{}`: {error}", self.address)
                }
                _ => format!("lost broker `{}`: {error}; connecting again", self.address),
            },
            _ => return None,
        };
        // The same state again is no news; neither is a refused connection after a loss was told.
        if self.away.as_ref() == Some(&line) {
            return None;
        }
        self.away = Some(line.clone());
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    fn refused() -> Event {
        Event::ConnectFailed(Error::Connect {
            address: "b:1883".into(),
            reason: Arc::new(io::ErrorKind::ConnectionRefused.into()),
        })
    }

    #[test]
    fn a_broker_that_is_away_is_told_once() {
        let mut notices = Notices::new("b:1883".into());
        assert_eq!(
            notices.line(&refused()).as_deref(),
            Some("waiting for broker `b:1883`: connection refused (is a broker running there?)")
        );
        assert_eq!(notices.line(&refused()), None);
        let lost = Event::Disconnected(Err(Error::Closed));
        assert_eq!(
            notices.line(&lost).as_deref(),
            Some("lost broker `b:1883`: the broker closed the connection; connecting again")
        );
    }
}
