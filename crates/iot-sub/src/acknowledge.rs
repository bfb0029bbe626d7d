//! Acknowledges messages that are on disk: to the broker, or to a client of the embedded broker.

#[cfg(feature = "embedded")]
mod in_order;

use iot_core::{AckToken, Handle, PacketId, ReleaseToken};

#[cfg(feature = "embedded")]
pub(crate) use in_order::{ClientAcks, PUBACK, PUBREC, PublishToken, ReleasedPublish};

/// Identifies a PUBLISH with QoS 1 or 2 that waits for its PUBACK or PUBREC.
#[derive(Debug)]
pub(crate) enum Ack {
    /// The broker has sent it.
    Broker(AckToken),
    /// A client of the embedded broker has sent it.
    #[cfg(feature = "embedded")]
    Client(PublishToken),
}

/// Identifies a PUBREL that waits for its PUBCOMP.
#[derive(Debug)]
pub(crate) enum Release {
    Broker(ReleaseToken),
    #[cfg(feature = "embedded")]
    Client(ReleasedPublish),
}

impl Ack {
    /// Returns the packet identifier of the message.
    pub(crate) fn id(&self) -> PacketId {
        match self {
            Self::Broker(token) => token.id(),
            #[cfg(feature = "embedded")]
            Self::Client(token) => token.id(),
        }
    }
}

impl Release {
    /// Returns the packet identifier that is released.
    pub(crate) fn id(&self) -> PacketId {
        match self {
            Self::Broker(token) => token.id(),
            #[cfg(feature = "embedded")]
            Self::Client(released) => released.id(),
        }
    }
}

/// Sends acknowledgements.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledger {
    /// The connection to the broker, if there is one: the tokens of the embedded broker's clients
    /// hold their connection.
    broker: Option<Handle>,
}

impl Acknowledger {
    /// Returns an acknowledger for the broker of this connection.
    pub(crate) fn broker(handle: Handle) -> Self {
        Self {
            broker: Some(handle),
        }
    }

    /// Returns an acknowledger for clients of the embedded broker, or for nobody.
    pub(crate) fn without_broker() -> Self {
        Self { broker: None }
    }

    /// Whether a broker keeps what is not acknowledged. Otherwise publishers keep it.
    pub(crate) fn has_broker(&self) -> bool {
        self.broker.is_some()
    }

    /// Acknowledges these messages, in this order.
    pub(crate) fn acknowledge(&self, acks: &[Ack]) {
        if let Some(handle) = &self.broker {
            handle.ack(acks.iter().filter_map(|ack| match ack {
                Ack::Broker(token) => Some(token),
                #[cfg(feature = "embedded")]
                Ack::Client(_) => None,
            }));
        }
        #[cfg(feature = "embedded")]
        in_order::acknowledge(acks.iter().filter_map(|ack| match ack {
            Ack::Broker(_) => None,
            Ack::Client(token) => Some(token),
        }));
    }

    /// Sends the PUBCOMP of a PUBREL.
    pub(crate) fn release(&self, release: Release) {
        match release {
            Release::Broker(token) => {
                if let Some(handle) = &self.broker {
                    handle.release(&token);
                }
            }
            #[cfg(feature = "embedded")]
            Release::Client(released) => released.send(),
        }
    }
}
