//! When the next message of a device is due, and what it is.

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
    /// There are no more messages: the recording or the lines have ended.
    Over,
}

/// When a device's next tick is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// After its interval. Ticks that were missed are skipped.
    ByInterval {
        /// By how much this one is late.
        late: Duration,
    },
    /// By a simulated or a recorded clock. No tick is skipped, late ones follow at once, and those
    /// of several devices come in the order of `simulated`.
    At {
        /// After the start of the run.
        due: Duration,
        /// After the start of the simulation or the recording.
        simulated: Duration,
    },
    /// Not known yet: see `ready` of the source.
    Later,
    /// There are no more ticks.
    Never,
}
