//! Verifies that every message arrives: each carries its number, and those that arrive are counted
//! off.
//!
//! The payload is `{"value":25.3,"seq":7,"device":"12","at":1790000000000000}`: the reading, its
//! number on that device from 0 on, the device, and when it was due in microseconds since 1970
//! (UTC).

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use iot_core::{Message, TopicName};
use serde_json::Value;

use super::verdict::Verdict;
use crate::device::Device;

/// The messages that were published, and whether they have arrived.
#[derive(Debug)]
pub(crate) struct Verifier {
    lanes: Vec<Lane>,
    by_name: HashMap<String, usize>,
    /// The same moment on both clocks.
    clocks: (Instant, SystemTime),
    outstanding: u64,
    last_arrival: Instant,
    verdict: Verdict,
}

/// The messages of one device.
#[derive(Debug)]
struct Lane {
    /// `,"device":"12","at":`
    middle: String,
    /// The number of the first one in `sent`. All before it have arrived.
    first: u64,
    sent: VecDeque<Sent>,
    /// The highest number that has arrived, plus 1.
    reached: u64,
}

#[derive(Debug)]
struct Sent {
    due: Instant,
    /// The hash of topic and payload.
    fingerprint: u64,
    arrived: bool,
}

impl Verifier {
    pub(crate) fn new(devices: &[Device]) -> Self {
        let lane = |device: &Device| Lane {
            middle: format!(",\"device\":{},\"at\":", Value::from(device.name.as_str())),
            first: 0,
            sent: VecDeque::new(),
            reached: 0,
        };
        let names = devices.iter().map(|device| device.name.clone());
        let now = Instant::now();
        Self {
            lanes: devices.iter().map(lane).collect(),
            by_name: names.zip(0..).collect(),
            clocks: (now, SystemTime::now()),
            outstanding: 0,
            last_arrival: now,
            verdict: Verdict::new(),
        }
    }

    /// Returns the payload that carries the value and its number.
    pub(crate) fn payload(&self, device: usize, value: &[u8], due: Instant) -> Bytes {
        let lane = &self.lanes[device];
        let seq = lane.first + lane.sent.len() as u64;
        let mut payload = Vec::with_capacity(value.len() + lane.middle.len() + 64);
        payload.extend_from_slice(b"{\"value\":");
        payload.extend_from_slice(value);
        // Writing to memory does not fail.
        let _ = write!(
            payload,
            ",\"seq\":{seq}{}{}}}",
            lane.middle,
            self.microseconds(due)
        );
        payload.into()
    }

    fn microseconds(&self, at: Instant) -> u128 {
        let (instant, time) = self.clocks;
        let time = time + at.saturating_duration_since(instant);
        let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH);
        since_1970.unwrap_or(Duration::ZERO).as_micros()
    }

    /// A connection has taken the message.
    pub(crate) fn sent(&mut self, device: usize, topic: &TopicName, payload: &[u8], due: Instant) {
        self.lanes[device].sent.push_back(Sent {
            due,
            fingerprint: fingerprint(topic, payload),
            arrived: false,
        });
        self.outstanding += 1;
    }

    /// Everything is published at `now`: from then on, the time without an arrival counts.
    pub(crate) fn wait_from(&mut self, now: Instant) {
        self.last_arrival = self.last_arrival.max(now);
    }

    /// Returns when a message has arrived last, or when [`wait_from`](Self::wait_from) was called.
    pub(crate) fn last_arrival(&self) -> Instant {
        self.last_arrival
    }

    /// Returns whether everything has arrived.
    pub(crate) fn is_complete(&self) -> bool {
        self.outstanding == 0
    }

    /// A message has arrived on one of our topics.
    pub(crate) fn received(&mut self, message: &Message, now: Instant) {
        // The broker has kept it since before the run.
        if message.retain {
            return;
        }
        self.last_arrival = now;
        let verdict = &mut self.verdict;
        verdict.received += 1;
        let lane = identity(&message.payload)
            .and_then(|(device, seq)| Some((&mut self.lanes[*self.by_name.get(&device)?], seq)));
        let Some((lane, seq)) = lane else {
            verdict.corrupted += 1;
            return;
        };
        if seq < lane.first {
            verdict.duplicated += 1;
            return;
        }
        let at = usize::try_from(seq - lane.first).unwrap_or(usize::MAX);
        let Some(sent) = lane.sent.get_mut(at) else {
            verdict.corrupted += 1;
            return;
        };
        if sent.arrived {
            verdict.duplicated += 1;
            return;
        }
        sent.arrived = true;
        self.outstanding -= 1;
        if sent.fingerprint != fingerprint(&message.topic, &message.payload) {
            verdict.corrupted += 1;
        }
        verdict
            .latency
            .record(now.saturating_duration_since(sent.due));
        if seq < lane.reached {
            verdict.out_of_order += 1;
        }
        lane.reached = lane.reached.max(seq + 1);
        while lane.sent.front().is_some_and(|sent| sent.arrived) {
            lane.sent.pop_front();
            lane.first += 1;
        }
    }

    /// Nothing more arrives: what is missing is lost.
    pub(crate) fn finish(mut self) -> Verdict {
        self.verdict.lost = self.outstanding;
        self.verdict
    }
}

