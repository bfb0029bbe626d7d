//! The keepalive of a Victron device (Venus OS), which stops publishing without one.

use std::str::FromStr;

use iot_core::{Message, TopicName};
use iot_decode::{VICTRON_KEEPALIVE_INTERVAL, victron_keepalive};
use tokio::time::Instant;

/// The portal ID of an installation, which is a level of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Portal(String);

impl FromStr for Portal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains(['/', '+', '#']) {
            return Err(
                "a portal ID is one level of a topic, as in N/PORTAL/system/0/Serial".into(),
            );
        }
        let topic = TopicName::new(text.to_owned());
        topic.map_err(|error| error.to_string())?;
        Ok(Self(text.to_owned()))
    }
}

/// Says when keepalives are due.
#[derive(Debug)]
pub(crate) struct Keepalives {
    portals: Vec<Portal>,
    /// `None` before the first one of a connection.
    last: Option<Instant>,
}

impl Keepalives {
    pub(crate) fn new(portals: Vec<Portal>) -> Self {
        Self {
            portals,
            last: None,
        }
    }

    /// A connection was made: the next keepalive asks for all values.
    pub(crate) fn connected(&mut self) {
        self.last = None;
    }

    /// Returns the keepalives that are due.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Message> {
        if self
            .last
            .is_some_and(|last| now < last + VICTRON_KEEPALIVE_INTERVAL)
        {
            return Vec::new();
        }
        let is_first = self.last.is_none();
        self.last = Some(now);
        let messages = self.portals.iter().filter_map(|Portal(portal)| {
            let (topic, payload) = victron_keepalive(portal, is_first);
            Some(Message::new(TopicName::new(topic).ok()?, payload))
        });
        messages.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_keepalive_is_due_every_half_minute() {
        let mut keepalives = Keepalives::new(vec!["c0619ab".parse().unwrap()]);
        let now = Instant::now();
        let mut payloads = |seconds| {
            let due = keepalives.due(now + Duration::from_secs(seconds));
            due.iter()
                .map(|message| message.payload.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(payloads(0), [0]);
        assert!(payloads(29).is_empty());
        assert_eq!(payloads(30).len(), 1);
        keepalives.connected();
        let due = keepalives.due(now + Duration::from_secs(31));
        assert_eq!(due[0].topic.as_str(), "R/c0619ab/keepalive");
        assert!(due[0].payload.is_empty());
    }

    #[test]
    fn a_portal_is_one_level() {
        for bad in ["", "a/b", "+", "#"] {
            assert!(bad.parse::<Portal>().is_err(), "{bad}");
        }
    }
}
