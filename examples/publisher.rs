//! Publisher.
fn main() {}
