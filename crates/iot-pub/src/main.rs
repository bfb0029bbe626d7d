//! Receives.
fn main() {}
