//! The end of a run: faults stop, and everything must be delivered.

use super::input::Limits;
use super::steps::Step;
use super::world::World;
use crate::error::Error;
use crate::protocol::Protocol;

impl World {
    /// Faults stop, and all that waits is sent and answered.
    pub(super) fn drain(&mut self) {
        if self.session.is_ending() {
            self.lose(Ok(()), false);
        }
        // Twice: what is lost with the last connection is found on the next.
        for _ in 0..2 {
            self.connect(Limits::NONE);
            for round in 0.. {
                assert!(round < 2_000, "packets are sent without end");
                self.send(100);
                let busy = !self.link.to_broker.is_empty();
                self.step(&Step::Reach(100));
                self.arrive(100);
                self.poll_events(100);
                self.session.acknowledge_taken();
                while !self.received.tokens.is_empty() {
                    self.step(&Step::Ack(0));
                }
                while !self.received.releases.is_empty() {
                    self.step(&Step::Release(0));
                }
                if !busy && self.session.backlog() == 0 {
                    break;
                }
            }
            if self.link.limits.maximum_packet_size == u32::MAX {
                break;
            }
            self.lose(Err(Error::Closed), false);
        }
        self.poll_events(usize::MAX);
        assert!(self.session.is_connected());
        assert_eq!(
            self.session.unacknowledged(),
            0,
            "what was accepted is stuck"
        );
        assert_eq!(self.session.backlog(), 0);
        assert_eq!(self.wire.unknown, 0, "a PUBREC is not answered");
        assert!(self.broker.is_idle(), "the broker waits: {:?}", self.broker);
        assert!(!self.published.waits_for_room, "writable is not reported");
        assert!(
            self.requests.open.is_empty(),
            "unanswered: {:?}",
            self.requests.open
        );
        for (number, qos) in &self.published.accepted {
            let told = self.published.ends.get(number);
            assert!(
                told.is_some(),
                "the end of message {number} is not reported"
            );
            let taken = self.broker.taken.get(number).copied().unwrap_or(0);
            if *qos > 0 && told == Some(&true) {
                assert!(taken > 0, "message {number} is lost");
            }
            // Once in a session; after a lost one it is sent again. 3.1 doesn't say which it is.
            if *qos == 2 && self.setup.protocol != Protocol::V31 {
                let most = 1 + self.broker.sessions_lost;
                assert!(taken <= most, "message {number} came {taken} times");
            }
        }
        for (number, qos) in &self.received.offered {
            let times = self.received.counts.get(number).copied().unwrap_or(0);
            if *qos > 0 && !self.broker.forgotten.contains(number) {
                assert!(times > 0, "message {number} was not received");
            }
        }
    }
}
