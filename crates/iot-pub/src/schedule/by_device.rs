//! Devices that publish at their own times: which is next, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::pending;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::interval::IntervalTicks;
use crate::device::Device;
use crate::outgoing::{Outgoing, Tick as DeviceTick};
use crate::payload::pace::Pace;

/// Devices, each with its own ticks.
pub(crate) struct ByDevice {
    devices: Vec<Device>,
    start: Option<Instant>,
    /// One for each device, from the start on, and the jitter of the next tick.
    intervals: Vec<(IntervalTicks, Duration)>,
    /// The ticks that are known, the earliest on top.
    ticks: BinaryHeap<Reverse<Tick>>,
    /// The devices whose next tick is not known yet.
    later: Vec<usize>,
    /// A tick is beyond the end of the clock.
    has_beyond: bool,
}

/// One tick of one device. Ticks at the same time come in the order of simulated time, then of the
/// devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Tick {
    due: Instant,
    simulated: Duration,
    device: usize,
}

impl ByDevice {
    pub(super) fn new(devices: Vec<Device>) -> Self {
        Self {
            devices,
            start: None,
            intervals: Vec::new(),
            ticks: BinaryHeap::new(),
            later: Vec::new(),
            has_beyond: false,
        }
    }

    pub(super) fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Starts all devices, unless they have started.
    pub(super) fn start(&mut self, now: Instant) {
        if self.start.is_some() {
            return;
        }
        self.start = Some(now);
        let interval = |device: &Device| (IntervalTicks::new(now, device.interval), Duration::ZERO);
        self.intervals = self.devices.iter().map(interval).collect();
        for device in 0..self.devices.len() {
            self.add_next_tick(device);
        }
    }

    /// When the next tick is; `None` if none is known, or if it is beyond the end of the clock.
    pub(super) fn due(&self) -> Option<Instant> {
        self.ticks.peek().map(|Reverse(tick)| tick.due)
    }

    /// Returns whether no device publishes any more.
    pub(super) fn is_over(&self) -> bool {
        self.start.is_some() && self.ticks.is_empty() && self.later.is_empty() && !self.has_beyond
    }

    /// Waits until a new tick is known; for ever, if the next tick of each device is known. May be
    /// dropped at the await.
    pub(super) async fn ready(&mut self) {
        // Only a recording or lines have later ticks, and there is at most one of them.
        let Some(&device) = self.later.first() else {
            return pending().await;
        };
        self.devices[device].ready().await;
        self.later.remove(0);
        self.add_next_tick(device);
    }