/// Returns the device and the number in a payload.
fn identity(payload: &[u8]) -> Option<(String, u64)> {
    let payload: Value = serde_json::from_slice(payload).ok()?;
    let device = payload.get("device")?.as_str()?.to_owned();
    Some((device, payload.get("seq")?.as_u64()?))
}

fn fingerprint(topic: &TopicName, payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    topic.as_str().hash(&mut hasher);
    payload.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifier() -> Verifier {
        Verifier::new(&[Device::constant("1"), Device::constant("\"2\"")])
    }

    fn topic() -> TopicName {
        TopicName::new("iot/a").unwrap()
    }

    fn send(verifier: &mut Verifier, device: usize) -> Message {
        let due = Instant::now();
        let payload = verifier.payload(device, b"25.5", due);
        verifier.sent(device, &topic(), &payload, due);
        Message::new(topic(), payload)
    }

    #[track_caller]
    fn case(arrivals: &[usize], [lost, duplicated, out_of_order]: [u64; 3]) {
        let mut verifier = verifier();
        let messages: Vec<_> = (0..4).map(|_| send(&mut verifier, 0)).collect();
        for arrival in arrivals {
            verifier.received(&messages[*arrival], Instant::now());
        }
        let verdict = verifier.finish();
        let found = [verdict.lost, verdict.duplicated, verdict.out_of_order];
        assert_eq!(found, [lost, duplicated, out_of_order], "{arrivals:?}");
        assert_eq!(verdict.corrupted, 0);
    }

    #[test]
    fn lost_duplicated_and_reordered_messages_are_found() {
        case(&[0, 1, 2, 3], [0, 0, 0]);
        case(&[], [4, 0, 0]);
        case(&[0, 1, 2], [1, 0, 0]);
        case(&[1, 2, 3], [1, 0, 0]);
        case(&[0, 0, 1, 2, 3, 3], [0, 2, 0]);
        case(&[0, 2, 1, 3], [0, 0, 1]);
        case(&[3, 2, 1, 0], [0, 0, 3]);
        case(&[2, 0, 2], [2, 1, 1]);
    }

    #[test]
    fn devices_do_not_share_an_order() {
        let mut verifier = verifier();
        let first = [send(&mut verifier, 0), send(&mut verifier, 0)];
        let second = send(&mut verifier, 1);
        for message in [&second, &first[0], &first[1]] {
            verifier.received(message, Instant::now());
        }
        assert!(verifier.is_complete());
        assert_eq!(verifier.finish().complaint(), None);
    }

    #[test]
    fn a_changed_message_is_corrupted() {
        let mut verifier = verifier();
        let message = send(&mut verifier, 0);
        let changed = |from: &str, to: &str| {
            let text = String::from_utf8(message.payload.to_vec()).unwrap();
            Message::new(topic(), text.replace(from, to))
        };
        for foreign in [
            Message::new(topic(), "hello"),
            Message::new(topic(), ""),
            changed("\"seq\":0", "\"seq\":99"),
            changed("\"device\":\"1\"", "\"device\":\"3\""),
        ] {
            verifier.received(&foreign, Instant::now());
        }
        assert!(!verifier.is_complete());
        verifier.received(&changed("25.5", "26.5"), Instant::now());
        assert!(verifier.is_complete());
        assert_eq!(verifier.finish().complaint(), Some("5 corrupted".into()));
    }

    #[test]
    fn retained_messages_are_ignored() {
        let mut verifier = verifier();
        let old = Message::new(topic(), "25.5").with_retain(true);
        verifier.received(&old, Instant::now());
        assert_eq!(verifier.finish().received, 0);
    }

    #[test]
    fn the_payload_is_json_with_the_due_time() {
        let mut verifier = verifier();
        send(&mut verifier, 1);
        let message = send(&mut verifier, 1);
        let payload: Value = serde_json::from_slice(&message.payload).unwrap();
        let now = verifier.microseconds(Instant::now());
        assert_eq!(payload["value"], 25.5);
        assert_eq!(payload["seq"], 1);
        assert_eq!(payload["device"], "\"2\"");
        let at = u128::from(payload["at"].as_u64().unwrap());
        assert!(at <= now && now - at < 60_000_000, "{at}, {now}");
    }
}
