//! Reads mosquitto's log: what was sent to whom, what was sent again, what `iot-sub` acknowledged.

use std::collections::{HashMap, HashSet};

use torture::message::Key;
use torture::shape::key;

/// The client identifier of the tested `iot-sub`.
pub(crate) const SUBJECT: &str = "tortured";

/// The log of a round, summed up.
#[derive(Debug, Default)]
pub(crate) struct LogSummary {
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
    /// In how many of the broker's runs. A run that saved everything before its end counts as one
    /// with the next.
    pub(crate) runs: u64,
    last_run: u64,
}

/// Reads the log of all runs of the broker.
pub(crate) fn read(log: &str) -> LogSummary {
    let mut logged = LogSummary::default();
    let mut under_way: HashMap<&str, Key> = HashMap::new();
    let (mut runs, mut saved) = (0, false);
    for line in log.lines() {
        // TIME: Sending PUBLISH to tortured (d0, q1, r0, m5, 'iot/q1/0/17', ... (24 bytes))
        let Some((_, line)) = line.split_once(": ") else {
            continue;
        };
        if let Some(line) = line.strip_prefix("Sending PUBLISH to ") {
            if let Some(publish) = Publish::read(line)
                && publish.client == SUBJECT
            {
                logged.sent_again[publish.qos] += u64::from(publish.again);
                if let Some(key) = key(publish.topic) {
                    logged.sent.entry(key).or_default().count(runs);
                    under_way.insert(publish.id, key);
                }
            }
        } else if let Some(line) = line.strip_prefix("Received PUBLISH from ") {
            if let Some(publish) = Publish::read(line) {
                logged.published_again[publish.qos] += u64::from(publish.again);
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
            logged
                .acknowledged
                .extend(id.and_then(|id| under_way.get(id)));
        } else if line.starts_with("mosquitto version ") {
            if line.ends_with(" starting") {
                runs += u64::from(!saved);
            }
            saved = line.ends_with(" terminating");
        }
    }
    logged
}

impl Sent {
    fn count(&mut self, run: u64) {
        self.times += 1;
        self.runs += u64::from(self.last_run != run);
        self.last_run = run;
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
    fn distinguishes_runs_from_restarts_and_finds_acknowledgements() {
        let logged = read(
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
        assert_eq!(logged.sent_again, [0, 0, 1]);
        assert_eq!(logged.published_again, [0, 0, 1]);
        assert_eq!(logged.acknowledged, HashSet::from([(3, 17)]));
        let sent = |number| {
            let sent: &Sent = &logged.sent[&(3, number)];
            (sent.times, sent.runs)
        };
        assert_eq!(sent(17), (3, 2));
        assert_eq!(sent(18), (1, 1));
    }
}
