//! What a broker answers: CONNACK's codes of both protocols, and MQTT 5's reason codes.

use std::fmt;

/// The code of a CONNACK: 0 accepted; 1–5 refused (MQTT 3.1.1 §3.2.2.3), 6–127 unused; 128 and
/// above refused (MQTT 5 §3.2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectCode(pub u8);

impl ConnectCode {
    /// The connection is accepted.
    pub const ACCEPTED: Self = Self(0);

    /// Returns whether the broker accepted the connection.
    pub fn is_accepted(self) -> bool {
        self.0 == 0
    }

    /// Returns whether a later try may succeed without anything being changed here: the broker is
    /// unavailable, busy, shutting down, or limits the rate.
    pub fn is_temporary(self) -> bool {
        matches!(self.0, 3 | 0x88 | 0x89 | 0x8b | 0x97 | 0x9f)
    }

    /// Returns whether the broker refuses the protocol version that was asked for.
    pub fn is_protocol_version(self) -> bool {
        matches!(self.0, 1 | 0x84)
    }
}

impl fmt::Display for ConnectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "accepted",
            1 => "unacceptable protocol version",
            2 => "client id rejected",
            3 => "server unavailable",
            4 => "bad user name or password",
            5 => "not authorized",
            code @ 6..=127 => return write!(f, "unused code {code}"),
            code => return fmt::Display::fmt(&ReasonCode(code), f),
        })
    }
}

/// A reason code of MQTT 5 (§2.4); with 3.1.1 0 for success and 128 for a refused subscription.
/// 128 and above are failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReasonCode(pub u8);

#[allow(missing_docs, reason = "the names are the standard's")]
impl ReasonCode {
    pub const SUCCESS: Self = Self(0x00);
    pub const DISCONNECT_WITH_WILL: Self = Self(0x04);
    pub const CONTINUE_AUTHENTICATION: Self = Self(0x18);
    pub const REAUTHENTICATE: Self = Self(0x19);
    pub const UNSPECIFIED_ERROR: Self = Self(0x80);
    pub const MALFORMED_PACKET: Self = Self(0x81);
    pub const PROTOCOL_ERROR: Self = Self(0x82);
    pub const IMPLEMENTATION_SPECIFIC_ERROR: Self = Self(0x83);
    pub const KEEP_ALIVE_TIMEOUT: Self = Self(0x8d);
    pub const SESSION_TAKEN_OVER: Self = Self(0x8e);
    pub const PACKET_ID_NOT_FOUND: Self = Self(0x92);
    pub const RECEIVE_MAXIMUM_EXCEEDED: Self = Self(0x93);
    pub const TOPIC_ALIAS_INVALID: Self = Self(0x94);
    pub const PACKET_TOO_LARGE: Self = Self(0x95);

    /// Returns whether the code tells of a failure.
    pub fn is_error(self) -> bool {
        self.0 >= 0x80
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0x00 => "success",
            0x01 => "granted QoS 1",
            0x02 => "granted QoS 2",
            0x04 => "disconnect with will message",
            0x10 => "no matching subscribers",
            0x11 => "no subscription existed",
            0x18 => "continue authentication",
            0x19 => "re-authenticate",
            0x80 => "unspecified error",
            0x81 => "malformed packet",
            0x82 => "protocol error",
            0x83 => "implementation specific error",
            0x84 => "unsupported protocol version",
            0x85 => "client id not valid",
            0x86 => "bad user name or password",
            0x87 => "not authorized",
            0x88 => "server unavailable",
            0x89 => "server busy",
            0x8a => "banned",
            0x8b => "server shutting down",
            0x8c => "bad authentication method",
            0x8d => "keep alive timeout",
            0x8e => "session taken over",
            0x8f => "topic filter invalid",
            0x90 => "topic name invalid",
            0x91 => "packet identifier in use",
            0x92 => "packet identifier not found",
            0x93 => "receive maximum exceeded",
            0x94 => "topic alias invalid",
            0x95 => "packet too large",
            0x96 => "message rate too high",
            0x97 => "quota exceeded",
            0x98 => "administrative action",
            0x99 => "payload format invalid",
            0x9a => "retain not supported",
            0x9b => "QoS not supported",
            0x9c => "use another server",
            0x9d => "server moved",
            0x9e => "shared subscriptions not supported",
            0x9f => "connection rate exceeded",
            0xa0 => "maximum connect time",
            0xa1 => "subscription identifiers not supported",
            0xa2 => "wildcard subscriptions not supported",
            code => return write!(f, "unknown reason code {code:#04x}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_protocols_read_as_the_standard_names_them() {
        for (code, expected) in [
            (0, "accepted"),
            (1, "unacceptable protocol version"),
            (5, "not authorized"),
            (6, "unused code 6"),
            (0x85, "client id not valid"),
            (0xff, "unknown reason code 0xff"),
        ] {
            assert_eq!(ConnectCode(code).to_string(), expected);
        }
    }

    #[test]
    fn only_what_may_pass_by_itself_is_temporary() {
        assert!(ConnectCode(3).is_temporary());
        assert!(ConnectCode(0x88).is_temporary());
        for permanent in [1, 2, 4, 5, 0x84, 0x85, 0x86, 0x87, 0x8a] {
            assert!(!ConnectCode(permanent).is_temporary(), "{permanent}");
        }
    }
}
