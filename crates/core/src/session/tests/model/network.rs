//! What the network does, and the packets that the client may send.

use std::collections::VecDeque;

use bytes::BytesMut;

use super::input::{Limits, Offer, number_of};
use super::world::{Holder, World};
use crate::error::Error;
use crate::message::{Message, PacketId, QoS};
use crate::packet::{Ack, Incoming, Outgoing};
use crate::protocol::Protocol;

/// A packet identifier of messages that never existed; no run gets so far.
const UNKNOWN: u16 = 60_000;

impl World {
    pub(super) fn connect(&mut self, limits: Limits) {
        if self.link.is_open {
            return;
        }
        self.session.open(self.now);
        self.link.is_open = true;
        self.link.connections += 1;
        self.link.limits = if self.is_v5() { limits } else { Limits::NONE };
        self.wire.most_in_flight = self.config.max_inflight;
    }

    pub(super) fn lose(&mut self, result: Result<(), Error>, forget: bool) {
        self.link.to_broker.clear();
        self.broker.lost(forget);
        if self.link.is_open {
            let result = if self.session.is_ending() {
                Ok(())
            } else {
                result
            };
            self.session.close(result);
        }
        self.link.is_open = false;
        self.wire.sent_here.clear();
        self.wire.in_flight.clear();
        self.wire.pubrecs.clear();
        self.wire.unknown = 0;
        self.wire.ids.retain(|_, holder| *holder != Holder::Request);
    }

    pub(super) fn send(&mut self, count: usize) {
        for _ in 0..count {
            let Some(packet) = self.session.poll_transmit(self.now) else {
                break;
            };
            assert!(self.link.is_open, "{packet:?} without a connection");
            self.check(&packet);
            if let Outgoing::Publish(message) | Outgoing::PublishAliased { message, .. } = &packet
                && let (QoS::AtMostOnce, Some(id)) = (message.qos, message.packet_id)
            {
                self.session.sent(id);
            }
            self.link.to_broker.push_back(packet);
        }
    }

    /// Rules that each packet of the client must keep.
    fn check(&mut self, packet: &Outgoing) {
        if !matches!(packet, Outgoing::Connect(_)) {
            let mut bytes = BytesMut::new();
            self.session.codec().encode(packet, &mut bytes);
            let limit = self.link.limits.maximum_packet_size as usize;
            assert!(bytes.len() <= limit, "{} bytes of {limit}", bytes.len());
        }
        match packet {
            Outgoing::Publish(message) | Outgoing::PublishAliased { message, .. }
                if message.qos > QoS::AtMostOnce =>
            {
                self.check_publish(message);
            }
            Outgoing::PubRel(ack) => {
                let id = ack.id.get();
                self.wire.unknown -= usize::from(id == UNKNOWN);
                if let Some(first) = self.wire.pubrecs.front()
                    && self.wire.pubrecs.contains(&id)
                {
                    assert_eq!(*first, id, "PUBREL in the order of PUBREC [MQTT-4.6.0-4]");
                    self.wire.pubrecs.pop_front();
                }
                let holder = self.wire.ids.get(&id);
                assert!(
                    matches!(holder, Some(Holder::Message(_))) || ack.reason.is_error(),
                    "PUBREL #{id}: {holder:?}"
                );
            }
            Outgoing::Subscribe(id, ..) | Outgoing::Unsubscribe(id, ..) => {
                let before = self.wire.ids.insert(id.get(), Holder::Request);
                let fits = before.is_none_or(|before| self.was_given_up(before));
                assert!(fits, "id {id} stands for {before:?} and a request");
            }
            _ => {}
        }
    }

    /// Whether the identifier is free although no answer arrived: the broker keeps no state of a
    /// QoS 1 message, so its identifier may be reused once it is given up.
    fn was_given_up(&mut self, holder: Holder) -> bool {
        match holder {
            Holder::Message(old) if self.published.accepted.get(&old) == Some(&1) => {
                self.poll_events(usize::MAX);
                self.published.ends.get(&old) == Some(&false)
            }
            _ => false,
        }
    }

