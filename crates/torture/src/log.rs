//! What mosquitto's log tells: who was sent what again, and what `iot-sub` has acknowledged.

use std::collections::{HashMap, HashSet};

use crate::publisher::{Key, key};

/// The client id of the tortured `iot-sub`.
pub(crate) const SUBJECT: &str = "tortured";

/// What the log of a round says.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// PUBLISH packets sent to `iot-sub` again, by QoS (1 and 2).
    pub(crate) sent_again: [u64; 3],
    /// PUBLISH packets that publishers have sent again, by QoS.
    pub(crate) published_again: [u64; 3],
    /// How often each reading was sent to `iot-sub`.
    pub(crate) sent: HashMap<Key, Sent>,
    /// What `iot-sub` has acknowledged (by PUBACK or PUBREC).
    pub(crate) acknowledged: HashSet<Key>,
}

/// How often a reading was sent.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) times: u64,
    /// In how many of the broker's lives; what it has saved before its end it still knows in the next, which is the same
    /// life then.
    pub(crate) lives: u64,
    last_life: u64,
}

/// Reads the log of all the broker's lives.
pub(crate) fn read(log: &str) -> Told {
    let mut told = Told::default();
    let mut under_way: HashMap<&str, Key> = HashMap::new();
    let (mut lives, mut saved) = (0, false);
    for line in log.lines() {
        // TIME: Sending PUBLISH to tortured (d0, q1, r0, m5, 'iot/q1/0/17', ... (24 bytes))
        let Some((_, line)) = line.split_once(": ") else {
            continue;
        };
        if let Some(line) = line.strip_prefix("Sending PUBLISH to ") {
            if let Some(publish) = Publish::read(line)
                && publish.client == SUBJECT
            {
                told.sent_again[publish.qos] += u64::from(publish.again);
                if let Some(key) = key(publish.topic) {
                    told.sent.entry(key).or_default().count(lives);
                    under_way.insert(publish.id, key);
                }
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
            told.acknowledged
                .extend(id.and_then(|id| under_way.get(id)));
        } else if line.starts_with("mosquitto version ") {
            if line.ends_with(" starting") {
                lives += u64::from(!saved);
            }
            saved = line.ends_with(" terminating");
        }
    }
    told
}

impl Sent {
    fn count(&mut self, life: u64) {
        self.times += 1;
        self.lives += u64::from(self.last_life != life);
        self.last_life = life;
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_lives_from_restarts_and_who_has_acknowledged_what() {
        let told = read(
            "1: mosquitto version 2.0.11 starting
1: Sending PUBLISH to tortured (d0, q2, r0, m5, 'iot/q2/3/17', ... (24 bytes))
1: Received PUBREC from tortured (Mid: 5)
1: mosquitto version 2.0.11 terminating
2: mosquitto version 2.0.11 starting
2: Sending PUBLISH to tortured (d1, q2, r0, m5, 'iot/q2/3/17', ... (24 bytes))
2: Sending PUBLISH to tortured (d0, q2, r0, m6, 'iot/q2/3/18', ... (24 bytes))
3: mosquitto version 2.0.11 starting
3: Received PUBLISH from publisher3 (d1, q2, r0, m9, 'iot/q2/3/17', ... (24 bytes))
3: Sending PUBLISH to tortured (d0, q2, r0, m1, 'iot/q2/3/17', ... (24 bytes))
",
        );
        assert_eq!(told.sent_again, [0, 0, 1]);
        assert_eq!(told.published_again, [0, 0, 1]);
        assert_eq!(told.acknowledged, HashSet::from([(3, 17)]));
        let sent = |number| {
            let sent: &Sent = &told.sent[&(3, number)];
            (sent.times, sent.lives)
        };
        assert_eq!(sent(17), (3, 2));
        assert_eq!(sent(18), (1, 1));
    }
}
