//! CONNACK's return codes, and the reason codes of MQTT 5.

use std::fmt;

/// The code of a CONNACK (MQTT 3.1.1 §3.2.2.3, MQTT 5 §3.2.2.2).
///
/// 0 is accepted, 1–5 are refusals before MQTT 5, 6–127 are unused, 128 and above are refusals of
/// MQTT 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectCode(pub u8);

impl ConnectCode {
    /// The connection is accepted.
    pub const ACCEPTED: Self = Self(0);

    /// Returns whether the broker accepted the connection.
    pub fn is_accepted(self) -> bool {
        self.0 == 0
    }

    /// Returns whether a later try may succeed without a change of the client.
    ///
    /// The broker is unavailable (3, 0x88), busy (0x89), shutting down (0x8b), or a quota (0x97) or
    /// the rate of connections (0x9f) is exceeded.
    pub fn is_temporary(self) -> bool {
        matches!(self.0, 3 | 0x88 | 0x89 | 0x8b | 0x97 | 0x9f)
    }

    /// Returns whether the broker refuses the protocol version: 1, on MQTT 5 0x84.
    pub fn is_protocol_version(self) -> bool {
        matches!(self.0, 1 | 0x84)
    }

    /// Returns whether the broker refuses the user: 4 and 5, on MQTT 5 0x86, 0x87 and 0x8c.
    pub fn is_authorization(self) -> bool {
        matches!(self.0, 4 | 5 | 0x86 | 0x87 | 0x8c)
    }
}

impl fmt::Display for ConnectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "accepted",
            1 => "unacceptable protocol version",
            2 => "client identifier rejected",
            3 => "server unavailable",
            4 => "bad user name or password",
            5 => "not authorized",
            code @ 6..=127 => return write!(f, "unused code {code}"),
            code => return fmt::Display::fmt(&ReasonCode(code), f),
        })
    }
}

/// A reason code of MQTT 5 (§2.4); 128 and above are failures.
///
/// Before MQTT 5 only SUBACK has codes, the granted QoS or 128 for a refusal (MQTT 3.1.1 §3.9.3);
/// elsewhere the reason is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReasonCode(pub u8);

impl ReasonCode {
    /// Returns whether the code is a failure: 128 and above.
    pub fn is_error(self) -> bool {
        self.0 >= 0x80
    }
}

/// The constants and the texts of the codes: code, name, text, and the packets that have it.
macro_rules! reason_codes {
    ($($code:literal $name:ident, $text:literal, $packets:literal;)+) => {
        impl ReasonCode {
            $(
                #[doc = concat!("`", stringify!($code), "`: ", $text, " (", $packets, ").")]
                pub const $name: Self = Self($code);
            )+
        }

        impl fmt::Display for ReasonCode {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self.0 {
                    $($code => $text,)+
                    code => return write!(f, "unknown reason code {code:#04x}"),
                })
            }
        }
    };
}

