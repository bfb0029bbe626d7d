//! `--share`: several programs that receive as one group.

#[path = "../common/mod.rs"]
mod common;
mod drain_spool;
mod members;
mod metrics;
mod options;
