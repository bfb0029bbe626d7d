//! Storing into MongoDB through the spool.

#[path = "../common/mod.rs"]
mod common;
mod damage;
mod delivery;
mod disk;
mod fixture;
mod location;
