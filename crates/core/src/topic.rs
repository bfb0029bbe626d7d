//! Topic names and topic filters, checked when they are made, so that later code can trust them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Largest length of a UTF-8 string in a packet, in bytes (MQTT 3.1.1 §1.5.3).
const MAX_LEN: usize = 65_535;

/// Why a text is not a topic name or not a topic filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// The text has no characters [MQTT-4.7.3-1].
    #[error("a topic must have at least one character")]
    Empty,
    /// The text is longer than 65,535 bytes [MQTT-4.7.3-3].
    #[error("a topic has at most 65,535 bytes, this one has {0}")]
    TooLong(usize),
    /// The text holds a NUL character [MQTT-4.7.3-2].
    #[error("topic `{0}` holds a NUL character")]
    Nul(String),
    /// A topic name holds `+` or `#`, which only filters may [MQTT-3.3.2-2].
    #[error("topic name `{0}` holds the wildcard `{1}`, which only a topic filter may")]
    Wildcard(String, char),
    /// The text holds a control character or a non-character of Unicode, which a broker may end the
    /// connection for (MQTT 5 §1.5.4); mosquitto does.
    #[error("topic `{0}` holds U+{1:04X}, which brokers may refuse")]
    Disallowed(String, u32),
    /// `#` stands elsewhere than in the last level [MQTT-4.7.1-2].
    #[error("`#` must be the last level of topic filter `{0}`")]
    HashNotLast(String),
    /// `#` or `+` shares its level with other characters [MQTT-4.7.1-2, -3].
    #[error("`{1}` must be a whole level of topic filter `{0}`")]
    NotAWholeLevel(String, char),
    /// `$share/GROUP/FILTER` lacks its group or its filter, or the group holds a wildcard
    /// (MQTT 5 §4.8.2).
    #[error("shared subscription `{0}` must read `$share/GROUP/FILTER`, no wildcard in GROUP")]
    Share(String),
}

