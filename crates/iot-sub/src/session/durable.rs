//! The options of `--durable` and `--forget`.

/// A session that the broker keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Durable {
    /// The client identifier that was given.
    pub(crate) client_id: Option<String>,
    /// MQTT 3.1.1 may be used if the broker does not support MQTT 5.
    pub(crate) falls_back: bool,
    /// The session is to be removed.
    pub(crate) forget: bool,
}
