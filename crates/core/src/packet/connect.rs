//! CONNECT and CONNACK.

use crate::message::Properties;
use crate::reason::ConnectCode;
use crate::will::Will;

/// What opens a connection (§3.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    /// At least one character, or empty where the broker is to choose.
    pub client_id: String,
    /// Clean session (3.1.1), clean start (5).
    pub clean_start: bool,
    /// Keep alive in seconds; 0 for none.
    pub keep_alive: u16,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// The will, which the broker publishes if the connection is lost.
    pub will: Option<Will>,
    /// CONNECT's properties (§3.1.2.11); the earlier versions send none.
    pub properties: Properties,
}

/// The broker's answer to CONNECT (§3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnAck {
    /// The broker still has the session. Always `false` on MQTT 3.1, which has no such flag.
    pub session_present: bool,
    /// Accepted, or why not.
    pub code: ConnectCode,
    /// The broker's limits and words (MQTT 5 §3.2.2.3).
    pub properties: Option<Box<Properties>>,
}
