//! The spool's file.

mod commit;
pub(super) mod fixture;
mod held;
mod refused;
mod salvage;
