//! Lines about the connection for stderr: one for each change, none for each attempt.

use std::time::{Duration, Instant};

use iot_core::config::ClientConfig;
use iot_core::error::{Error, hint, io_reason};
use iot_core::session::Event;

use crate::advice::{Advice, Advised};

/// A connection that lasts so long is news when it is lost.
const LASTING: Duration = Duration::from_secs(10);

/// Turns the connection's events into lines for stderr.
#[derive(Debug)]
pub struct Notices {
    /// The broker of the last event.
    address: String,
    /// The broker that has accepted the last connection, if there are several.
    connected_to: Option<String>,
    has_several: bool,
    /// What may help if the broker does not accept the connection.
    advice: Advice,
    state: State,
    /// The lines that were reported since a broker was last there.
    reported: Vec<String>,
    /// When the broker accepted the connection.
    connected_at: Option<Instant>,
    /// The last loss, and how often it has happened since something was acknowledged.
    loss: Option<(String, u64)>,
    /// What the broker had sent has ended the last connection. It may send the same on each, after
    /// other messages, which are no progress then.
    is_poisoned: bool,
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
    /// Returns notices about the broker of this configuration.
    pub fn new(config: &ClientConfig) -> Self {
        Self {
            address: config.address(),
            connected_to: None,
            has_several: !config.brokers.is_empty() || config.follow_redirects,
            advice: Advice::new(config),
            state: State::Waiting,
            reported: Vec::new(),
            connected_at: None,
            loss: None,
            is_poisoned: false,
        }
    }

    /// Returns whether there was a connection, and it is lost.
    pub fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// The broker has acknowledged something: a loss is news again.
    pub fn progress(&mut self) {
        self.loss = None;
    }

    /// Returns the line for the event of this broker
    /// ([`Handle::broker`](iot_core::Handle::broker)), if it is news.
    pub fn line(&mut self, event: &Event, broker: impl FnOnce() -> String) -> Option<String> {
        if let Event::Connected(_) | Event::ConnectFailed(_) | Event::Disconnected(Err(_)) = event {
            self.address = broker();
        }
        let error = match event {
            Event::Connected(_) => return self.connected(),
            Event::Received { message, .. } => {
                if !self.is_poisoned && !message.retain {
                    self.progress();
                }
                return None;
            }
            Event::ConnectFailed(error) | Event::Disconnected(Err(error)) => error,
            _ => return None,
        };
        if self.state == State::Connected {
            self.state = State::Lost;
            return self.loss(error);
        }
        let address = &self.address;
        let advice = self.advice.for_error(error, address);
        let reason = match error {
            Error::Refused { .. } => format!("{error}{advice}"),
            // A lost broker that cannot be reached is no news.
            _ if self.state == State::Lost && !self.is_another() => return None,
            Error::Connect { reason, .. } => format!("{}{}", io_reason(reason), hint(reason)),
            _ => format!("{error}{advice}"),
        };
        let line = format!("waiting for broker `{address}`: {reason}");
        if self.reported.contains(&line) {
            return None;
        }
        self.reported.push(line.clone());
        Some(line)
    }

    /// Whether the event is of another broker than the one that accepted the last connection.
    fn is_another(&self) -> bool {
        let before = self.connected_to.as_ref();
        before.is_some_and(|before| *before != self.address)
    }

    /// The broker has accepted a connection. Returns a line if that is not the first of several
    /// brokers that was tried, or another one than before.
    fn connected(&mut self) -> Option<String> {
        let is_news = self.is_another() || !self.reported.is_empty();
        self.state = State::Connected;
        self.connected_at = Some(Instant::now());
        self.reported.clear();
        if !self.has_several {
            return None;
        }
        self.connected_to = Some(self.address.clone());
        is_news.then(|| format!("connected to broker `{}`", self.address))
    }

