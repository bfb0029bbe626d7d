//! What mosquitto's log tells: who was sent what again, and what `iot-sub` has acknowledged.

use std::collections::{HashMap, HashSet};

/// The client id of the tortured `iot-sub`.
pub(crate) const SUBJECT: &str = "tortured";

/// What the log of a round says.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// PUBLISH packets sent to `iot-sub` again, by QoS (1 and 2).
    pub(crate) sent_again: [u64; 3],
    /// PUBLISH packets that publishers have sent again, by QoS.
    pub(crate) published_again: [u64; 3],
    /// Topics of what `iot-sub` has acknowledged (by PUBACK or PUBREC).
    pub(crate) acknowledged: HashSet<String>,
}

/// Reads the log of all the broker's lives.
pub(crate) fn read(log: &str) -> Told {
    let mut told = Told::default();
    let mut on_their_way: HashMap<&str, &str> = HashMap::new();
    for line in log.lines() {
        // TIME: Sending PUBLISH to tortured (d0, q1, r0, m5, 'iot/q1/0', ... (24 bytes))
        let Some((_, line)) = line.split_once(": ") else {
            continue;
        };
        if let Some(line) = line.strip_prefix("Sending PUBLISH to ") {
            let Some(publish) = Publish::read(line) else {
                continue;
            };
            if publish.client == SUBJECT {
                told.sent_again[publish.qos] += u64::from(publish.again);
                on_their_way.insert(publish.id, publish.topic);
            }
        } else if let Some(line) = line.strip_prefix("Received PUBLISH from ") {
            if let Some(publish) = Publish::read(line) {
                told.published_again[publish.qos] += u64::from(publish.again);
            }
        } else if let Some(line) = line
            .strip_prefix("Received PUBACK from ")
            .or_else(|| line.strip_prefix("Received PUBREC from "))
        {
            // tortured (Mid: 5, RC:0)
            let id = line
                .strip_prefix(SUBJECT)
                .and_then(|line| line.strip_prefix(" (Mid: "))
                .and_then(|line| line.split([',', ')']).next());
            if let Some(topic) = id.and_then(|id| on_their_way.get(id)) {
                told.acknowledged.insert((*topic).to_owned());
            }
        }
    }
    told
}

struct Publish<'a> {
    client: &'a str,
    again: bool,
    qos: usize,
    id: &'a str,
    topic: &'a str,
}

impl<'a> Publish<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (client, line) = line.split_once(" (d")?;
        let mut fields = line.split(", ");
        let again = fields.next()? == "1";
        let qos = fields.next()?.strip_prefix('q')?.parse().ok()?;
        let _retain = fields.next()?;
        let id = fields.next()?.strip_prefix('m')?;
        let topic = fields.next()?.trim_matches('\'');
        Some(Self {
            client,
            again,
            qos,
            id,
            topic,
        })
    }
}
