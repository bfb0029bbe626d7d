//! Storing into MongoDB through the spool.

#[path = "../common/mod.rs"]
mod common;
mod delivery;
mod disk;
mod fixture;
mod location;
