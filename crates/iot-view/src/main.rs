//! Shows, exports and plots stored readings.

fn main() {}
