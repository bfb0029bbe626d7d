//! Which device is next, and when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::pending;
use std::time::{Duration, Instant};

use anyhow::Result;
use iot_core::Message;

use crate::device::{Device, Moment, Next, Pace};
use crate::schedule::Schedule;

/// All devices of one connection, each with its own schedule.
pub(crate) struct Fleet {
    devices: Vec<Device>,
    start: Option<Instant>,
    /// By device; made at the start. With each, by how much the next tick is late.
    schedules: Vec<(Schedule, Duration)>,
    /// The ticks that are known, the first on top.
    ticks: BinaryHeap<Reverse<Tick>>,
    /// Devices that don't know their next tick yet.
    later: Vec<usize>,
}

/// One tick of one device. Ticks at the same time come in the order of simulated time, then of the devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Tick {
    due: Instant,
    simulated: Duration,
    device: usize,
}

impl Fleet {
    pub(crate) fn new(devices: Vec<Device>) -> Self {
        Self {
            devices,
            start: None,
            schedules: Vec::new(),
            ticks: BinaryHeap::new(),
            later: Vec::new(),
        }
    }

    pub(crate) fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Starts all schedules, unless they run already.
    pub(crate) fn start(&mut self, now: Instant) {
        if self.start.is_some() {
            return;
        }
        self.start = Some(now);
        let schedule = |device: &Device| (Schedule::new(now, device.interval), Duration::ZERO);
        self.schedules = self.devices.iter().map(schedule).collect();
        for device in 0..self.devices.len() {
            self.plan(device);
        }
    }

    /// When the next tick is; `None` while none is known, or where that is beyond what the clock can count to.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.ticks.peek().map(|Reverse(tick)| tick.due)
    }

    /// Whether no device publishes any more.
    pub(crate) fn is_over(&self) -> bool {
        let beyond = |(schedule, _): &(Schedule, Duration)| schedule.due().is_none();
        self.start.is_some()
            && self.ticks.is_empty()
            && self.later.is_empty()
            && !self.schedules.iter().any(beyond)
    }

    /// Waits until a tick is known that was not; for ever, if each device knows its own. May be dropped at the await.
    pub(crate) async fn ready(&mut self) {
        // Only a recording makes wait, and there is one at most.
        let Some(&device) = self.later.first() else {
            return pending().await;
        };
        self.devices[device].ready().await;
        self.later.remove(0);
        self.plan(device);
    }

    /// Does the tick that is due: its message, with the device that it is from. `None` if that device is silent.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Message)>> {
        let (Some(Reverse(tick)), Some(start)) = (self.ticks.pop(), self.start) else {
            return Ok(None);
        };
        let device = &mut self.devices[tick.device];
        match device.next(Moment::now(start))? {
            Next::Message { topic, payload } => {
                let message = Message::new(topic, payload)
                    .with_qos(device.qos)
                    .with_retain(device.retain);
                Ok(Some((tick.device, message)))
            }
            Next::Silent => {
                self.advance(tick.device, Instant::now());
                Ok(None)
            }
            Next::Over => Ok(None),
        }
    }

    /// The device's message has left at `now`: its next tick is the one after that. Returns how many it has missed.
    pub(crate) fn advance(&mut self, device: usize, now: Instant) -> u64 {
        let (schedule, late) = &mut self.schedules[device];
        let missed = schedule.advance(now.checked_sub(*late).unwrap_or(now));
        self.plan(device);
        missed
    }

    fn plan(&mut self, device: usize) {
        let Some(start) = self.start else { return };
        let (due, simulated) = match self.devices[device].pace() {
            Pace::ByInterval { late } => {
                self.schedules[device].1 = late;
                let due = self.schedules[device].0.due();
                (due.and_then(|due| due.checked_add(late)), Duration::ZERO)
            }
            Pace::At { due, simulated } => (start.checked_add(due), simulated),
            Pace::Later => return self.later.push(device),
            Pace::Never => return,
        };
        if let Some(due) = due {
            let tick = Tick {
                due,
                simulated,
                device,
            };
            self.ticks.push(Reverse(tick));
        }
    }
}
