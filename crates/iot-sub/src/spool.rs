//! The spool: readings are committed to it before they are acknowledged, and wait there for their delivery to a database.

pub(crate) mod backlog;
mod codec;
pub(crate) mod deliver;
mod salvage;
pub(crate) mod spool_file;
pub(crate) mod spooler;
