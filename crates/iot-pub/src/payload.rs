//! The sources of payloads: a message, lines, a simulated sensor, or a recording.

pub(crate) mod clock;
pub(crate) mod format;
pub(crate) mod lines;
pub(crate) mod made;
pub(crate) mod model;
mod number;
pub(crate) mod pace;
pub(crate) mod random;
pub(crate) mod recording;
pub(crate) mod sensor;
mod template;

use bytes::Bytes;

use lines::Lines;
use recording::Recording;
use sensor::Sensor;

/// A source of payloads.
#[derive(Debug)]
pub(crate) enum Source {
    /// The same payload each time.
    Message(Bytes),
    Sensor(Box<Sensor>),
    Recording(Box<Recording>),
    Lines(Box<Lines>),
}
