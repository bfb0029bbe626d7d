//! Which device's turn it is, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use rand::RngExt;

use crate::device::Device;
use crate::rate::Rate;
use crate::schedule::Schedule;

/// The ticks of all devices, in the order in which they are due.
#[derive(Debug)]
pub(super) enum Agenda {
    /// So many per second, the devices in turn. Nothing is left out: what could not be sent in time is sent late.
    ByRate {
        start: Instant,
        rate: Rate,
        /// How many ticks are done.
        done: u64,
        devices: u64,
    },
    /// Each device at its interval; ticks that were missed are skipped.
    ByInterval {
        due: BinaryHeap<Reverse<(Instant, usize)>>,
        rounds: Vec<Round>,
    },
}

/// One device's ticks.
#[derive(Debug)]
pub(super) struct Round {
    schedule: Schedule,
    jitter: Duration,
}

impl Round {
    fn due(&self) -> Option<Instant> {
        let late = if self.jitter.is_zero() {
            Duration::ZERO
        } else {
            rand::rng().random_range(Duration::ZERO..=self.jitter)
        };
        self.schedule.due()?.checked_add(late)
    }
}

impl Agenda {
    /// Returns the agenda of devices that start now: at this rate in total, else each at its interval.
    pub(super) fn new(start: Instant, rate: Option<Rate>, devices: &[Device]) -> Self {
        if let Some(rate) = rate {
            return Self::ByRate {
                start,
                rate,
                done: 0,
                devices: devices.len() as u64,
            };
        }
        let rounds: Vec<_> = (0u32..)
            .zip(devices)
            .map(|(index, device)| {
                // Not all at once: devices in the field were not switched on together either.
                #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
                let share = f64::from(index) / devices.len() as f64;
                let first = start.checked_add(device.interval.mul_f64(share));
                Round {
                    schedule: Schedule::new(first.unwrap_or(start), device.interval),
                    jitter: device.jitter,
                }
            })
            .collect();
        let due = rounds.iter().enumerate();
        let due = due.filter_map(|(index, round)| Some(Reverse((round.due()?, index))));
        Self::ByInterval {
            due: due.collect(),
            rounds,
        }
    }

    /// Returns when the next tick is due, and whose it is.
    pub(super) fn next(&self) -> Option<(Instant, usize)> {
        match self {
            Self::ByRate {
                start,
                rate,
                done,
                devices,
            } => {
                let device = usize::try_from(done % devices).unwrap_or_default();
                Some((start.checked_add(rate.due(*done))?, device))
            }
            Self::ByInterval { due, .. } => due.peek().map(|Reverse(next)| *next),
        }
    }

    /// The next tick is done, at `now`. Returns how many of that device's are skipped.
    pub(super) fn advance(&mut self, now: Instant) -> u64 {
        match self {
            Self::ByRate { done, .. } => {
                *done += 1;
                0
            }
            Self::ByInterval { due, rounds } => {
                let Some(Reverse((_, index))) = due.pop() else {
                    return 0;
                };
                let skipped = rounds[index].schedule.advance(now);
                if let Some(at) = rounds[index].due() {
                    due.push(Reverse((at, index)));
                }
                skipped
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use iot_core::{QoS, TopicName};

    use super::*;
    use crate::payload::Source;

    fn device(interval: Duration, jitter: Duration) -> Device {
        Device {
            name: "1".into(),
            topic: TopicName::new("a").unwrap(),
            qos: QoS::AtMostOnce,
            retain: false,
            source: Source::Message("x".into()),
            interval,
            jitter,
        }
    }

    /// Takes this many ticks in time; returns them as milliseconds after the start and devices.
    fn ticks(agenda: &mut Agenda, start: Instant, count: usize) -> Vec<(u128, usize)> {
        let tick = |_| {
            let (due, device) = agenda.next().unwrap();
            assert_eq!(agenda.advance(due), 0);
            ((due - start).as_millis(), device)
        };
        (0..count).map(tick).collect()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn by_rate_the_devices_take_turns() {
        let start = Instant::now();
        let devices = [device(SECOND, SECOND), device(SECOND, SECOND)];
        let mut agenda = Agenda::new(start, Some("100/s".parse().unwrap()), &devices);
        let expected = [(0, 0), (10, 1), (20, 0), (30, 1)];
        assert_eq!(ticks(&mut agenda, start, 4), expected);
    }

    #[test]
    fn by_rate_nothing_is_left_out() {
        let start = Instant::now();
        let devices = [device(SECOND, SECOND)];
        let mut agenda = Agenda::new(start, Some("100/s".parse().unwrap()), &devices);
        for tick in 0..1000 {
            assert_eq!(agenda.next(), Some((start + SECOND / 100 * tick, 0)));
            assert_eq!(agenda.advance(start + 5 * SECOND), 0);
        }
    }

    #[test]
    fn by_interval_the_devices_are_spread_over_it() {
        let start = Instant::now();
        let slow = device(4 * SECOND, Duration::ZERO);
        let fast = device(SECOND, Duration::ZERO);
        let mut agenda = Agenda::new(start, None, &[slow, fast]);
        let expected = [(0, 0), (500, 1), (1500, 1), (2500, 1), (3500, 1), (4000, 0)];
        assert_eq!(ticks(&mut agenda, start, 6), expected);
    }

    #[test]
    fn by_interval_what_is_missed_is_skipped_and_counted() {
        let start = Instant::now();
        let mut agenda = Agenda::new(start, None, &[device(SECOND, Duration::ZERO)]);
        assert_eq!(agenda.advance(start + SECOND * 7 / 2), 3);
        assert_eq!(agenda.next(), Some((start + 4 * SECOND, 0)));
    }

    #[test]
    fn jitter_makes_late_and_never_adds_up() {
        let start = Instant::now();
        let mut agenda = Agenda::new(start, None, &[device(SECOND, SECOND / 2)]);
        for tick in 0..1000 {
            let (due, _) = agenda.next().unwrap();
            let grid = start + SECOND * tick;
            assert!((grid..=grid + SECOND / 2).contains(&due), "tick {tick}");
            assert_eq!(agenda.advance(due), 0);
        }
    }
}
