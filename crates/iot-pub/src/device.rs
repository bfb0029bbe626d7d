//! One simulated device: what it publishes, where and how often.

#![allow(
    dead_code,
    clippy::unused_self,
    clippy::unnecessary_wraps,
    clippy::unused_async,
    reason = "sensor models and recordings will use the rest"
)]

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use iot_core::{QoS, TopicName};

use crate::payload::Source;

/// One device. Several may share a connection.
#[derive(Debug)]
pub(crate) struct Device {
    /// `{device}` in topics, `{{device}}` in payloads.
    pub(crate) name: String,
    /// Where it publishes; a recording may name other topics, see [`Next::Message`].
    pub(crate) topic: TopicName,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Makes the payloads, with a random generator of its own.
    pub(crate) source: Source,
    /// From tick to tick; not zero.
    pub(crate) interval: Duration,
    /// Each tick is late by up to this, evenly distributed; it never adds up.
    pub(crate) jitter: Duration,
}

/// When a message is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Since the start of the run.
    pub(crate) elapsed: Duration,
    /// The time of day.
    pub(crate) time: DateTime<Utc>,
}

impl Moment {
    /// Returns this moment of a run that began at `start`.
    pub(crate) fn now(start: Instant) -> Self {
        Self {
            elapsed: start.elapsed(),
            time: Utc::now(),
        }
    }
}

/// What a device does at a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// It publishes this.
    Message { topic: TopicName, payload: Bytes },
    /// It is silent this time: the sensor has dropped out.
    Silent,
    /// Nothing comes any more: the recording has ended.
    Over,
}

/// When a device's next tick is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// By its interval and jitter; ticks that were missed are skipped.
    ByInterval,
    /// By a clock of its own, a simulated or a recorded one: none is skipped, late ones follow at once, and those of
    /// several devices in the order of `simulated`.
    At {
        /// After the start of the run.
        due: Duration,
        /// After the start of the simulation or the recording.
        simulated: Duration,
    },
    /// Not known yet: see [`Device::ready`].
    Later,
    /// There is none.
    Never,
}

impl Device {
    /// Returns when the next tick is. The same until [`next`](Self::next) is called, but for [`Pace::Later`].
    pub(crate) fn pace(&mut self) -> Pace {
        Pace::ByInterval
    }

    /// Waits until [`pace`](Self::pace) is no longer [`Pace::Later`]. May be dropped at the await.
    pub(crate) async fn ready(&mut self) {}

    /// Does the tick that is due.
    ///
    /// # Errors
    /// A bad line of a recording, where that is to end the run.
    pub(crate) fn next(&mut self, at: Moment) -> Result<Next> {
        let payload = self.source.next(at);
        let topic = self.topic.clone();
        Ok(payload.map_or(Next::Silent, |payload| Next::Message { topic, payload }))
    }
}
