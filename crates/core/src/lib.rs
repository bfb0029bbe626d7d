//! MQTT for sensor programs: a client with Paho's calls, and the async connection under it.

mod backoff;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod config;
pub mod connection;
pub mod error;
pub mod message;
pub mod packet;
pub mod reason;
pub mod session;
pub mod topic;
mod transport;

pub use client::{Client, ConnectFlags, MessageInfo, Published};
pub use config::{ClientConfig, Protocol, Will};
pub use connection::{Connection, Handle};
pub use error::{Error, Rejection};
pub use message::{Message, PacketId, Payload, Properties, QoS};
pub use packet::{ConnAck, SubscribeAck, Subscription};
pub use reason::{ConnectCode, ReasonCode};
pub use session::{AckToken, Event, LogLevel, ReleaseToken};
pub use topic::{TopicFilter, TopicName};

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
