//! Topic names.

use std::sync::Arc;

use super::error::TopicError;
use super::text::{check_code_points, check_text, shown, text_type};

/// A topic name, to publish to (MQTT 3.1.1 §4.7, §1.5.3).
///
/// It has at least one character, at most 65,535 bytes, no wildcard, no NUL and no other disallowed
/// code point; that of a received message may have other disallowed code points. Clones share the
/// text.
///
/// ```
/// use iot_core::TopicName;
///
/// # fn main() -> Result<(), iot_core::Error> {
/// let topic = TopicName::new("iot/kitchen/temp")?;
/// assert_eq!(topic.as_str(), "iot/kitchen/temp");
/// assert!(TopicName::new("iot/+/temp").is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// Returns the text as a topic name, if it is one.
    ///
    /// # Errors
    /// [`TopicError`] says why it is not one, and shows at most 200 characters.
    pub fn new(name: impl AsRef<str> + Into<Arc<str>>) -> Result<Self, TopicError> {
        check_code_points(name.as_ref())?;
        Self::received(name)
    }

    /// Returns a topic name that a broker has sent: some brokers deliver disallowed code points.
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

text_type!(TopicName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_wildcard() {
        assert_eq!(
            TopicName::new("a/+/b").unwrap_err().to_string(),
            "topic name `a/+/b` contains the wildcard `+` (only topic filters have wildcards)"
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
    fn disallowed_code_points_are_refused_unless_a_broker_sends_them() {
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
            assert!(TopicName::received(bad).is_ok());
        }
        assert!(TopicName::new("a/ü/漢/🌡/\u{fffd}").is_ok());
    }
}