    /// Does the tick that is due: returns its message and the index of its device, or `None` if
    /// that device is silent.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Outgoing)>> {
        let (Some(Reverse(tick)), Some(start)) = (self.ticks.pop(), self.start) else {
            return Ok(None);
        };
        let device = &mut self.devices[tick.device];
        match device.next(start)? {
            DeviceTick::Publish(outgoing) => Ok(Some((tick.device, outgoing))),
            DeviceTick::Silent => {
                self.advance(tick.device, Instant::now());
                Ok(None)
            }
            DeviceTick::Over => Ok(None),
        }
    }

    /// The message of the device was published at `now`. Its next tick is the first one after that.
    /// Returns how many ticks it has missed.
    pub(super) fn advance(&mut self, device: usize, now: Instant) -> u64 {
        let (interval, late) = &mut self.intervals[device];
        let missed = interval.advance(now.checked_sub(*late).unwrap_or(now));
        self.add_next_tick(device);
        missed
    }

    fn add_next_tick(&mut self, device: usize) {
        let Some(start) = self.start else { return };
        let (due, simulated) = match self.devices[device].pace() {
            Pace::ByInterval { late } => {
                self.intervals[device].1 = late;
                let due = self.intervals[device].0.due();
                (due.and_then(|due| due.checked_add(late)), Duration::ZERO)
            }
            Pace::At { due, simulated } => (start.checked_add(due), simulated),
            Pace::Later => return self.later.push(device),
            Pace::Never => return,
        };
        match due {
            Some(due) => self.ticks.push(Reverse(Tick {
                due,
                simulated,
                device,
            })),
            None => self.has_beyond = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use iot_core::{QoS, TopicName};

    use super::*;
    use crate::payload::Source;
    use crate::payload::clock::{Simulation, Speed};
    use crate::payload::random::Random;

    fn device(name: &str, interval: u64, jitter: u64, speed: Option<Speed>) -> Device {
        Device {
            name: name.into(),
            topic: TopicName::new(name).unwrap(),
            qos: QoS::AtMostOnce,
            retain: false,
            source: Source::Message("x".into()),
            interval: Duration::from_millis(interval),
            jitter: Duration::from_millis(jitter),
            simulation: speed.map(|speed| Simulation {
                start: Simulation::default_start(),
                speed,
            }),
            random: Random::new(1, 1),
            ticks: 0,
            late: None,
            edge: None,
        }
    }

    /// Does `count` ticks, each `lag` milliseconds after it is due. Returns when each was due, in
    /// milliseconds, and its device.
    #[track_caller]
    fn run(devices: Vec<Device>, count: usize, lag: u64) -> Vec<(u128, String)> {
        let start = Instant::now();
        let mut schedule = ByDevice::new(devices);
        assert_eq!(schedule.due(), None);
        schedule.start(start);
        let mut now = start;
        let mut tick = || {
            let due = schedule.due().unwrap();
            now = now.max(due + Duration::from_millis(lag));
            let (device, outgoing) = schedule.next().unwrap().unwrap();
            schedule.advance(device, now);
            (
                (due - start).as_millis(),
                outgoing.message.topic.to_string(),
            )
        };
        (0..count).map(|_| tick()).collect()
    }

    fn named(ticks: &[(u128, &str)]) -> Vec<(u128, String)> {
        let named = |(due, name): &(u128, &str)| (*due, (*name).to_owned());
        ticks.iter().map(named).collect()
    }

    /// The first ticks of devices with 20 and 50 ms.
    const TICKS: [(u128, &str); 6] = [
        (0, "a"),
        (0, "b"),
        (20, "a"),
        (40, "a"),
        (50, "b"),
        (60, "a"),
    ];

    #[test]
    fn each_device_keeps_its_interval_and_the_first_comes_first() {
        let devices = || vec![device("a", 20, 0, None), device("b", 50, 0, None)];
        assert_eq!(run(devices(), 6, 0), named(&TICKS));
        // On a machine that is late, ticks are skipped.
        let expected = [(0, "a"), (0, "b"), (40, "a"), (50, "b"), (80, "a")];
        assert_eq!(run(devices(), 5, 30), named(&expected));
    }

    #[test]
    fn simulated_time_skips_nothing_and_keeps_its_order_at_any_speed() {
        let devices = |speed| vec![device("a", 20, 0, speed), device("b", 50, 0, speed)];
        for lag in [0, 1000] {
            let real = run(devices(Some(Speed::NORMAL)), 6, lag);
            assert_eq!(real, named(&TICKS));
            let fast = run(devices(Some(Speed::Times(10.0))), 6, lag);
            assert_eq!(fast, named(&TICKS.map(|(due, name)| (due / 10, name))));
            let at_once = run(devices(Some(Speed::Max)), 6, lag);
            assert_eq!(at_once, named(&TICKS.map(|(_, name)| (0, name))));
        }
    }

    #[test]
    fn jitter_makes_late_and_never_adds_up() {
        for speed in [None, Some(Speed::NORMAL)] {
            let ticks = run(vec![device("a", 100, 100, speed)], 1000, 0);
            let mut lates = Vec::new();
            for (tick, (due, _)) in (0_u128..).zip(ticks) {
                let late = due - tick * 100;
                assert!(late <= 100, "tick {tick} is due at {due}");
                lates.push(late);
            }
            // Evenly distributed.
            let mean = lates.iter().sum::<u128>() / 1000;
            assert!((40..60).contains(&mean), "{mean}");
            assert!(lates.iter().any(|late| *late < 5) && lates.iter().any(|late| *late > 95));
        }
    }

    #[test]
    fn a_tick_beyond_the_clock_s_end_is_no_end() {
        for speed in [None, Some(Speed::NORMAL)] {
            let mut schedule = ByDevice::new(vec![device("a", u64::MAX, 0, speed)]);
            schedule.devices[0].interval = Duration::MAX;
            schedule.start(Instant::now());
            let (device, _) = schedule.next().unwrap().unwrap();
            schedule.advance(device, Instant::now());
            assert_eq!(schedule.due(), None);
            assert!(!schedule.is_over());
        }
    }
}