    /// Returns the line for a connection that is lost: the same one again is counted, and reported
    /// when it has happened 10, 100, 1,000 times and so on.
    fn loss(&mut self, error: &Error) -> Option<String> {
        let reason = error.to_string();
        let address = &self.address;
        if self.connected_at.is_some_and(|at| at.elapsed() >= LASTING) {
            self.loss = None;
        }
        self.is_poisoned = matches!(
            error,
            Error::Decode(_) | Error::BadMessage { .. } | Error::Protocol(_)
        );
        let count = match &self.loss {
            Some((last, count)) if *last == reason => count + 1,
            _ => 1,
        };
        let line = match count {
            1 => Some(format!(
                "lost broker `{address}`: {reason}; connecting again"
            )),
            _ if is_power_of_ten(count) => Some(format!(
                "lost broker `{address}` {count} times: {reason}; connecting again"
            )),
            _ => None,
        };
        self.loss = Some((reason, count));
        line
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
        let advice = match self.state {
            State::Waiting => self.advice.for_error(&error, &self.address),
            _ => "",
        };
        Advised { error, advice }
            .into_error()
            .context(format!("{failed} broker `{}`", self.address))
    }
}

fn is_power_of_ten(count: u64) -> bool {
    count == 10_u64.pow(count.ilog10())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;
    use iot_core::packet::{ConnAck, DecodeError, SubscribeAck};
    use iot_core::reason::ConnectCode;
    use iot_core::{PacketId, Protocol};

    const WAITING: &str =
        "waiting for broker `b:1883`: connection refused (is a broker running there?)";
    const UNAVAILABLE: &str =
        "waiting for broker `b:1883`: the broker refuses the connection: server unavailable";
    const LOST: &str = "lost broker `b:1883`: the broker closed the connection; connecting again";

    const SILENT: &str = "lost broker `b:1883`: the broker is silent for longer than the keep alive; connecting again";

    fn subscribed() -> Event {
        Event::Subscribed(SubscribeAck {
            id: PacketId::new(1).unwrap(),
            reasons: Vec::new(),
            properties: None,
        })
    }

    fn received(is_retained: bool) -> Event {
        let topic = iot_core::TopicName::new("a").unwrap();
        Event::Received {
            message: iot_core::Message::new(topic, "1").with_retain(is_retained),
            token: None,
        }
    }

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

    fn config() -> ClientConfig {
        ClientConfig {
            host: "b".into(),
            ..ClientConfig::default()
        }
    }

    #[track_caller]
    fn case(events: &[(Event, Option<&str>)]) {
        let mut notices = Notices::new(&config());
        for (event, expected) in events {
            assert_eq!(
                notices.line(event, || "b:1883".into()).as_deref(),
                *expected,
                "{event:?}"
            );
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
            (received(true), None),
            (lost(), None),
            (connected(), None),
            (received(false), None),
            (lost(), Some(LOST)),
            (connected(), None),
            (ended(Error::KeepAlive), Some(SILENT)),
        ]);
    }

    #[test]
    fn each_of_several_brokers_is_named() {
        let config = ClientConfig {
            brokers: vec![iot_core::BrokerAddress::new("c", 1883)],
            ..config()
        };
        let mut notices = Notices::new(&config);
        let mut line = |event, broker: &str| notices.line(&event, || broker.into());
        assert_eq!(line(away(), "b:1883").as_deref(), Some(WAITING));
        let connected_to = Some("connected to broker `c:1883`".to_owned());
        assert_eq!(line(connected(), "c:1883"), connected_to);
        let lost = LOST.replace("b:", "c:");
        assert_eq!(line(ended(Error::Closed), "c:1883"), Some(lost));
        assert_eq!(line(away(), "b:1883").as_deref(), Some(WAITING));
        assert_eq!(line(away(), "c:1883"), None);
        assert_eq!(line(away(), "b:1883"), None);
        assert_eq!(line(connected(), "c:1883"), connected_to);
    }

    #[test]
    fn the_same_loss_without_progress_is_counted_and_a_suback_is_none() {
        const TEN: &str =
            "lost broker `b:1883` 10 times: the broker closed the connection; connecting again";
        let mut notices = Notices::new(&config());
        for count in 1..=99 {
            notices.line(&connected(), || "b:1883".into());
            notices.line(&subscribed(), || "b:1883".into());
            let expected = match count {
                1 => Some(LOST),
                10 => Some(TEN),
                _ => None,
            };
            let line = notices.line(&ended(Error::Closed), || "b:1883".into());
            assert_eq!(line.as_deref(), expected, "{count}");
        }
    }

    #[test]
    fn what_breaks_each_connection_after_its_suback_is_counted() {
        let mut notices = Notices::new(&config());
        let broken = || ended(Error::Decode(DecodeError::Malformed("a field")));
        for count in 1..=9 {
            notices.line(&connected(), || "b:1883".into());
            notices.line(&subscribed(), || "b:1883".into());
            assert_eq!(
                notices.line(&broken(), || "b:1883".into()).is_some(),
                count == 1,
                "{count}"
            );
        }
        notices.line(&connected(), || "b:1883".into());
        notices.line(&subscribed(), || "b:1883".into());
        let line = notices.line(&broken(), || "b:1883".into()).unwrap();
        assert!(line.starts_with("lost broker `b:1883` 10 times"), "{line}");
    }

    #[test]
    fn a_connection_that_is_not_accepted_brings_advice() {
        for (protocol, port, expected) in [
            (
                Protocol::V5,
                1883,
                " (if the broker does not support MQTT 5: -V mqttv311)",
            ),
            (Protocol::V311, 1883, ""),
            (
                Protocol::V5,
                8883,
                " (does this port need TLS? --tls-use-os-certs, or --cafile FILE)",
            ),
            (
                Protocol::V311,
                18883,
                " (does this port need TLS? --tls-use-os-certs, or --cafile FILE)",
            ),
            (
                Protocol::V5,
                18883,
                " (if this port needs TLS: --tls-use-os-certs, or --cafile FILE; if the broker does \
                 not support MQTT 5: -V mqttv311)",
            ),
        ] {
            let config = ClientConfig {
                protocol,
                port,
                ..config()
            };
            let mut notices = Notices::new(&config);
            let line = notices.line(&ended(Error::Closed), || config.address());
            let expected = format!("the broker closed the connection{expected}");
            let line = line.unwrap();
            assert!(line.ends_with(&expected), "{line}");
        }
    }

    #[test]
    fn the_advice_is_about_the_broker_that_failed() {
        let config = ClientConfig {
            brokers: vec![iot_core::BrokerAddress::new("c", 8883)],
            ..config()
        };
        let mut notices = Notices::new(&config);
        let mut line = |broker: &str| notices.line(&ended(Error::Closed), || broker.into());
        let closed = "the broker closed the connection";
        assert!(line("b:1883").unwrap().ends_with(closed));
        let advised = line("c:8883").unwrap();
        assert!(advised.contains(" (does this port need TLS?"), "{advised}");
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
        let mut notices = Notices::new(&config());
        let text = |notices: &Notices, error| format!("{:#}", notices.failure(error));
        let cannot = "cannot connect to broker `b:1883`: the broker refuses the connection: server unavailable";
        assert_eq!(text(&notices, unavailable()), cannot);
        assert_eq!(
            text(&notices, Error::Closed),
            "cannot connect to broker `b:1883`: the broker closed the connection"
        );
        notices.line(&connected(), || "b:1883".into());
        notices.line(&ended(Error::Closed), || "b:1883".into());
        assert_eq!(
            text(&notices, Error::Closed),
            "lost broker `b:1883`: the broker closed the connection"
        );
        assert_eq!(text(&notices, unavailable()), cannot);
    }
}
