//! What the application does, and the events that it may get.

use std::collections::VecDeque;
use std::sync::Arc;

use super::input::{TOPICS, is_limit, number_of, payload};
use super::world::World;
use crate::error::Error;
use crate::message::{Message, PacketId, QoS};
use crate::packet::Subscription;
use crate::protocol::Protocol;
use crate::reason::ReasonCode;
use crate::request::AckRequest;
use crate::session::{AckToken, Event, Session};
use crate::topic::{TopicFilter, TopicName};

impl World {
    pub(super) fn publish(
        &mut self,
        qos: u8,
        topic: usize,
        retain: bool,
        size: usize,
        tracked: bool,
    ) {
        let qos = if self.setup.restarts { qos.min(1) } else { qos };
        let number = self.number();
        let message = Message::new(
            TopicName::new(TOPICS[topic]).unwrap(),
            payload(number, size),
        )
        .with_qos(QoS::try_from(qos).unwrap())
        .with_retain(retain);
        let connected = self.session.is_connected();
        self.session.ids.restart();
        match self.session.publish(message, tracked) {
            Ok(None) => assert!(qos == 0 && !tracked),
            Ok(Some(id)) => {
                self.published.accepted.insert(number, qos);
                self.published
                    .open
                    .entry(id.get())
                    .or_default()
                    .push_back(number);
            }
            Err(Error::QueueFull { .. }) => self.published.waits_for_room = true,
            Err(Error::NotConnected) => assert!(qos == 0 && !connected),
            Err(error) => assert!(connected && self.is_v5() && is_limit(&error), "{error}"),
        }
    }

    fn requested(&mut self, result: Result<PacketId, Error>) {
        match result {
            Ok(id) => {
                self.requests.open.push((self.link.connections, id.get()));
            }
            Err(Error::NotConnected) => {}
            Err(error) => assert!(is_limit(&error), "{error}"),
        }
    }

    pub(super) fn poll_events(&mut self, count: usize) {
        self.session.acknowledge_taken();
        for _ in 0..count {
            let Some(event) = self.session.poll_event() else {
                break;
            };
            self.event(event);
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Received { message, token } => {
                let number = number_of(&message.payload);
                let times = self.received.counts.entry(number).or_default();
                *times += 1;
                assert_eq!(self.received.offered[&number], message.qos as u8);
                let once = match message.qos {
                    QoS::AtMostOnce => true,
                    QoS::AtLeastOnce => false,
                    // 3.1 doesn't say whether the session is kept; refused messages may arrive
                    // again.
                    QoS::ExactlyOnce => {
                        self.setup.protocol != Protocol::V31
                            && !self.received.refused.contains(&number)
                    }
                };
                assert!(!once || *times == 1, "message {number} a second time");
                if let Some(token) = token {
                    if message.qos == QoS::ExactlyOnce {
                        self.received
                            .on_disk
                            .insert(token.id(), message.fingerprint());
                    }
                    if self.config.manual_ack {
                        self.received.tokens.push((token, number));
                    }
                }
            }
            Event::Duplicate(message) => {
                let number = number_of(&message.payload);
                assert_eq!(message.qos, QoS::ExactlyOnce);
                assert!(
                    self.received.counts.contains_key(&number),
                    "{number} is no duplicate"
                );
            }
            Event::Released { token, .. } => self.received.releases.push(token),
            Event::Published { id, result, .. } => {
                let open = self
                    .published
                    .open
                    .get_mut(&id.get())
                    .and_then(VecDeque::pop_front);
                let number = open.expect("a message's end is reported once");
                let taken = self.broker.taken.get(&number).copied().unwrap_or(0);
                match &result {
                    Ok(_) => assert!(
                        self.published.accepted[&number] == 0 || taken > 0,
                        "{number} is lost"
                    ),
                    Err(Error::Rejected(_)) => assert!(self.broker.rejected.contains(&number)),
                    Err(error) if is_limit(error) => assert!(self.is_v5()),
                    Err(error) => assert_eq!(self.published.accepted[&number], 0, "{error}"),
                }
                assert!(self.published.ends.insert(number, result.is_ok()).is_none());
            }
            Event::Subscribed(ack) | Event::Unsubscribed(ack) => {
                let request = (self.requests.connections_ended + 1, ack.id.get());
                let at = self.requests.open.iter().position(|open| *open == request);
                self.requests
                    .open
                    .remove(at.expect("an answer to something"));
            }
            Event::Writable => self.published.waits_for_room = false,
            // Requests end with their connection.
            Event::Disconnected(_) => {
                self.requests.connections_ended += 1;
                self.requests
                    .open
                    .retain(|(connection, _)| *connection > self.requests.connections_ended);
            }
            Event::Connected(_) => {}
            other => panic!("{other:?}"),
        }
    }

    /// The program crashes, and starts again with the packet identifiers on disk.
    pub(super) fn restart(&mut self) {
        if !self.setup.restarts {
            return;
        }
        self.lose(Err(Error::Closed), false);
        self.session = Session::new(Arc::new(self.config.clone().checked().unwrap()), self.now);
        let held = self.received.on_disk.iter();
        self.session.hold(held.map(|(id, print)| (*id, *print)));
        self.received.tokens.clear();
        self.received.used_tokens.clear();
        self.received.releases.clear();
        // Accepted messages are lost with it.
        self.published
            .accepted
            .retain(|number, _| self.published.ends.contains_key(number));
        self.published.open.clear();
        self.wire.ids.clear();
        self.wire.sent_in_session.clear();
        self.requests.open.clear();
        self.requests.connections_ended = self.link.connections;
        self.published.waits_for_room = false;
    }

    pub(super) fn subscribe(&mut self) {
        let filter = TopicFilter::new("#").unwrap();
        let list = vec![Subscription::new(filter, QoS::ExactlyOnce)];
        let result = self.session.subscribe(list);
        self.requested(result);
    }

    pub(super) fn unsubscribe(&mut self) {
        let list = vec![TopicFilter::new("#").unwrap()];
        let result = self.session.unsubscribe(list);
        self.requested(result);
    }

    fn next_token(&mut self, at: usize) -> Option<(AckToken, u32)> {
        let tokens = &mut self.received.tokens;
        (!tokens.is_empty()).then(|| tokens.swap_remove(at % tokens.len()))
    }

    pub(super) fn ack(&mut self, at: usize) {
        if let Some((token, _)) = self.next_token(at) {
            self.session.ack(&token);
            self.received.used_tokens.push(token);
        }
    }

    pub(super) fn refuse(&mut self, at: usize) {
        if self.is_v5()
            && let Some((token, number)) = self.next_token(at)
        {
            self.received.refused.insert(number);
            let refusal = AckRequest::new(&token, ReasonCode(0x83), None);
            self.session
                .ack(refusal.expect("a reason code that PUBACK has"));
            self.received.used_tokens.push(token);
        }
    }

    pub(super) fn ack_again(&mut self, at: usize) {
        let tokens = &self.received.used_tokens;
        if !tokens.is_empty() {
            self.session.ack(&tokens[at % tokens.len()]);
        }
    }

    pub(super) fn release(&mut self, at: usize) {
        let releases = &mut self.received.releases;
        if !releases.is_empty() {
            let token = releases.swap_remove(at % releases.len());
            self.received.on_disk.remove(&token.id());
            self.session.release(&token);
        }
    }

    pub(super) fn set_manual_ack(&mut self, manual: bool) {
        // An application that holds packet identifiers on disk must know of each PUBREL.
        if !self.setup.restarts {
            self.config.manual_ack = manual;
            self.session.set_manual_ack(manual);
        }
    }
}
