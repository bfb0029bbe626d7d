//! Devices that publish in turn, at a rate in total.

use std::time::Instant;

use anyhow::Result;

use super::rate::Rate;
use crate::device::Device;
use crate::outgoing::{Outgoing, Tick};

/// Devices that take turns at a rate. No tick is skipped: a message that could not be published in
/// time is published late.
pub(crate) struct ByRate {
    devices: Vec<Device>,
    rate: Rate,
    start: Option<Instant>,
    /// How many ticks are done.
    done: u64,
    is_over: bool,
}

impl ByRate {
    pub(super) fn new(devices: Vec<Device>, rate: Rate) -> Self {
        Self {
            devices,
            rate,
            start: None,
            done: 0,
            is_over: false,
        }
    }

    pub(super) fn devices(&self) -> &[Device] {
        &self.devices
    }

    pub(super) fn start(&mut self, now: Instant) {
        self.start = Some(now);
    }

    /// When the next tick is; `None` before the start.
    pub(super) fn due(&self) -> Option<Instant> {
        self.start?.checked_add(self.rate.due(self.done))
    }

    /// Returns whether nothing is published any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Does the tick that is due: returns its message and the index of its device, or `None` if
    /// that device is silent.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Outgoing)>> {
        let Some(start) = self.start else {
            return Ok(None);
        };
        let turn = self.done % self.devices.len() as u64;
        let turn = usize::try_from(turn).unwrap_or_default();
        self.done += 1;
        let device = &mut self.devices[turn];
        Ok(match device.next(start)? {
            Tick::Publish(outgoing) => Some((turn, outgoing)),
            Tick::Silent => None,
            Tick::Over => {
                self.is_over = true;
                None
            }
        })
    }
}
