//! What alerts have reported, and which of them are not ok: kept beside the readings.
//!
//! One program writes them, with an [`AlertWriter`]; any may read them, with
//! [`Reader`](crate::read::Reader). When an alert begins and ends is the caller's.

mod current;
mod event;
mod open;
mod writer;

pub use current::{CurrentAlert, CurrentState, StateChange};
pub use event::{AlertState, Event};
pub use open::open;
pub use writer::AlertWriter;
