//! What a source of payloads says to its device: when the next message is due, and what it is.

use std::time::Duration;

use bytes::Bytes;
use iot_core::TopicName;

/// What a device does at a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// It publishes this.
    Message { topic: TopicName, payload: Bytes },
    /// It is silent this time: the sensor has dropped out.
    Silent,
    /// Nothing comes any more: the recording or the lines have ended.
    Over,
}

/// When a device's next tick is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// By its interval; ticks that were missed are skipped.
    ByInterval {
        /// By how much this one is late: jitter.
        late: Duration,
    },
    /// By a clock of its own, a simulated or a recorded one: none is skipped, late ones follow at once, and those of
    /// several devices in the order of `simulated`.
    At {
        /// After the start of the run.
        due: Duration,
        /// After the start of the simulation or the recording.
        simulated: Duration,
    },
    /// Not known yet: see `ready` of the source.
    Later,
    /// There is none.
    Never,
}
