//! Lines that repeat become a count: one line for each kind and topic, and then once a minute how
//! many more there were.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// A kind and topic that was not seen for so long is news again.
const FORGOTTEN: Duration = Duration::from_hours(1);
/// Most kinds and topics that are known. Those beyond are counted only.
const KNOWN: usize = 10_000;
/// Characters of a kind; what follows is mostly a value.
const KIND_CHARS: usize = 60;

/// What was reported, and how often since.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    known: HashMap<(Box<str>, Box<str>), Instant>,
    /// Of each kind, since the last count.
    counts: Vec<(Box<str>, Count)>,
}

#[derive(Debug, Default)]
struct Count {
    lines: u64,
    topics: HashSet<Box<str>>,
}

impl Repeats {
    /// Returns whether a line is the first of its kind and topic. Others are counted.
    pub(super) fn is_first(&mut self, line: &str, topic: &str, now: Instant) -> bool {
        let kind = kind(line);
        let key = (kind.into(), topic.into());
        if let Some(seen) = self.known.get_mut(&key) {
            let age = now.saturating_duration_since(*seen);
            *seen = now;
            if age >= FORGOTTEN {
                return true;
            }
        } else {
            if self.known.len() >= KNOWN {
                self.known
                    .retain(|_, seen| now.saturating_duration_since(*seen) < FORGOTTEN);
            }
            if self.known.len() < KNOWN {
                self.known.insert(key, now);
                return true;
            }
        }
        let at = self.counts.iter().position(|(known, _)| **known == *kind);
        let at = at.unwrap_or_else(|| {
            self.counts.push((kind.into(), Count::default()));
            self.counts.len() - 1
        });
        let count = &mut self.counts[at].1;
        count.lines += 1;
        if count.topics.len() < KNOWN {
            count.topics.insert(topic.into());
        }
        false
    }

    /// Returns a line for each kind that has repeated since the last call.
    pub(super) fn take(&mut self) -> Vec<String> {
        let line = |(kind, count): (Box<str>, Count)| {
            let topics = count.topics.len() as u64;
            let topics = match topics {
                1 => "1 topic".to_owned(),
                _ => format!("{} topics", grouped(topics)),
            };
            let lines = grouped(count.lines);
            format!("… {lines} more on {topics} in the last minute: {kind}")
        };
        self.counts.drain(..).map(line).collect()
    }
}

/// Returns a number with commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns what lines of one kind have in common: their beginning, up to a value.
fn kind(line: &str) -> &str {
    let is_value = |c: char| c.is_ascii_digit() || matches!(c, '`' | '"');
    let end = line.find(is_value).unwrap_or(line.len());
    let long = line
        .char_indices()
        .nth(KIND_CHARS)
        .map_or(line.len(), |(at, _)| at);
    line[..end.min(long)].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_for_each_kind_and_topic_and_then_a_count() {
        let now = Instant::now();
        let mut repeats = Repeats::default();
        let mut printed = 0;
        for number in 0..2013 {
            let topic = format!("iot/{}", number % 14);
            printed += usize::from(repeats.is_first("not a number or JSON", &topic, now));
        }
        assert_eq!(printed, 14);
        assert!(repeats.is_first("value `5` is too large", "iot/1", now));
        assert!(!repeats.is_first("value `6` is too large", "iot/1", now));
        assert_eq!(
            repeats.take(),
            [
                "… 1,999 more on 14 topics in the last minute: not a number or JSON",
                "… 1 more on 1 topic in the last minute: value",
            ]
        );
        assert_eq!(repeats.take(), Vec::<String>::new());
        assert!(!repeats.is_first("not a number or JSON", "iot/1", now));
        let later = now + FORGOTTEN;
        assert!(repeats.is_first("not a number or JSON", "iot/1", later));
    }

    #[test]
    fn a_flood_of_topics_takes_bounded_memory() {
        let now = Instant::now();
        let mut repeats = Repeats::default();
        let printed =
            (0..3 * KNOWN).filter(|number| repeats.is_first("no", &number.to_string(), now));
        assert_eq!(printed.count(), KNOWN);
        assert_eq!(repeats.known.len(), KNOWN);
        assert!(repeats.take()[0].starts_with("… 20,000 more on 10,000 topics"));
    }
}
