//! Receives.
#![allow(dead_code, unused_imports, reason = "not every room is used yet")]

#[cfg(feature = "embedded")]
mod broker;
mod journal;
mod reading;
mod store;

fn main() {}
