//! One simulated device: what it publishes, where and how often.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use bytes::Bytes;
use chrono::{DateTime, FixedOffset, Local};
use iot_core::{Message, QoS, TopicName};

use crate::outgoing::{Outgoing, Tick};
use crate::payload::Source;
use crate::payload::clock::Simulation;
use crate::payload::made::Made;
use crate::payload::model::At;
use crate::payload::pace::{Next, Pace};
use crate::payload::random::Random;

/// One device. Several may share a connection.
#[derive(Debug)]
pub(crate) struct Device {
    /// `{device}` in topics, `{{device}}` in payloads.
    pub(crate) name: String,
    /// Its topic. A recording may name other topics, see [`Next::Message`].
    pub(crate) topic: TopicName,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// Makes the payloads, with a random generator of its own.
    pub(crate) source: Source,
    /// The time from tick to tick; not zero.
    pub(crate) interval: Duration,
    /// Each tick is late by up to this, evenly distributed. It never adds up, and is at most the
    /// interval.
    pub(crate) jitter: Duration,
    /// Without a simulation, the time is that of the machine.
    pub(crate) simulation: Option<Simulation>,
    /// The random numbers of the jitter, so that jitter changes no reading.
    pub(crate) random: Random,
    /// How many ticks are done.
    pub(crate) ticks: u64,
    /// By how much the next tick is late, if that is drawn already.
    pub(crate) late: Option<Duration>,
    /// Where it belongs to, if an edge node sends its values.
    pub(crate) edge: Option<EdgePlace>,
}

/// A member of a Sparkplug edge node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EdgePlace {
    /// The index of the node, which is that of its connection, too.
    pub(crate) node: usize,
    pub(crate) member: usize,
}

impl Device {
    /// Returns when the next tick is: the same until [`next`](Self::next) is called, except for
    /// [`Pace::Later`].
    pub(crate) fn pace(&mut self) -> Pace {
        match &mut self.source {
            Source::Recording(recording) => return recording.pace(),
            Source::Lines(lines) => return lines.pace(),
            Source::Message(_) | Source::Sensor(_) => {}
        }
        let late = self.late();
        match self.simulation {
            None => Pace::ByInterval { late },
            Some(simulation) => {
                let simulated = self.simulated();
                Pace::At {
                    due: simulation.speed.real(simulated),
                    simulated,
                }
            }
        }
    }

    /// Waits until [`pace`](Self::pace) is no longer [`Pace::Later`]. May be dropped at the await.
    pub(crate) async fn ready(&mut self) {
        match &mut self.source {
            Source::Recording(recording) => recording.ready().await,
            Source::Lines(lines) => lines.ready().await,
            Source::Message(_) | Source::Sensor(_) => {}
        }
    }

    /// Returns which part of its messages is published, from 0 to 1, if that is known.
    pub(crate) fn share(&self) -> Option<f64> {
        match &self.source {
            Source::Lines(lines) => lines.share(),
            Source::Message(_) | Source::Sensor(_) | Source::Recording(_) => None,
        }
    }

    /// Returns what is reported of it at the end.
    pub(crate) fn last_notice(&self) -> Option<String> {
        match &self.source {
            Source::Recording(recording) => recording.last_notice(),
            Source::Lines(lines) => lines.last_notice(),
            Source::Message(_) | Source::Sensor(_) => None,
        }
    }

    /// Returns the topic of all its messages, if they have one.
    pub(crate) fn only_topic(&self) -> Option<&TopicName> {
        let is_recording = matches!(self.source, Source::Recording(_));
        (!is_recording).then_some(&self.topic)
    }

    /// Does the tick that is due, in a run that began at `start`.
    ///
    /// # Errors
    /// A line that ends the run, and a template that cannot be filled.
    pub(crate) fn next(&mut self, start: Instant) -> Result<Tick> {
        let simulated = self
            .simulation
            .map(|simulation| (simulation, self.simulated()));
        self.ticks += 1;
        self.late = None;
        let made = match &mut self.source {
            Source::Message(text) => Some(Made::new(text.clone())),
            Source::Sensor(sensor) => {
                let (at, time) = moment(start, simulated);
                sensor
                    .next(at, time)
                    .map_err(|why| anyhow!("cannot fill the payload template: {why}"))?
            }
            Source::Recording(recording) => {
                let next = recording.next()?;
                return Ok(self.tick(next));
            }
            Source::Lines(lines) => {
                let next = lines.next(&self.topic)?;
                return Ok(self.tick(next));
            }
        };
        let Some(made) = made else {
            return Ok(Tick::Silent);
        };
        Ok(Tick::Publish(Outgoing {
            message: self.message(self.topic.clone(), made.payload),
            shown: made.shown,
            sample: made.sample,
        }))
    }

    fn tick(&self, next: Next) -> Tick {
        match next {
            Next::Message { topic, payload } => Tick::Publish(Outgoing {
                message: self.message(topic, payload),
                shown: None,
                sample: None,
            }),
            Next::Silent => Tick::Silent,
            Next::Over => Tick::Over,
        }
    }

    fn message(&self, topic: TopicName, payload: Bytes) -> Message {
        Message::new(topic, payload)
            .with_qos(self.qos)
            .with_retain(self.retain)
    }

    fn late(&mut self) -> Duration {
        let (jitter, random) = (self.jitter, &mut self.random);
        *self.late.get_or_insert_with(|| {
            if jitter.is_zero() {
                return Duration::ZERO;
            }
            jitter.mul_f64(random.unit())
        })
    }

    /// When the next tick is, in simulated time since its start.
    fn simulated(&mut self) -> Duration {
        let ticks = self.interval.as_nanos().saturating_mul(self.ticks.into());
        let limit = Duration::MAX.as_nanos();
        Duration::from_nanos_u128(ticks.min(limit)).saturating_add(self.late())
    }
}

/// Returns when a reading is made: now, in a run that began at `start`, or by the clock of the
/// simulation.
fn moment(
    start: Instant,
    simulated: Option<(Simulation, Duration)>,
) -> (At, DateTime<FixedOffset>) {
    let (elapsed, time, time_of_day) = match simulated {
        None => {
            let time = Local::now();
            (start.elapsed(), time.fixed_offset(), time.time())
        }
        Some((simulation, elapsed)) => {
            let time = simulation.time(elapsed);
            (elapsed, time, time.time())
        }
    };
    let at = At {
        elapsed,
        time_of_day,
    };
    (at, time)
}

#[cfg(test)]
impl Device {
    /// Returns a device that publishes `1` to `iot/a` every second.
    pub(crate) fn constant(name: &str) -> Self {
        Self {
            name: name.into(),
            topic: TopicName::new("iot/a").unwrap(),
            qos: QoS::AtMostOnce,
            retain: false,
            source: Source::Message("1".into()),
            interval: Duration::from_secs(1),
            jitter: Duration::ZERO,
            simulation: None,
            random: Random::new(1, 1),
            ticks: 0,
            late: None,
            edge: None,
        }
    }
}
