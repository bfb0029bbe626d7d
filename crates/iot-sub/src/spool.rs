//! The spool: readings are committed to it before they are acknowledged, and wait there for their
//! delivery to a database.

pub(crate) mod backlog;
mod codec;
mod connection;
pub(crate) mod deliver;
mod fetch;
mod hold;
mod salvage;
mod seq;
mod space;
pub(crate) mod spool_file;
pub(crate) mod spooler;
#[cfg(test)]
mod tests;
