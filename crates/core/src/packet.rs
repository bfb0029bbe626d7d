//! The packets of MQTT 3.1, 3.1.1 and 5, and their bytes.
//!
//! The codec is our own: other crates' codecs reject or misread legal packets (several subscription
//! identifiers, CONNACK codes above 5, a DISCONNECT of a reason code only, AUTH), lack MQTT 3.1,
//! and omit properties of SUBSCRIBE and UNSUBSCRIBE. The tests compare the bytes with rumqttc's,
//! where those are right, and with those of the embedded broker's codec.

mod ack;
mod codec;
mod connect;
mod decode;
mod disconnect;
mod encode;
mod error;
mod incoming;
mod outgoing;
mod packet_type;
mod properties;
mod skip;
mod subscription;
mod wire;

pub use ack::Ack;
pub use codec::Codec;
pub use connect::{ConnAck, Connect};
pub(crate) use decode::publish_at_start;
pub use decode::{PublishHead, decode_connect, packet_size};
pub use disconnect::{Auth, Disconnect};
pub use error::DecodeError;
pub use incoming::{Incoming, LongPublish, Oversized, Publish};
pub use outgoing::Outgoing;
pub use skip::{PayloadHasher, Skip};
pub use subscription::{SubscribeAck, Subscription};
pub(crate) use wire::MAX_PACKET;

#[cfg(test)]
mod tests;
