//! Why a text is not a topic.

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
    #[error("topic name `{0}` contains the wildcard `{1}` (only topic filters have wildcards)")]
    Wildcard(String, char),
    /// The text holds a control character or a non-character of Unicode, which a broker may end the
    /// connection for (MQTT 5 §1.5.4); mosquitto does.
    #[error("topic `{0}` holds U+{1:04X}, which brokers may refuse")]
    Disallowed(String, u32),
    /// `#` is not in the last level [MQTT-4.7.1-2].
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
