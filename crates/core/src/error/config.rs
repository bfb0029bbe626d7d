//! What can be wrong with what the caller asks for.

use std::time::Duration;

use crate::message::PropertyError;
use crate::reason::ReasonCode;

use crate::url::UrlError;

/// A value of the configuration, a property, a QoS or a reason code that is out of its range, or
/// that doesn't go with another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// MQTT 3.1 allows client identifiers of 1 to 23 characters.
    #[error("the client identifier has {characters} characters, MQTT 3.1 allows at most 23")]
    ClientIdTooLong {
        /// The number of its characters.
        characters: usize,
    },
    /// A text or some data is longer than its field.
    #[error("{name} has {length} bytes, at most {} are allowed", thousands(*limit))]
    TooLong {
        /// The field, as messages name it: `the user name`.
        name: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The longest that is allowed, in bytes.
        limit: usize,
    },
    /// A text holds a NUL character, which MQTT forbids [MQTT-1.5.3-2].
    #[error("{0} holds a NUL character")]
    Nul(&'static str),
    /// A number that has to be at least 1 is 0.
    #[error("{0} is 0, at least 1 is needed")]
    Zero(&'static str),
    /// Authentication data without an authentication method (MQTT 5 §3.1.2.11.10).
    #[error("authentication data needs an authentication method (MQTT 5 §3.1.2.11.10)")]
    AuthenticationDataWithoutMethod,
    /// A password without a user name, before MQTT 5 [MQTT-3.1.2-22].
    #[error("a password needs a user name (MQTT 3.1.1 [MQTT-3.1.2-22])")]
    PasswordWithoutUserName,
    /// The keep alive has a fraction of a second.
    #[error("the keep alive is {0:?}, it has to be whole seconds")]
    KeepAliveNotWholeSeconds(Duration),
    /// The keep alive is longer than 65,535 s.
    #[error("the keep alive is {} s, at most 65,535 s are allowed", .0.as_secs())]
    KeepAliveTooLong(Duration),
    /// TLS on a Unix socket.
    #[error("a Unix socket stays on this machine: it is used without TLS")]
    UnixSocketWithTls,
    /// A proxy or a local address for a Unix socket.
    #[error("a Unix socket is reached without a {0}")]
    UnixSocketWith(&'static str),
    /// TLS is wanted for a host whose name no certificate can hold.
    #[error("`{0}` is not a host name that a certificate can hold")]
    HostName(String),
    /// The name of a TLS version is unknown.
    #[error("TLS versions are 1.2 and 1.3, older ones are not secure")]
    TlsVersion,
    /// An ALPN protocol has no or more than 255 bytes.
    #[error("the ALPN protocol `{protocol}` has {} bytes, 1 to 255 are allowed", protocol.len())]
    AlpnLength {
        /// The protocol.
        protocol: String,
    },
    /// A client certificate without its private key.
    #[error("--cert needs --key FILE, the certificate's private key")]
    CertificateWithoutKey,
    /// A private key without its client certificate.
    #[error("--key needs --cert FILE, the certificate that the key belongs to")]
    KeyWithoutCertificate,
    /// [`tls_insecure_set`](crate::Client::tls_insecure_set) before
    /// [`tls_set`](crate::Client::tls_set).
    #[error("tls_insecure_set changes what tls_set has set up: call that first")]
    TlsNotSet,
    /// The WebSocket path is not absolute.
    #[error("the WebSocket path `{}` does not begin with `/`", .0.escape_debug())]
    WebSocketPathRelative(String),
    /// The WebSocket path can't stand in an HTTP request.
    #[error("the WebSocket path `{}` has to be percent-encoded", .0.escape_debug())]
    WebSocketPath(String),
    /// The name of a header of the WebSocket request is not one.
    #[error("`{}` is not the name of a header", .0.escape_debug())]
    WebSocketHeaderName(String),
    /// A header that WebSocket sets itself.
    #[error("the header `{0}` belongs to WebSocket itself")]
    WebSocketHeaderReserved(String),
    /// The value of this header can't stand in an HTTP request. The value may be a secret, and is
    /// not shown.
    #[error("the value of the header `{0}` holds a control character")]
    WebSocketHeaderValue(String),
    /// The text is not a proxy's URL.
    #[error("a proxy is socks5h://[USER:PASSWORD@]HOST[:PORT]")]
    ProxyUrl,
    /// A proxy's password without a user name.
    #[error("the proxy's password needs a user name")]
    ProxyPasswordWithoutUserName,
    /// A proxy's user name without a password of at least 1 byte (RFC 1929).
    #[error("the proxy's user name needs a password")]
    ProxyUserNameWithoutPassword,
    /// RFC 1929 counts user names from 1 byte.
    #[error("the proxy's user name is empty")]
    ProxyUserNameEmpty,
    /// What stands in a URL is wrong.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A number is not a QoS.
    #[error("QoS is 0, 1 or 2")]
    QoS,
    /// A property of MQTT 5 is out of its range.
    #[error(transparent)]
    Property(PropertyError),
    /// The subscription identifier is out of its range (MQTT 5 §3.8.2.1.2).
    #[error("the subscription identifier is {0}, 1 to 268,435,455 are allowed")]
    SubscriptionIdentifier(u32),
    /// SUBSCRIBE carries one subscription identifier at most (MQTT 5 §3.8.2.1.2).
    #[error("there are {0} subscription identifiers, one at most is allowed")]
    SubscriptionIdentifiers(usize),
    /// The retain handling is not 0, 1 or 2 (MQTT 5 §3.8.3.1).
    #[error("the retain handling of `{filter}` is {value}, 0 to 2 are allowed")]
    RetainHandling {
        /// The topic filter.
        filter: String,
        /// The number.
        value: u8,
    },
    /// A shared subscription with this filter asks for no-local [MQTT-3.8.3-4].
    #[error("shared subscription `{0}` can't be no-local [MQTT-3.8.3-4]")]
    SharedNoLocal(String),
    /// A message is not acknowledged with this reason code (MQTT 5 §3.4.2.1).
    #[error("a message is not acknowledged with `{0}`")]
    AckReason(ReasonCode),
    /// A client does not disconnect with this reason code (MQTT 5 §3.14.2.1).
    #[error("a client does not disconnect with `{0}`")]
    DisconnectReason(ReasonCode),
    /// DISCONNECT sets a session expiry, though CONNECT's was 0 (MQTT 5 §3.14.2.2.2).
    #[error("the session ends with the connection, as CONNECT said: DISCONNECT can't keep it")]
    SessionExpiry,
}

/// `65535` as `65,535`.
fn thousands(number: usize) -> String {
    match number / 1_000 {
        0 => number.to_string(),
        above => format!("{above},{:03}", number % 1_000),
    }
}
