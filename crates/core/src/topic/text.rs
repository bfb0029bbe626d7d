//! The checks and the traits that topic names and topic filters share.

use super::error::TopicError;

/// Largest length of a UTF-8 string in a packet, in bytes (MQTT 3.1.1 §1.5.3).
const MAX_LEN: usize = 65_535;

pub(super) fn check_text(text: &str) -> Result<(), TopicError> {
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

pub(super) fn check_code_points(text: &str) -> Result<(), TopicError> {
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
pub(super) fn shown(text: &str) -> String {
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
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $type {
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

pub(super) use text_type;
