//! Lines about the connection for stderr: one for each change, none for each attempt.

use iot_core::error::{Error, hint, io_reason};
use iot_core::session::Event;

/// Turns the connection's events into lines for stderr.
#[derive(Debug)]
pub struct Notices {
    address: String,
    state: State,
    /// The reasons that were reported since the broker was last there.
    reported: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There was no connection yet.
    Waiting,
    Connected,
    /// There was one.
    Lost,
}

impl Notices {
    /// Returns notices about the broker at `address`, `HOST:PORT`.
    pub fn new(address: String) -> Self {
        Self {
            address,
            state: State::Waiting,
            reported: Vec::new(),
        }
    }

    /// Returns whether there was a connection, and it is lost.
    pub fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Returns the line for the event, if it is news.
    pub fn line(&mut self, event: &Event) -> Option<String> {
        let error = match event {
            Event::Connected(_) => {
                self.state = State::Connected;
                self.reported.clear();
                return None;
            }
            Event::ConnectFailed(error) | Event::Disconnected(Err(error)) => error,
            _ => return None,
        };
        let address = &self.address;
        if self.state == State::Connected {
            self.state = State::Lost;
            return Some(format!(
                "lost broker `{address}`: {error}; connecting again"
            ));
        }
        let reason = match error {
            Error::Refused { .. } => error.to_string(),
            // A lost broker that cannot be reached is no news.
            _ if self.state == State::Lost => return None,
            Error::Connect { reason, .. } => format!("{}{}", io_reason(reason), hint(reason)),
            _ => error.to_string(),
        };
        if self.reported.contains(&reason) {
            return None;
        }
        let line = format!("waiting for broker `{address}`: {reason}");
        self.reported.push(reason);
        Some(line)
    }

    /// Returns the error that ends the program, for an event that [`line`](Self::line) has seen and
    /// that the program does not wait out.
    pub fn failure(&self, error: Error) -> anyhow::Error {
        let failed = match error {
            // It names the broker itself.
            Error::Connect { .. } => return error.into(),
            Error::Refused { .. } | Error::ConnectTimeout => "cannot connect to",
            _ if self.state == State::Lost => "lost",
            _ => "cannot connect to",
        };
        anyhow::Error::from(error).context(format!("{failed} broker `{}`", self.address))
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;
    use iot_core::packet::ConnAck;
    use iot_core::reason::ConnectCode;

    const WAITING: &str =
        "waiting for broker `b:1883`: connection refused (is a broker running there?)";
    const UNAVAILABLE: &str =
        "waiting for broker `b:1883`: the broker refuses the connection: server unavailable";
    const LOST: &str = "lost broker `b:1883`: the broker closed the connection; connecting again";

    fn away() -> Event {
        Event::ConnectFailed(Error::Connect {
            address: "b:1883".into(),
            reason: Arc::new(io::ErrorKind::ConnectionRefused.into()),
        })
    }

    fn connected() -> Event {
        Event::Connected(ConnAck {
            session_present: false,
            code: ConnectCode::ACCEPTED,
            properties: None,
        })
    }

    fn unavailable() -> Error {
        Error::Refused {
            code: ConnectCode(3),
            reason_string: None,
            properties: None,
        }
    }

    fn ended(error: Error) -> Event {
        Event::Disconnected(Err(error))
    }

    #[track_caller]
    fn case(events: &[(Event, Option<&str>)]) {
        let mut notices = Notices::new("b:1883".into());
        for (event, expected) in events {
            assert_eq!(notices.line(event).as_deref(), *expected, "{event:?}");
        }
    }

    #[test]
    fn a_broker_that_is_not_there_yet_is_reported_once() {
        case(&[(away(), Some(WAITING)), (away(), None), (away(), None)]);
    }

    #[test]
    fn each_loss_is_reported_and_what_follows_from_it_is_not() {
        let lost = || ended(Error::Closed);
        case(&[
            (connected(), None),
            (lost(), Some(LOST)),
            (away(), None),
            (lost(), None),
            (connected(), None),
            (lost(), Some(LOST)),
        ]);
    }

    #[test]
    fn a_broker_that_is_there_and_unavailable_is_reported_once_too() {
        case(&[
            (away(), Some(WAITING)),
            (ended(unavailable()), Some(UNAVAILABLE)),
            (away(), None),
            (ended(unavailable()), None),
            (connected(), None),
            (ended(Error::Closed), Some(LOST)),
            (ended(unavailable()), Some(UNAVAILABLE)),
            (ended(unavailable()), None),
        ]);
    }

    #[test]
    fn a_broker_that_never_answered_is_not_lost() {
        let line = "waiting for broker `b:1883`: the broker does not answer CONNECT";
        case(&[(ended(Error::ConnectTimeout), Some(line))]);
    }

    #[test]
    fn the_final_error_names_what_failed() {
        let mut notices = Notices::new("b:1883".into());
        let text = |notices: &Notices, error| format!("{:#}", notices.failure(error));
        let cannot = "cannot connect to broker `b:1883`: the broker refuses the connection: server unavailable";
        assert_eq!(text(&notices, unavailable()), cannot);
        assert_eq!(
            text(&notices, Error::Closed),
            "cannot connect to broker `b:1883`: the broker closed the connection"
        );
        notices.line(&connected());
        notices.line(&ended(Error::Closed));
        assert_eq!(
            text(&notices, Error::Closed),
            "lost broker `b:1883`: the broker closed the connection"
        );
        assert_eq!(text(&notices, unavailable()), cannot);
    }
}