reason_codes! {
    0x00 SUCCESS, "success", "also normal disconnection, and granted QoS 0";
    0x01 GRANTED_QOS_1, "granted QoS 1", "SUBACK";
    0x02 GRANTED_QOS_2, "granted QoS 2", "SUBACK";
    0x04 DISCONNECT_WITH_WILL, "disconnect with will message", "DISCONNECT";
    0x10 NO_MATCHING_SUBSCRIBERS, "no matching subscribers", "PUBACK, PUBREC";
    0x11 NO_SUBSCRIPTION_EXISTED, "no subscription existed", "UNSUBACK";
    0x18 CONTINUE_AUTHENTICATION, "continue authentication", "AUTH";
    0x19 REAUTHENTICATE, "re-authenticate", "AUTH";
    0x80 UNSPECIFIED_ERROR, "unspecified error", "all but PUBREL, PUBCOMP and AUTH";
    0x81 MALFORMED_PACKET, "malformed packet", "CONNACK, DISCONNECT";
    0x82 PROTOCOL_ERROR, "protocol error", "CONNACK, DISCONNECT";
    0x83 IMPLEMENTATION_SPECIFIC_ERROR, "implementation specific error", "all but PUBREL, PUBCOMP and AUTH";
    0x84 UNSUPPORTED_PROTOCOL_VERSION, "unsupported protocol version", "CONNACK";
    0x85 CLIENT_ID_NOT_VALID, "client identifier not valid", "CONNACK";
    0x86 BAD_USER_NAME_OR_PASSWORD, "bad user name or password", "CONNACK";
    0x87 NOT_AUTHORIZED, "not authorized", "all but PUBREL, PUBCOMP and AUTH";
    0x88 SERVER_UNAVAILABLE, "server unavailable", "CONNACK";
    0x89 SERVER_BUSY, "server busy", "CONNACK, DISCONNECT";
    0x8a BANNED, "banned", "CONNACK";
    0x8b SERVER_SHUTTING_DOWN, "server shutting down", "DISCONNECT";
    0x8c BAD_AUTHENTICATION_METHOD, "bad authentication method", "CONNACK, DISCONNECT";
    0x8d KEEP_ALIVE_TIMEOUT, "keep alive timeout", "DISCONNECT";
    0x8e SESSION_TAKEN_OVER, "session taken over", "DISCONNECT";
    0x8f TOPIC_FILTER_INVALID, "topic filter invalid", "SUBACK, UNSUBACK, DISCONNECT";
    0x90 TOPIC_NAME_INVALID, "topic name invalid", "CONNACK, PUBACK, PUBREC, DISCONNECT";
    0x91 PACKET_ID_IN_USE, "packet identifier in use", "PUBACK, PUBREC, SUBACK, UNSUBACK";
    0x92 PACKET_ID_NOT_FOUND, "packet identifier not found", "PUBREL, PUBCOMP";
    0x93 RECEIVE_MAXIMUM_EXCEEDED, "receive maximum exceeded", "DISCONNECT";
    0x94 TOPIC_ALIAS_INVALID, "topic alias invalid", "DISCONNECT";
    0x95 PACKET_TOO_LARGE, "packet too large", "CONNACK, DISCONNECT";
    0x96 MESSAGE_RATE_TOO_HIGH, "message rate too high", "DISCONNECT";
    0x97 QUOTA_EXCEEDED, "quota exceeded", "CONNACK, PUBACK, PUBREC, SUBACK, DISCONNECT";
    0x98 ADMINISTRATIVE_ACTION, "administrative action", "DISCONNECT";
    0x99 PAYLOAD_FORMAT_INVALID, "payload format invalid", "CONNACK, PUBACK, PUBREC, DISCONNECT";
    0x9a RETAIN_NOT_SUPPORTED, "retain not supported", "CONNACK, DISCONNECT";
    0x9b QOS_NOT_SUPPORTED, "QoS not supported", "CONNACK, DISCONNECT";
    0x9c USE_ANOTHER_SERVER, "use another server", "CONNACK, DISCONNECT";
    0x9d SERVER_MOVED, "server moved", "CONNACK, DISCONNECT";
    0x9e SHARED_SUBSCRIPTIONS_NOT_SUPPORTED, "shared subscriptions not supported", "SUBACK, DISCONNECT";
    0x9f CONNECTION_RATE_EXCEEDED, "connection rate exceeded", "CONNACK, DISCONNECT";
    0xa0 MAXIMUM_CONNECT_TIME, "maximum connect time", "DISCONNECT";
    0xa1 SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED, "subscription identifiers not supported", "SUBACK, DISCONNECT";
    0xa2 WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED, "wildcard subscriptions not supported", "SUBACK, DISCONNECT";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_standard_s_names() {
        for (code, expected) in [
            (0, "accepted"),
            (1, "unacceptable protocol version"),
            (5, "not authorized"),
            (6, "unused code 6"),
            (0x85, "client identifier not valid"),
            (0xff, "unknown reason code 0xff"),
        ] {
            assert_eq!(ConnectCode(code).to_string(), expected);
        }
    }

    #[test]
    fn only_refusals_that_may_pass_by_themselves_are_temporary() {
        assert!(ConnectCode(3).is_temporary());
        assert!(ConnectCode(0x88).is_temporary());
        for permanent in [1, 2, 4, 5, 0x84, 0x85, 0x86, 0x87, 0x8a] {
            assert!(!ConnectCode(permanent).is_temporary(), "{permanent}");
        }
    }
}
