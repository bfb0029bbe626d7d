//! CONNECT and CONNACK.

use crate::message::Properties;
use crate::reason::ConnectCode;
use crate::will::Will;

/// The first packet of a connection (§3.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Connect {
    /// The client identifier; if it is empty, the broker assigns one.
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
    /// CONNECT's properties (§3.1.2.11). Not sent before MQTT 5.
    pub properties: Properties,
}

/// The broker's answer to CONNECT (§3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnAck {
    /// Whether the broker still has the session. Always `false` on MQTT 3.1, which has no such
    /// flag.
    pub session_present: bool,
    /// Accepted, or why not.
    pub code: ConnectCode,
    /// The broker's limits, and what else it says (MQTT 5 §3.2.2.3).
    pub properties: Option<Box<Properties>>,
}
