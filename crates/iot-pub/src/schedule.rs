//! Which device's turn it is, and when.

pub(crate) mod by_device;
pub(crate) mod interval;
pub(crate) mod rate;

use std::future::pending;
use std::time::Instant;

use anyhow::Result;
use iot_core::Message;

use crate::device::Device;
use crate::payload::pace::Next;
use crate::schedule::by_device::Fleet;
use crate::schedule::rate::Rate;

/// The ticks of all devices, in the order in which they are due.
pub(crate) enum Agenda {
    /// So many per second, the devices in turn.
    ByRate(Turns),
    /// Each device at its own times; what is missed is skipped.
    ByDevice(Fleet),
}

/// Devices that take turns at a rate. Nothing is left out: what could not be sent in time is sent late.
pub(crate) struct Turns {
    devices: Vec<Device>,
    rate: Rate,
    start: Option<Instant>,
    /// How many ticks are done.
    done: u64,
    is_over: bool,
}

impl Agenda {
    /// Returns the agenda of these devices: at a rate in total, else each as it likes.
    pub(crate) fn new(devices: Vec<Device>, rate: Option<Rate>) -> Self {
        match rate {
            None => Self::ByDevice(Fleet::new(devices)),
            Some(rate) => Self::ByRate(Turns {
                devices,
                rate,
                start: None,
                done: 0,
                is_over: false,
            }),
        }
    }

    pub(crate) fn devices(&self) -> &[Device] {
        match self {
            Self::ByRate(turns) => &turns.devices,
            Self::ByDevice(fleet) => fleet.devices(),
        }
    }

    pub(crate) fn start(&mut self, now: Instant) {
        match self {
            Self::ByRate(turns) => turns.start = Some(now),
            Self::ByDevice(fleet) => fleet.start(now),
        }
    }

    /// When the next tick is; `None` while none is known.
    pub(crate) fn due(&self) -> Option<Instant> {
        match self {
            Self::ByRate(turns) => turns.start?.checked_add(turns.rate.due(turns.done)),
            Self::ByDevice(fleet) => fleet.due(),
        }
    }

    /// Whether nothing is published any more.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::ByRate(turns) => turns.is_over,
            Self::ByDevice(fleet) => fleet.is_over(),
        }
    }

    /// Waits until a tick is known that was not. May be dropped at the await.
    pub(crate) async fn ready(&mut self) {
        match self {
            Self::ByRate(_) => pending().await,
            Self::ByDevice(fleet) => fleet.ready().await,
        }
    }

    /// Does the tick that is due: its message, with the device that it is from. `None` if that device is silent.
    pub(crate) fn next(&mut self) -> Result<Option<(usize, Message)>> {
        match self {
            Self::ByRate(turns) => turns.next(),
            Self::ByDevice(fleet) => fleet.next(),
        }
    }

    /// The device's message has left at `now`. Returns how many it has missed.
    pub(crate) fn advance(&mut self, device: usize, now: Instant) -> u64 {
        match self {
            Self::ByRate(_) => 0,
            Self::ByDevice(fleet) => fleet.advance(device, now),
        }
    }
}

impl Turns {
    fn next(&mut self) -> Result<Option<(usize, Message)>> {
        let Some(start) = self.start else {
            return Ok(None);
        };
        let turn = self.done % self.devices.len() as u64;
        let turn = usize::try_from(turn).unwrap_or_default();
        self.done += 1;
        let device = &mut self.devices[turn];
        Ok(match device.next(start)? {
            Next::Message { topic, payload } => {
                let message = Message::new(topic, payload)
                    .with_qos(device.qos)
                    .with_retain(device.retain);
                Some((turn, message))
            }
            Next::Silent => None,
            Next::Over => {
                self.is_over = true;
                None
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::tests::device;

    #[test]
    fn by_rate_the_devices_take_turns_and_nothing_is_left_out() {
        let start = Instant::now();
        let devices = vec![device("1"), device("2")];
        let mut agenda = Agenda::new(devices, Some("100/s".parse().unwrap()));
        assert_eq!(agenda.due(), None);
        agenda.start(start);
        for tick in 0..1000 {
            assert_eq!(agenda.due(), Some(start + Duration::from_millis(10) * tick));
            let (device, message) = agenda.next().unwrap().unwrap();
            assert_eq!(device, tick as usize % 2);
            assert_eq!(message.payload, "1");
            assert_eq!(agenda.advance(device, start + Duration::from_secs(5)), 0);
        }
    }

    #[test]
    fn by_interval_what_is_missed_is_skipped_and_counted() {
        let start = Instant::now();
        let mut agenda = Agenda::new(vec![device("1")], None);
        agenda.start(start);
        let second = Duration::from_secs(1);
        assert_eq!(agenda.due(), Some(start));
        agenda.next().unwrap().unwrap();
        assert_eq!(agenda.advance(0, start + second * 7 / 2), 3);
        assert_eq!(agenda.due(), Some(start + second * 4));
    }
}
