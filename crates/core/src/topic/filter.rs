//! Topic filters, and which topic names they match.

use std::sync::Arc;

use super::error::TopicError;
use super::text::{check_code_points, check_text, shown, text_type};

/// A topic filter, to subscribe with (MQTT 3.1.1 §4.7.1, MQTT 5 §4.8.2).
///
/// `+` matches one level, a final `#` all that follow; `$share/GROUP/FILTER` shares the messages
/// among the members of a group. Lengths and code points are limited as in a
/// [`TopicName`](crate::TopicName). Clones share the text.
///
/// ```
/// use iot_core::TopicFilter;
///
/// # fn main() -> Result<(), iot_core::Error> {
/// let filter = TopicFilter::new("iot/+/temp")?;
/// assert!(filter.matches("iot/kitchen/temp"));
/// assert!(!filter.matches("iot/kitchen/humidity"));
/// assert!(TopicFilter::new("iot/#/temp").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter(Arc<str>);

impl TopicFilter {
    /// Returns the text as a topic filter, if it is one.
    ///
    /// # Errors
    /// [`TopicError`] says why it is not one, and shows at most 200 characters.
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

    /// Returns whether a message published to `topic` matches (MQTT 3.1.1 §4.7.1).
    ///
    /// `$share/GROUP/` is ignored. `a/#` matches `a` too. A leading wildcard doesn't match topics
    /// that begin with `$` [MQTT-4.7.2-1]. Paho's `topic_matches_sub`.
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
        let pattern = self.pattern();
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

    /// Returns whether there is a topic that both filters match. `$share/GROUP/` is ignored.
    pub fn overlaps(&self, other: &Self) -> bool {
        let (first, second) = (self.pattern(), other.pattern());
        let is_wild = |pattern: &str| pattern.starts_with(['+', '#']);
        if (first.starts_with('$') && is_wild(second))
            || (second.starts_with('$') && is_wild(first))
        {
            return false;
        }
        let (mut first, mut second) = (first.split('/'), second.split('/'));
        loop {
            match (first.next(), second.next()) {
                (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
                (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
                (Some(a), Some(b)) if a == b => {}
                _ => return false,
            }
        }
    }

    /// The filter without `$share/GROUP/`.
    fn pattern(&self) -> &str {
        match self.0.strip_prefix("$share/") {
            Some(rest) => rest.split_once('/').map_or("", |(_, pattern)| pattern),
            None => &self.0,
        }
    }
}

text_type!(TopicFilter);

#[cfg(test)]
mod tests {
    use super::super::name::TopicName;
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
    fn filters_overlap_if_a_topic_matches_both() {
        for (first, second, expected) in [
            ("ov/#", "ov/+/t", true),
            ("a", "a", true),
            ("a", "b", false),
            ("a/#", "a", true),
            ("a/b/#", "a", false),
            ("a/+", "a", false),
            ("a/+", "+/b", true),
            ("a/+/c", "a/b/+/d", false),
            ("+/+", "#", true),
            ("#", "$SYS/#", false),
            ("+/b", "$SYS/b", false),
            ("$SYS/#", "$SYS/+/x", true),
            ("$share/g/a/#", "a/b", true),
            ("$share/g/a", "$share/h/b", false),
            ("/a", "+/a", true),
            ("a/", "a/+", true),
        ] {
            let (one, other) = (TopicFilter::new(first), TopicFilter::new(second));
            let (one, other) = (one.unwrap(), other.unwrap());
            assert_eq!(one.overlaps(&other), expected, "{first} {second}");
            assert_eq!(other.overlaps(&one), expected, "{second} {first}");
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
