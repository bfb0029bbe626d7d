//! The name of the program.

/// How messages on stderr begin.
pub(crate) const NAME: &str = "iot-pub";
