//! `--durable`: a session that the broker keeps while the program is not running.

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod fixture;
mod forget;
mod overlapping;
mod protocol;
mod sessions;
