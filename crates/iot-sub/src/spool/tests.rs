//! The spool's file.

mod commit;
pub(super) mod fixture;
mod held;
mod log;
mod refused;
mod salvage;
