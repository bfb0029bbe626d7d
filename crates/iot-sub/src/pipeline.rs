//! The path of a reading: receive → decode → commit → acknowledge, in that order.
//!
//! [`Intake`] decides what happens to each message and adds it to the queue; it never waits for a
//! disk, a database or a terminal. Messages reach it in two ways: [`Subscriber`] receives them from
//! a broker, and the embedded broker's gateway receives them from its clients. While the queue is
//! full, neither reads. The [`committer`] acknowledges what is on disk. At the end, [`drain()`]
//! waits until everything is stored.

mod broker_session;
mod committer;
mod decoding;
pub(crate) mod destination;
mod drain;
pub(crate) mod drain_spool;
pub(crate) mod group_commit;
mod intake;
mod outgoing;
pub(crate) mod queue;
pub(crate) mod store_away;
pub(crate) mod store_writer;
mod subscriber;
mod subscriptions;

#[cfg(feature = "embedded")]
pub(crate) use drain::drain;
#[cfg(feature = "embedded")]
pub(crate) use intake::{Intake, Ticket};
pub(crate) use subscriber::Subscriber;
