//! The session of an edge node: from one NBIRTH to its NDEATH, with a number on each message.

use iot_sparkplug::Payload;
use prost::Message as _;

use super::record::SessionRecord;

/// How a message follows the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// It is the next one, or comes again after a lost connection, or has no number.
    Next,
    /// Messages between them are missing.
    Gap,
    /// It belongs to a session whose NBIRTH is missing: no alias means what it did.
    OtherSession,
}

/// The present session of an edge node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Session {
    /// The number that the will of this session has, too.
    bd_seq: Option<u64>,
    /// The number of the last message.
    seq: Option<u8>,
    /// When the last message was published, in milliseconds since 1970 (UTC).
    timestamp: u64,
}

impl Session {
    /// Returns the session that begins with this NBIRTH.
    pub(super) fn begin(birth: &Payload) -> Self {
        Self {
            bd_seq: iot_sparkplug::bd_seq(birth),
            // Some leave it out, as it has to be 0.
            seq: Some(seq_of(birth).unwrap_or(0)),
            timestamp: birth.timestamp.unwrap_or_default(),
        }
    }

    /// Returns whether an NDEATH belongs to this session. An old will may come late, after the
    /// NBIRTH of the next session. Without numbers, nothing speaks against it.
    pub(super) fn is_ended_by(&self, death: &Payload) -> bool {
        match (self.bd_seq, iot_sparkplug::bd_seq(death)) {
            (Some(birth), Some(death)) => birth == death,
            _ => true,
        }
    }

    /// Takes the number of a message.
    pub(super) fn follow(&mut self, payload: &Payload) -> Order {
        let Some(seq) = seq_of(payload) else {
            return Order::Next;
        };
        let timestamp = payload.timestamp.unwrap_or_default();
        let ahead = self.seq.map_or(1, |last| seq.wrapping_sub(last));
        // Half of the numbers are ahead, the others behind.
        let is_behind = ahead == 0 || ahead > 128;
        if is_behind && timestamp <= self.timestamp {
            return Order::Next;
        }
        self.seq = Some(seq);
        self.timestamp = self.timestamp.max(timestamp);
        match ahead {
            1 => Order::Next,
            _ if is_behind => Order::OtherSession,
            _ => Order::Gap,
        }
    }

    /// Returns the session as it is kept.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let record = SessionRecord {
            bd_seq: self.bd_seq,
            seq: self.seq.map(u32::from),
            timestamp: self.timestamp,
        };
        record.encode_to_vec()
    }

    /// Reads a session that was kept.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let record = SessionRecord::decode(bytes).ok()?;
        Some(Self {
            bd_seq: record.bd_seq,
            seq: record.seq.and_then(|seq| seq.try_into().ok()),
            timestamp: record.timestamp,
        })
    }
}

/// Returns the number of a message, if it is one.
fn seq_of(payload: &Payload) -> Option<u8> {
    payload.seq?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(seq: u64, timestamp: u64) -> Payload {
        Payload {
            seq: Some(seq),
            timestamp: Some(timestamp),
            ..Payload::default()
        }
    }

    #[test]
    fn numbers_follow_each_other() {
        use Order::{Gap, Next, OtherSession};
        let mut session = Session::begin(&payload(0, 100));
        for (seq, timestamp, expected) in [
            (1, 101, Next),
            (2, 101, Next),
            (4, 102, Gap),
            (5, 103, Next),
            // Delivered again after a lost connection.
            (3, 101, Next),
            (5, 103, Next),
            (6, 104, Next),
            // As if many were lost.
            (134, 105, Gap),
            (0, 106, Gap),
            (255, 107, OtherSession),
            (0, 108, Next),
            (0, 109, OtherSession),
            (1, 110, Next),
            (400, 111, Next),
            (2, 112, Next),
        ] {
            let found = session.follow(&payload(seq, timestamp));
            assert_eq!(found, expected, "{seq} at {timestamp}");
        }
    }

    #[test]
    fn it_is_kept() {
        let mut birth = payload(0, 100);
        birth.metrics.push(iot_sparkplug::bd_seq_metric(7));
        let session = Session::begin(&birth);
        assert_eq!(Session::from_bytes(&session.to_bytes()), Some(session));
        assert_eq!(Session::from_bytes(b"\xff"), None);
    }

    #[test]
    fn a_late_will_of_an_earlier_session_ends_nothing() {
        let with = |number: Option<u64>| {
            let metrics = number.map(iot_sparkplug::bd_seq_metric);
            Payload {
                metrics: metrics.into_iter().collect(),
                ..Payload::default()
            }
        };
        for (birth, death, expected) in [
            (Some(3), Some(3), true),
            (Some(3), Some(2), false),
            (None, Some(2), true),
            (Some(3), None, true),
        ] {
            let session = Session::begin(&with(birth));
            assert_eq!(session.is_ended_by(&with(death)), expected);
        }
    }
}
