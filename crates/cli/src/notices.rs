//! What a person is told about the connection: one line for each change, none for each attempt.

use iot_core::error::{Error, hint, io_reason};
use iot_core::session::Event;

/// Turns the connection's events into lines for stderr.
#[derive(Debug)]
pub struct Notices {
    address: String,
    state: State,
    /// What was said of a broker that is away, since it last was there.
    said: Vec<String>,
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
            said: Vec::new(),
        }
    }

    /// Returns whether there was a connection, and it is lost.
    pub fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Returns the line that the event is worth.
    pub fn line(&mut self, event: &Event) -> Option<String> {
        let error = match event {
            Event::Connected(_) => {
                self.state = State::Connected;
                self.said.clear();
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
            // That a lost broker can't be reached is no news.
            _ if self.state == State::Lost => return None,
            Error::Connect { reason, .. } => format!("{}{}", io_reason(reason), hint(reason)),
            _ => error.to_string(),
        };
        if self.said.contains(&reason) {
            return None;
        }
        let line = format!("waiting for broker `{address}`: {reason}");
        self.said.push(reason);
        Some(line)
    }

    /// Returns the error that ends the program, with what could not be done: for an event that
    /// [`line`](Self::line) has seen, and that is not to be waited out.
    pub fn failure(&self, error: Error) -> anyhow::Error {
        let what = match error {
            // It says so itself.
            Error::Connect { .. } => return error.into(),
            Error::Refused { .. } | Error::ConnectTimeout => "cannot connect to",
            _ if self.state == State::Lost => "lost",
            _ => "cannot connect to",
        };
        anyhow::Error::from(error).context(format!("{what} broker `{}`", self.address))
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
    fn a_broker_that_is_not_there_yet_is_told_once() {
        case(&[(away(), Some(WAITING)), (away(), None), (away(), None)]);
    }

    #[test]
    fn each_loss_is_told_and_what_follows_from_it_is_not() {
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
    fn a_broker_that_is_there_and_unavailable_is_told_once_too() {
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
    fn a_connection_that_never_stood_is_not_lost() {
        let line = "waiting for broker `b:1883`: the broker does not answer CONNECT";
        case(&[(ended(Error::ConnectTimeout), Some(line))]);
    }

    #[test]
    fn the_end_says_what_could_not_be_done() {
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
