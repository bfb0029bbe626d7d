//! The rules of the protocol, without a socket and with injected time.
//!
//! A [`Bench`] is a session with a clock. Tests compare the packets that it sends and the events
//! that it reports as short texts: `PUBLISH q1 #3 dup t=25.5`, `published #3`.

mod acknowledging;
mod aliases;
mod authenticating;
mod bench;
mod connecting;
mod disconnect_properties;
mod disconnecting;
mod fixtures;
mod hostile;
mod keep_alive;
mod limits;
mod log;
mod model;
mod publishing;
mod queueing;
mod receiving;
mod refusals;
mod regressions;
mod releasing;
mod requests;
mod text;
mod version_31;

use std::sync::Arc;
use std::time::Duration;

use super::Event;
use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::{Message, PacketId, Properties, QoS};
use crate::packet::{
    Ack, ConnAck, Connect, DecodeError, Disconnect, Incoming, Outgoing, Publish, SubscribeAck,
    Subscription,
};
use crate::reason::{ConnectCode, ReasonCode};
use crate::request::{
    AckRequest, DisconnectRequest, ReleaseRequest, SubscribeRequest, UnsubscribeRequest,
};
use crate::topic::{TopicFilter, TopicName};
use bench::{Bench, given};
use fixtures::*;
use text::{message_text, packet_text};

const NOTHING: [&str; 0] = [];
