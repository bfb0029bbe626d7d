//! MQTT over WebSocket (RFC 6455, MQTT 3.1.1 §6): the payloads of binary messages as one stream of
//! bytes.

mod handshake;
mod short_messages;
mod stream;

pub(super) use handshake::connect;
