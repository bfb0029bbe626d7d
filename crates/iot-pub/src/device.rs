//! One simulated device: what it publishes, where and how often.

use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use iot_core::{QoS, TopicName};

use crate::payload::Source;

/// One device. Several may share a connection.
#[derive(Debug)]
pub(crate) struct Device {
    /// `{device}` in topics.
    pub(crate) name: String,
    /// Where it publishes.
    pub(crate) topic: TopicName,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Makes the payloads.
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
    #[expect(dead_code, reason = "no source asks for the time yet")]
    pub(crate) elapsed: Duration,
}

impl Moment {
    /// Returns this moment of a run that began at `start`.
    pub(crate) fn now(start: Instant) -> Self {
        Self {
            elapsed: start.elapsed(),
        }
    }
}

/// What a device does at a tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// It publishes this.
    Message { topic: TopicName, payload: Bytes },
}

impl Device {
    /// Does the tick that is due.
    #[expect(clippy::unnecessary_wraps, reason = "a recording may hold bad lines")]
    pub(crate) fn next(&mut self, _at: Moment) -> Result<Next> {
        let payload = self.source.next(&mut rand::rng());
        let topic = self.topic.clone();
        Ok(Next::Message { topic, payload })
    }
}
