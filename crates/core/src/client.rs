//! Paho's calls and callbacks on a [`Connection`].
//!
//! # Which thread runs what
//!
//! Callbacks run on the thread that runs the loop: the one that calls [`Client::loop_forever`] or
//! [`Client::loop_once`], or the one that [`Client::loop_start`] starts, as in Paho. Callbacks of
//! one client never run at the same time as one another, and one that blocks stops no other client.
//! If no loop runs, [`Client::disconnect`] closes the connection itself, and calls the callbacks
//! for what that brings on the thread that calls it.
//!
//! A client whose loop is started takes a thread, and on Unix five file descriptors: the socket
//! twice, and three for its event loop. A program with thousands of clients uses [`Connection`].
//!
//! All methods may be called from any thread and from inside callbacks; no lock that they need is
//! held while a callback runs. A call that would wait for the loop doesn't do so inside a callback:
//! [`Client::connect`] and [`Client::reconnect`] return at once there and the loop connects when
//! the callback has returned, [`Client::loop_stop`] takes effect then, and
//! [`MessageInfo::wait_for_publish`] is an error. Methods that wait block their thread, that of an
//! async runtime too: use [`Connection`] there.
//!
//! A callback that panics ends the loop, and is not called again. The panic goes on to the caller
//! of `loop_forever`, `loop_once` or `disconnect`; that of a loop which `loop_start` has started,
//! to the next caller of `loop_stop` or `loop_start`.

mod acknowledging;
mod acks;
mod authenticating;
mod callback_setters;
mod callbacks;
mod connecting;
mod control;
mod dispatch;
mod event_loop;
mod loop_calls;
mod message_info;
mod publishing;
mod running_callbacks;
mod settings;
mod shared;
mod subscribing;
mod transport_settings;
mod user_data;

#[cfg(doc)]
use crate::connection::Connection;

pub use callbacks::{ConnectFlags, Published};
pub use message_info::MessageInfo;
pub use shared::Client;