    fn check_publish(&mut self, message: &Message) {
        let number = number_of(&message.payload);
        let id = message.packet_id.expect("QoS 1 and 2 have ids").get();
        let before = self.wire.ids.insert(id, Holder::Message(number));
        let fits = before
            .is_none_or(|before| before == Holder::Message(number) || self.was_given_up(before));
        assert!(fits, "id {id} stands for {before:?} and message {number}");
        assert!(
            self.wire.sent_here.last().is_none_or(|last| *last < number),
            "out of order"
        );
        self.wire.sent_here.push(number);
        let again = !self.wire.sent_in_session.insert(number);
        assert_eq!(message.dup, again, "DUP of message {number}");
        self.wire.in_flight.insert(id);
        let window = self
            .wire
            .most_in_flight
            .min(self.link.limits.receive_maximum);
        assert!(
            self.wire.in_flight.len() <= window.into(),
            "{:?}",
            self.wire.in_flight
        );
    }

    pub(super) fn stray(&mut self) {
        if !self.session.is_connected() {
            return;
        }
        // Packets in the output count as sent.
        let leaves = |id: u16| {
            let mut leaving = self.session.output.packets.iter();
            leaving.any(|packet| match packet {
                Outgoing::Publish(message) => message.packet_id.is_some_and(|of| of.get() == id),
                _ => false,
            })
        };
        let waits = |(id, numbers): (&u16, &VecDeque<u32>)| {
            let number = numbers.back()?;
            (!self.wire.sent_here.contains(number) && !leaves(*id)).then_some(*id)
        };
        if let Some(id) = self
            .published
            .open
            .iter()
            .filter_map(waits)
            .min()
            .and_then(PacketId::new)
        {
            let stray = Incoming::PubAck(Ack::success(id));
            let result = self.session.handle(stray, self.now);
            assert!(result.is_ok(), "{result:?}");
        }
        let unknown = PacketId::new(UNKNOWN).expect("not 0");
        let unknown = Incoming::PubRec(Ack::success(unknown));
        let result = self.session.handle(unknown, self.now);
        assert!(result.is_ok(), "{result:?}");
        self.wire.unknown += 1;
    }

    pub(super) fn arrive(&mut self, count: usize) {
        for _ in 0..count {
            let Some(packet) = self.broker.out.pop_front() else {
                break;
            };
            if let Incoming::ConnAck(_) = &packet {
                self.broker.connack_arrived();
            }
            match &packet {
                // MQTT 3.1 may have kept it.
                Incoming::ConnAck(ack)
                    if !ack.session_present
                        && (self.setup.protocol != Protocol::V31 || self.setup.clean) =>
                {
                    self.wire.sent_in_session.clear();
                    self.wire.ids.clear();
                    self.received.on_disk.clear();
                }
                Incoming::PubAck(ack) | Incoming::PubComp(ack) => self.answered(ack.id),
                Incoming::PubRec(ack) if ack.reason.is_error() => self.answered(ack.id),
                Incoming::PubRec(ack) => self.wire.pubrecs.push_back(ack.id.get()),
                Incoming::SubAck(ack) | Incoming::UnsubAck(ack) => {
                    self.wire.ids.remove(&ack.id.get());
                }
                _ => {}
            }
            let result = self.session.handle(packet.clone(), self.now);
            assert!(result.is_ok(), "{packet:?}: {result:?}");
        }
    }

    fn answered(&mut self, id: PacketId) {
        self.wire.ids.remove(&id.get());
        self.wire.in_flight.remove(&id.get());
    }

    /// Packets reach the broker.
    pub(super) fn reach(&mut self, count: usize) {
        for _ in 0..count {
            let Some(packet) = self.link.to_broker.pop_front() else {
                break;
            };
            self.broker.handle(packet, self.link.limits);
        }
    }

    /// Another client publishes.
    pub(super) fn offer(&mut self, qos: u8, topic: usize, size: usize) {
        let number = self.number();
        let offer = Offer {
            number,
            qos,
            topic,
            size,
        };
        if self.broker.offer(offer) {
            self.received.offered.insert(number, qos);
        }
    }
}
