//! What a person sees of a run: each message, the progress, or a report at the end.

pub(crate) mod latency;
pub(crate) mod measure;
mod memory;
pub(crate) mod print;
pub(crate) mod progress;
mod text;
