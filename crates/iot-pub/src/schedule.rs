//! When messages are due, and from which device.

mod by_device;
mod by_rate;
mod interval;
pub(crate) mod rate;

use std::future::pending;
use std::time::Instant;

use anyhow::Result;

use crate::device::Device;
use crate::outgoing::Outgoing;
use by_device::ByDevice;
use by_rate::ByRate;
use rate::Rate;

/// The ticks of all devices, in the order in which they are due.
pub(crate) enum Schedule {
    /// The devices publish in turn, at a rate in total.
    ByRate(ByRate),
    /// Each device publishes at its own times, and skips the ticks that it has missed.
    ByDevice(ByDevice),
}

impl Schedule {
    /// Returns the schedule of these devices: at a rate in total, or each at its own times.
    pub(crate) fn new(devices: Vec<Device>, rate: Option<Rate>) -> Self {
        match rate {
            None => Self::ByDevice(ByDevice::new(devices)),
            Some(rate) => Self::ByRate(ByRate::new(devices, rate)),
        }
    }

    pub(crate) fn devices(&self) -> &[Device] {
        match self {
            Self::ByRate(by_rate) => by_rate.devices(),
            Self::ByDevice(by_device) => by_device.devices(),
        }
    }

    pub(crate) fn start(&mut self, now: Instant) {
        match self {
            Self::ByRate(by_rate) => by_rate.start(now),
            Self::ByDevice(by_device) => by_device.start(now),
        }
    }

    /// When the next tick is; `None` while none is known.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self {
            Self::ByRate(by_rate) => by_rate.due(),
            Self::ByDevice(by_device) => by_device.due(),
        }
    }

    /// Returns whether nothing is published any more.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::ByRate(by_rate) => by_rate.is_over(),
            Self::ByDevice(by_device) => by_device.is_over(),
        }
    }

    /// Waits until a new tick is known. May be dropped at the await.
    pub(crate) async fn ready(&mut self) {
        match self {
            Self::ByRate(_) => pending().await,
            Self::ByDevice(by_device) => by_device.ready().await,
        }
    }

    /// Does the tick that is due: returns its message and the index of its device, or `None` if
    /// that device is silent.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Outgoing)>> {
        match self {
            Self::ByRate(by_rate) => by_rate.next(),
            Self::ByDevice(by_device) => by_device.next(),
        }
    }

    /// The message of the device was published at `now`. Returns how many ticks it has missed.
    pub(crate) fn advance(&mut self, device: usize, now: Instant) -> u64 {
        match self {
            Self::ByRate(_) => 0,
            Self::ByDevice(by_device) => by_device.advance(device, now),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn by_rate_the_devices_take_turns_and_nothing_is_left_out() {
        let start = Instant::now();
        let devices = vec![Device::constant("1"), Device::constant("2")];
        let mut schedule = Schedule::new(devices, Some("100/s".parse().unwrap()));
        assert_eq!(schedule.due(), None);
        schedule.start(start);
        for tick in 0..1000 {
            assert_eq!(
                schedule.due(),
                Some(start + Duration::from_millis(10) * tick)
            );
            let (device, outgoing) = schedule.next().unwrap().unwrap();
            assert_eq!(device, tick as usize % 2);
            assert_eq!(outgoing.message.payload, "1");
            assert_eq!(schedule.advance(device, start + Duration::from_secs(5)), 0);
        }
    }

    #[test]
    fn by_interval_what_is_missed_is_skipped_and_counted() {
        let start = Instant::now();
        let mut schedule = Schedule::new(vec![Device::constant("1")], None);
        schedule.start(start);
        let second = Duration::from_secs(1);
        assert_eq!(schedule.due(), Some(start));
        schedule.next().unwrap().unwrap();
        assert_eq!(schedule.advance(0, start + second * 7 / 2), 3);
        assert_eq!(schedule.due(), Some(start + second * 4));
    }
}
