//! The session at the broker: what is kept of one that outlives this process, and how it ends.

pub(crate) mod forget;
pub(crate) mod saved_session;
pub(crate) mod session_taken_over;
pub(crate) mod state_path;
