//! Receives.
#![allow(dead_code, unused_imports, reason = "not every room is used yet")]

mod reading;

fn main() {}
