//! The session's output: packets to send and events to report, each in order.

use std::collections::VecDeque;

use super::event::Event;
use super::log::LogLevel;
use crate::packet::Outgoing;

/// Packets to send and events to report, each in order.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) packets: VecDeque<Outgoing>,
    pub(super) events: VecDeque<Event>,
    pub(super) logging: bool,
}

impl Output {
    /// Queues a packet to send.
    pub(super) fn send(&mut self, packet: Outgoing) {
        self.packets.push_back(packet);
    }

    /// Queues an event to report.
    pub(super) fn notify(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Queues a line of the log, if the log is on.
    pub(super) fn log(&mut self, level: LogLevel, text: impl FnOnce() -> String) {
        if self.logging {
            let text = text();
            self.notify(Event::Log { level, text });
        }
    }
}
