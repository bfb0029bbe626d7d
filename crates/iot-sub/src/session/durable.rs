//! What `--durable` asks for.

/// What `--durable` asks for beyond a session that the broker keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Durable {
    /// The client identifier that was given.
    pub(crate) client_id: Option<String>,
    /// MQTT 3.1.1 does as well where the broker doesn't take MQTT 5.
    pub(crate) falls_back: bool,
    /// The session is to be ended.
    pub(crate) forget: bool,
}
