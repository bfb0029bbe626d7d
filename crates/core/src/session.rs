//! The protocol as a state machine, without a socket and without a clock.
//!
//! Packets and the time go in; packets to send, events and the next deadline come out. Nothing
//! blocks.
//!
//! A [`Session`] outlives connections. For each connection its owner
//! - calls [`Session::open`] at the start,
//! - passes each packet that arrives to [`Session::handle`],
//! - sends the packets of [`Session::poll_transmit`],
//! - reports the events of [`Session::poll_event`] to the application,
//! - calls [`Session::tick`] when [`Session::deadline`] has come,
//! - calls [`Session::close`] at the end.
//!
//! Each call may queue packets and events, and move the deadline.
//!
//! ```
//! use bytes::BytesMut;
//! use iot_core::session::{Event, Session};
//! use iot_core::ClientConfig;
//! use std::sync::Arc;
//! use std::time::Instant;
//!
//! # fn main() -> Result<(), iot_core::Error> {
//! let now = Instant::now();
//! let mut session = Session::new(Arc::new(ClientConfig::new("a").checked()?), now);
//! let codec = session.codec();
//!
//! session.open(now);
//! let mut to_send = BytesMut::new();
//! while let Some(packet) = session.poll_transmit(now) {
//!     codec.encode(&packet, &mut to_send);
//! }
//! assert_eq!(to_send[0], 0x10); // CONNECT
//!
//! let mut received = BytesMut::from(&[0x20, 2, 0, 0][..]); // CONNACK
//! while let Some(packet) = codec.decode(&mut received)? {
//!     session.handle(packet, now)?;
//! }
//! assert!(matches!(session.poll_event(), Some(Event::Connected(_))));
//! assert_eq!(session.deadline(), Some(now + std::time::Duration::from_secs(60)));
//! # Ok(())
//! # }
//! ```

mod arrivals;
mod auth;
mod discarding;
mod disconnecting;
mod dispatch;
mod event;
mod handshake;
mod held;
mod id_map;
mod inbox;
mod incoming_aliases;
mod keep_alive;
mod limits;
mod log;
mod outgoing_aliases;
mod output;
mod packet_ids;
mod packet_size;
mod phase;
mod protocol_error;
mod publish_answers;
mod publish_queue;
mod publish_state;
mod publishing;
mod receiving;
mod refusals;
mod refused_packet;
mod requests;
mod skipped_message;
mod state;
mod timers;
mod tokens;
mod transmit;
mod unanswered;
mod unconfirmed;

pub use event::Event;
pub(crate) use id_map::IdMap;
pub use log::LogLevel;
pub use refused_packet::RefusedPacket;
pub use skipped_message::SkippedMessage;
pub use state::Session;
pub use tokens::{AckToken, ReleaseToken};

#[cfg(test)]
mod tests;
