//! The id of a reading, and the generator that gives ids out in ascending order.

use std::fmt;

use chrono::{DateTime, Utc};

/// Id of a reading or a rejection: the twelve bytes of an `ObjectId`.
///
/// Seconds since 1970 (4 bytes), a number drawn at random for each process (5), a counter (3), all
/// big endian. Time goes first, so that a store that sorts by id appends. An id may also be made of
/// a message's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReadingId([u8; 12]);

impl ReadingId {
    /// Returns the twelve bytes.
    pub const fn bytes(self) -> [u8; 12] {
        self.0
    }

    /// Returns the seconds since 1970 that the id begins with.
    pub fn seconds(self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

impl From<[u8; 12]> for ReadingId {
    fn from(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for ReadingId {
    /// Writes 24 hex digits, as mongosh shows an `ObjectId`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Returns `bytes` as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Gives out ids; each is greater than all before it, also when the clock is set back.
#[derive(Debug)]
pub struct IdGenerator {
    process: [u8; 5],
    seconds: u32,
    counter: u32,
}

impl Default for IdGenerator {
    fn default() -> Self {
        Self::new()
    }
}

impl IdGenerator {
    /// The counter has three bytes.
    const COUNTER_MAX: u32 = 0xff_ff_ff;

    /// Returns a generator with a process number and a first counter of its own, drawn at random.
    pub fn new() -> Self {
        Self {
            process: rand::random(),
            seconds: 0,
            counter: rand::random::<u32>() & Self::COUNTER_MAX,
        }
    }

    /// Returns the next id, for something received at `now`.
    pub fn next(&mut self, now: DateTime<Utc>) -> ReadingId {
        let now = u32::try_from(now.timestamp().max(0)).unwrap_or(u32::MAX);
        self.seconds = self.seconds.max(now);
        if self.counter == Self::COUNTER_MAX {
            // Starting again at 0 within the same second would go backwards: borrow from the next
            // one.
            self.counter = 0;
            self.seconds = self.seconds.saturating_add(1);
        } else {
            self.counter += 1;
        }
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.seconds.to_be_bytes());
        bytes[4..9].copy_from_slice(&self.process);
        bytes[9..].copy_from_slice(&self.counter.to_be_bytes()[1..]);
        ReadingId(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn is_seconds_process_counter_big_endian() {
        let mut ids = IdGenerator {
            process: [1, 2, 3, 4, 5],
            seconds: 0,
            counter: 0x0a_0b_0c,
        };
        let id = ids.next(at(0x6a_00_00_01));
        assert_eq!(id.to_string(), "6a00000101020304050a0b0d");
        assert_eq!(id.seconds(), 0x6a_00_00_01);
    }

    #[test]
    fn ascends_when_the_counter_wraps_and_when_the_clock_goes_back() {
        let mut ids = IdGenerator {
            process: [0; 5],
            seconds: 0,
            counter: IdGenerator::COUNTER_MAX - 1,
        };
        let times = [100, 100, 100, 101, 90, 102, 102];
        let given: Vec<_> = times.iter().map(|&second| ids.next(at(second))).collect();
        assert!(given.is_sorted_by(|a, b| a < b), "{given:?}");
    }

    #[test]
    fn two_processes_differ() {
        let (mut one, mut other) = (IdGenerator::new(), IdGenerator::new());
        assert_ne!(one.next(at(1)), other.next(at(1)));
    }

    #[test]
    fn a_clock_before_1970_or_after_2106_does_not_panic() {
        let mut ids = IdGenerator::new();
        ids.next(at(-5));
        let late = ids.next(at(i64::from(u32::MAX) + 5));
        assert_eq!(late.seconds(), u32::MAX);
    }
}
