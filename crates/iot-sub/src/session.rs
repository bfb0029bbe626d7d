//! The session at the broker: what is kept of one that outlives this process, and how it ends.

pub(crate) mod durable;
pub(crate) mod forget;
pub(crate) mod overlap;
pub(crate) mod protocol_fallback;
pub(crate) mod saved_session;
mod session_file;
pub(crate) mod session_taken_over;
pub(crate) mod state_path;
