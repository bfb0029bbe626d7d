//! One simulated device: what it publishes, where and how often.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use chrono::{DateTime, Local, Utc};
use iot_core::{QoS, TopicName};

use crate::payload::Source;
use crate::payload::clock::Simulation;
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
    pub(crate) fn next(&mut self, start: Instant) -> Result<Next> {
        let simulated = self
            .simulation
            .map(|simulation| (simulation, self.simulated()));
        self.ticks += 1;
        self.late = None;
        let payload = match &mut self.source {
            Source::Message(text) => Some(text.clone()),
            Source::Sensor(sensor) => {
                let (at, time) = moment(start, simulated);
                sensor
                    .next(at, time)
                    .map_err(|why| anyhow!("cannot fill the payload template: {why}"))?
            }
            Source::Recording(recording) => return recording.next(),
            Source::Lines(lines) => return lines.next(&self.topic),
        };
        let topic = self.topic.clone();
        Ok(payload.map_or(Next::Silent, |payload| Next::Message { topic, payload }))
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
fn moment(start: Instant, simulated: Option<(Simulation, Duration)>) -> (At, DateTime<Utc>) {
    let (elapsed, time, time_of_day) = match simulated {
        None => {
            let time = Utc::now();
            (start.elapsed(), time, time.with_timezone(&Local).time())
        }
        Some((simulation, elapsed)) => {
            let time = simulation.time(elapsed);
            (elapsed, time.to_utc(), time.time())
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
        }
    }
}