/// A topic name, to publish to: at least one character, at most 65,535 bytes, no wildcard, no NUL
/// and no other disallowed code point (MQTT 3.1.1 §4.7, §1.5.3). Of a received message it may hold the
/// latter. Clones share the text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// Returns the name, checked.
    ///
    /// # Errors
    /// [`TopicError`] where the text is not a topic name; it says why, and shows at most 200 characters.
    pub fn new(name: impl AsRef<str> + Into<Arc<str>>) -> Result<Self, TopicError> {
        check_code_points(name.as_ref())?;
        Self::received(name)
    }

    /// Returns the name as a broker may send it: one that is not so strict hands on disallowed code
    /// points.
    pub(crate) fn received(name: impl AsRef<str> + Into<Arc<str>>) -> Result<Self, TopicError> {
        let text = name.as_ref();
        if let Some(wildcard) = text.chars().find(|c| matches!(c, '+' | '#')) {
            return Err(TopicError::Wildcard(shown(text), wildcard));
        }
        check_text(text)?;
        Ok(Self(name.into()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A topic filter, to subscribe with: `+` stands for one level, a final `#` for all that follow;
/// `$share/GROUP/FILTER` shares the messages among the members of a group
/// (MQTT 3.1.1 §4.7.1, MQTT 5 §4.8.2). Lengths and code points are those of a [`TopicName`]. Clones
/// share the text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter(Arc<str>);

impl TopicFilter {
    /// Returns the filter, checked.
    ///
    /// # Errors
    /// [`TopicError`] where the text is not a topic filter; it says why, and shows at most 200 characters.
    pub fn new(filter: impl AsRef<str> + Into<Arc<str>>) -> Result<Self, TopicError> {
        let text = filter.as_ref();
        check_text(text)?;
        check_code_points(text)?;
        let pattern = match text.strip_prefix("$share/") {
            None => text,
            Some(rest) => match rest.split_once('/') {
                Some((group, pattern))
                    if !group.is_empty() && !group.contains(['+', '#']) && !pattern.is_empty() =>
                {
                    pattern
                }
                _ => return Err(TopicError::Share(shown(text))),
            },
        };
        let mut levels = pattern.split('/').peekable();
        while let Some(level) = levels.next() {
            match level {
                "#" if levels.peek().is_some() => {
                    return Err(TopicError::HashNotLast(shown(text)));
                }
                "+" | "#" => {}
                _ => {
                    if let Some(wildcard) = level.chars().find(|c| matches!(c, '+' | '#')) {
                        return Err(TopicError::NotAWholeLevel(shown(text), wildcard));
                    }
                }
            }
        }
        Ok(Self(filter.into()))
    }

    /// Returns the filter as text, `$share/GROUP/` included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the filter belongs to a shared subscription.
    pub fn is_shared(&self) -> bool {
        self.0.starts_with("$share/")
    }

    /// Returns whether the filter holds `+` or `#`.
    pub fn has_wildcard(&self) -> bool {
        self.0.contains(['+', '#'])
    }

    /// Returns whether a message published to `topic` matches (MQTT 3.1.1 §4.7.1); `$share/GROUP/` does
    /// not count. `a/#` matches `a` too. A leading wildcard doesn't match topics that begin with `$`
    /// [MQTT-4.7.2-1]. Paho's `topic_matches_sub`.
    ///
    /// ```
    /// # fn main() -> Result<(), iot_core::topic::TopicError> {
    /// let filter = iot_core::TopicFilter::new("iot/+/temp")?;
    /// assert!(filter.matches("iot/home2/temp"));
    /// assert!(!filter.matches("iot/home2/humidity"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn matches(&self, topic: &str) -> bool {
        let pattern = match self.0.strip_prefix("$share/") {
            Some(rest) => rest.split_once('/').map_or("", |(_, pattern)| pattern),
            None => &self.0,
        };
        if topic.starts_with('$') && pattern.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = topic.split('/');
        for wanted in pattern.split('/') {
            match (wanted, levels.next()) {
                // `a/#` matches `a` too: the parent is included.
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (wanted, Some(level)) if wanted == level => {}
                _ => return false,
            }
        }
        levels.next().is_none()
    }
}

/// Topics that were received lately: one that comes again costs neither a check nor an allocation.
///
/// Buckets of four by a hash of the bytes; what doesn't fit replaces another one.
#[derive(Debug, Default)]
pub(crate) struct RecentTopics {
    /// None before the first topic, then a power of two.
    slots: Vec<Option<TopicName>>,
    /// Topics that found their bucket full.
    replaced: usize,
}

impl RecentTopics {
    const BUCKET: usize = 4;
    /// How many are kept, at first and at most.
    const SLOTS: (usize, usize) = (64, 1024);
    /// Longer ones are not kept, so that all together take 200 KiB at most.
    const LONGEST: usize = 128;

    /// Returns the topic with these bytes, if it is there.
    pub(crate) fn get(&self, bytes: &[u8]) -> Option<&TopicName> {
        if self.slots.is_empty() {
            return None;
        }
        let bucket = self.bucket(bytes);
        let bucket = self.slots[bucket..bucket + Self::BUCKET].iter().flatten();
        bucket.into_iter().find(|topic| topic.0.as_bytes() == bytes)
    }

    /// Keeps a topic that isn't there.
    pub(crate) fn put(&mut self, topic: &TopicName) {
        if topic.0.len() > Self::LONGEST {
            return;
        }
        if self.slots.is_empty() {
            self.slots.resize(Self::SLOTS.0, None);
        } else if self.replaced > self.slots.len() && self.slots.len() < Self::SLOTS.1 {
            let larger = vec![None; self.slots.len() * 2];
            self.replaced = 0;
            for topic in std::mem::replace(&mut self.slots, larger).iter().flatten() {
                self.place(topic);
            }
        }
        self.place(topic);
    }

    fn place(&mut self, topic: &TopicName) {
        let bucket = self.bucket(topic.0.as_bytes());
        let bucket = &mut self.slots[bucket..bucket + Self::BUCKET];
        let slot = bucket.iter().position(Option::is_none).unwrap_or_else(|| {
            self.replaced += 1;
            self.replaced % Self::BUCKET
        });
        bucket[slot] = Some(topic.clone());
    }

    /// Where the bucket of a topic begins. A sender who finds topics of the same bucket only makes
    /// its own topics slower.
    fn bucket(&self, bytes: &[u8]) -> usize {
        const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut hash = bytes.len() as u64;
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        for word in words.iter().chain([&last]) {
            hash = (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(MULTIPLIER);
        }
        let buckets = self.slots.len() / Self::BUCKET;
        // The upper half of a product is the better one.
        usize::try_from(hash >> 32).unwrap_or(0) % buckets * Self::BUCKET
    }
}

fn check_text(text: &str) -> Result<(), TopicError> {
    if text.is_empty() {
        Err(TopicError::Empty)
    } else if text.len() > MAX_LEN {
        Err(TopicError::TooLong(text.len()))
    } else if text.contains('\0') {
        Err(TopicError::Nul(shown(text)))
    } else {
        Ok(())
    }
}

fn check_code_points(text: &str) -> Result<(), TopicError> {
    let disallowed = |c: char| {
        let code = u32::from(c);
        c.is_control() || matches!(code, 0xfdd0..=0xfdef) || code & 0xfffe == 0xfffe
    };
    // NUL has an error of its own.
    match text.chars().find(|c| *c != '\0' && disallowed(*c)) {
        Some(c) => Err(TopicError::Disallowed(shown(text), c.into())),
        None => Ok(()),
    }
}

/// The text as an error message shows it: escaped, and not longer than a line.
fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(200)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(200).is_some() {
        shown.push('…');
    }
    shown
}

macro_rules! text_type {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = TopicError;

            fn from_str(text: &str) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $type {
            type Error = TopicError;

            fn try_from(text: &str) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $type {
            type Error = TopicError;

            fn try_from(text: String) -> Result<Self, TopicError> {
                Self::new(text)
            }
        }

        impl From<$type> for Arc<str> {
            fn from(topic: $type) -> Self {
                topic.0
            }
        }
    };
}

text_type!(TopicName);
text_type!(TopicFilter);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn filter_error(filter: &str, expected: &str) {
        assert_eq!(TopicFilter::new(filter).unwrap_err().to_string(), expected);
    }

    #[track_caller]
    fn case(filter: &str, topic: &str, expected: bool) {
        let filter = TopicFilter::new(filter).unwrap();
        assert_eq!(filter.matches(topic), expected, "{filter} on {topic}");
    }

    #[test]
    fn a_name_has_no_wildcard() {
        assert_eq!(
            TopicName::new("a/+/b").unwrap_err().to_string(),
            "topic name `a/+/b` holds the wildcard `+`, which only a topic filter may"
        );
        assert!(TopicName::new("a/b c/ü").is_ok());
        assert!(TopicName::new("/").is_ok());
        assert_eq!(TopicName::new(""), Err(TopicError::Empty));
        assert_eq!(
            TopicName::new("a\0").unwrap_err().to_string(),
            "topic `a\\0` holds a NUL character"
        );
        assert!(TopicName::new("x".repeat(65_535)).is_ok());
        assert_eq!(
            TopicName::new("x".repeat(65_536)),
            Err(TopicError::TooLong(65_536))
        );
    }

    #[test]
    fn what_brokers_may_refuse_is_not_published() {
        for (bad, expected) in [
            (
                "a\u{1}",
                "topic `a\\u{1}` holds U+0001, which brokers may refuse",
            ),
            (
                "\u{85}",
                "topic `\\u{85}` holds U+0085, which brokers may refuse",
            ),
            (
                "\u{fdd0}",
                "topic `\\u{fdd0}` holds U+FDD0, which brokers may refuse",
            ),
            (
                "\u{1ffff}",
                "topic `\\u{1ffff}` holds U+1FFFF, which brokers may refuse",
            ),
        ] {
            assert_eq!(TopicName::new(bad).unwrap_err().to_string(), expected);
            filter_error(bad, expected);
            assert!(TopicName::received(bad).is_ok());
        }
        assert!(TopicName::new("a/ü/漢/🌡/\u{fffd}").is_ok());
    }

    #[test]
    fn a_byte_order_mark_is_a_character_like_any_other() {
        let name = TopicName::new("\u{feff}a").unwrap();
        assert_eq!(name.as_str(), "\u{feff}a");
        case("a", "\u{feff}a", false);
        case("\u{feff}a", "\u{feff}a", true);
    }

    #[test]
    fn topics_are_not_normalized() {
        // é, and e with an accent.
        case("\u{e9}", "e\u{301}", false);
        case("A", "a", false);
    }

    #[test]
    fn recent_topics_are_found_again_and_bounded() {
        let mut recent = RecentTopics::default();
        let name = |n: usize| TopicName::new(format!("iot/{n}/temp")).unwrap();
        assert_eq!(recent.get(b"iot/0/temp"), None);
        for _ in 0..100 {
            for n in 0..100 {
                if recent.get(name(n).as_str().as_bytes()).is_none() {
                    recent.put(&name(n));
                }
            }
        }
        let kept = |recent: &RecentTopics| recent.slots.iter().flatten().count();
        assert!((90..=100).contains(&kept(&recent)), "{}", kept(&recent));
        assert_eq!(recent.get(b"iot/99/temp"), Some(&name(99)));
        assert_eq!(recent.get(b"iot/99/tem"), None);
        for n in 0..100_000 {
            recent.put(&name(n));
        }
        assert_eq!(recent.slots.len(), RecentTopics::SLOTS.1);
        recent.put(&TopicName::new("x".repeat(1_000)).unwrap());
        assert_eq!(recent.get("x".repeat(1_000).as_bytes()), None);
    }

    #[test]
    fn a_filter_is_refused_with_its_reason() {
        filter_error(
            "a/#/b",
            "`#` must be the last level of topic filter `a/#/b`",
        );
        filter_error("a#", "`#` must be a whole level of topic filter `a#`");
        filter_error("a/b+", "`+` must be a whole level of topic filter `a/b+`");
        for bad in ["$share/g", "$share//a", "$share/g/", "$share/g+/a"] {
            filter_error(
                bad,
                &format!(
                    "shared subscription `{bad}` must read `$share/GROUP/FILTER`, no wildcard in GROUP"
                ),
            );
        }
    }

    #[test]
    fn matching_follows_the_standard() {
        case("iot/#", "iot/home2/temp", true);
        case("iot/#", "iot", true);
        case("iot/#", "iota", false);
        case("iot/+/temp", "iot/home2/temp", true);
        case("iot/+/temp", "iot/home2/x/temp", false);
        case("iot/+", "iot", false);
        case("iot/+", "iot/", true);
        case("+/+", "/finance", true);
        case("/+", "/finance", true);
        case("+", "/finance", false);
        case("#", "a/b/c", true);
        case("#", "$SYS/uptime", false);
        case("+/uptime", "$SYS/uptime", false);
        case("$SYS/#", "$SYS/uptime", true);
        case("$share/g/iot/#", "iot/a", true);
        case("$share/g/#", "$SYS/a", false);
    }
}
