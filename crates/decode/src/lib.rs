//! Decodes the messages of real devices into readings.

mod request;
mod state;

pub use request::Request;
pub use state::{KeepsState, STATE_KEY_LIMIT, STATE_VALUE_LIMIT, StateChange};
