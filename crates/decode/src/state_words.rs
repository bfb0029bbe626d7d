//! States such as `ON` and `closed`, which are stored as booleans.

use std::sync::Arc;

use crate::reason::Reason;

/// Pairs of words for true and false. Their case does not matter.
const KNOWN: [(&str, &str); 6] = [
    ("on", "off"),
    ("true", "false"),
    ("open", "closed"),
    ("online", "offline"),
    ("home", "not_home"),
    ("1", "0"),
];

/// The words that are states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StateWords {
    /// ON/OFF, true/false, open/closed, online/offline, `home`/`not_home` and 1/0, in any case.
    #[default]
    Known,
    /// These words only, exactly so.
    Own(Arc<[(Box<str>, bool)]>),
}

impl StateWords {
    /// Reads `wet=1,dry=0`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut words: Vec<(Box<str>, bool)> = Vec::new();
        for pair in text.split(',') {
            let Some((word, value)) = pair.rsplit_once('=') else {
                return Err(format!("`{pair}` is not WORD=1 or WORD=0"));
            };
            let word = word.trim();
            let value = match value.trim() {
                "1" | "true" => true,
                "0" | "false" => false,
                _ => return Err(format!("`{pair}` is not WORD=1 or WORD=0")),
            };
            if word.is_empty() {
                return Err(format!("`{pair}` has no word"));
            }
            if words.iter().any(|(known, _)| **known == *word) {
                return Err(format!("the word `{word}` occurs twice"));
            }
            words.push((word.into(), value));
        }
        Ok(Self::Own(words.into()))
    }

    /// Returns the state that `payload` is. White space around it does not count.
    pub(crate) fn value(&self, payload: &[u8]) -> Result<bool, Reason> {
        let payload = payload.trim_ascii();
        if payload.is_empty() {
            return Err(Reason::Empty);
        }
        let found = match self {
            Self::Known => known_state(payload),
            Self::Own(words) => words
                .iter()
                .find(|(word, _)| word.as_bytes() == payload)
                .map(|(_, value)| *value),
        };
        found.ok_or_else(|| match std::str::from_utf8(payload) {
            Ok(_) => Reason::NotAState(self.to_string()),
            Err(_) => Reason::NotUtf8,
        })
    }
}

/// Returns the state that one of the known words names.
pub(crate) fn known_state(word: &[u8]) -> Option<bool> {
    KNOWN.iter().find_map(|(on, off)| {
        if word.eq_ignore_ascii_case(on.as_bytes()) {
            Some(true)
        } else {
            word.eq_ignore_ascii_case(off.as_bytes()).then_some(false)
        }
    })
}

impl std::fmt::Display for StateWords {
    /// Writes the words, for a message.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Known => {
                f.write_str("ON/OFF, true/false, open/closed, online/offline, home/not_home, 1/0")
            }
            Self::Own(words) => {
                let words: Vec<&str> = words.iter().map(|(word, _)| &**word).collect();
                f.write_str(&words.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_in_any_case() {
        let known = StateWords::default();
        for word in ["ON", "on", " true\n", "Open", "online", "home", "1"] {
            assert_eq!(known.value(word.as_bytes()), Ok(true), "{word}");
        }
        for word in ["OFF", "False", "CLOSED", "offline", "not_home", "0"] {
            assert_eq!(known.value(word.as_bytes()), Ok(false), "{word}");
        }
        for word in ["", "yes", "ON OFF", "11", "\"ON\"", "1.0"] {
            assert!(known.value(word.as_bytes()).is_err(), "{word}");
        }
        assert_eq!(known.value(b"\xff"), Err(Reason::NotUtf8));
        assert_eq!(
            known.value(b"wet").unwrap_err().to_string(),
            "not a state: none of ON/OFF, true/false, open/closed, online/offline, home/not_home, 1/0"
        );
    }

    #[test]
    fn own_words_replace_them() {
        let own = StateWords::parse("wet=1,a=b=0, dry = 0").unwrap();
        assert_eq!(own.value(b"wet"), Ok(true));
        assert_eq!(own.value(b" dry "), Ok(false));
        assert_eq!(own.value(b"a=b"), Ok(false));
        assert_eq!(
            own.value(b"ON").unwrap_err().to_string(),
            "not a state: none of wet, a=b, dry"
        );
        for (text, expected) in [
            ("", "`` is not WORD=1 or WORD=0"),
            ("wet", "`wet` is not WORD=1 or WORD=0"),
            ("wet=2", "`wet=2` is not WORD=1 or WORD=0"),
            ("=1", "`=1` has no word"),
            ("wet=1,wet=0", "the word `wet` occurs twice"),
        ] {
            assert_eq!(StateWords::parse(text).unwrap_err(), expected);
        }
    }
}
