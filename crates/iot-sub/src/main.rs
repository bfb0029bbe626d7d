//! Receives.
#![allow(dead_code, unused_imports, reason = "not every room is used yet")]

mod journal;
mod reading;

fn main() {}
