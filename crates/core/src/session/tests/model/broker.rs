//! A small broker, written from the standard: what it must do, and what it may not be sent. Of the
//! session's code it uses only the packets.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::input::{Limits, Offer, TOPICS, number_of, publish_of};
use crate::message::{PacketId, Properties};
use crate::packet::{Ack, ConnAck, Connect, Incoming, Outgoing, SubscribeAck};
use crate::protocol::Protocol;
use crate::reason::{ConnectCode, ReasonCode};

/// What outlives a connection (§4.1).
#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Offer>,
    /// In the order in which they were sent first.
    flying: Vec<Flight>,
    /// Packet identifiers of QoS 2 messages of the client that are not released, with the messages
    /// that are delivered only then.
    held: BTreeMap<u16, Option<u32>>,
}

#[derive(Debug)]
struct Flight {
    id: u16,
    offer: Offer,
    released: bool,
}

/// One connection.
#[derive(Debug)]
struct Link {
    limits: Limits,
    /// The receive maximum that the client has announced.
    receive_maximum: usize,
    alias_maximum: u16,
    /// Ends with the connection.
    clean: bool,
    /// The session began with this connection, and the client does not know it yet.
    is_unknown: bool,
    /// PUBLISH packets that wait for PUBACK or PUBREC, in their order.
    unanswered: VecDeque<(u16, u8)>,
    /// PUBREL packets that wait for PUBCOMP.
    released: HashSet<u16>,
    /// Packet identifiers that count against the client's receive maximum.
    counted: HashSet<u16>,
    aliases: HashMap<u16, String>,
    topics_with_alias: Vec<usize>,
    has_disconnected: bool,
}

#[derive(Debug)]
pub(super) struct Broker {
    protocol: Protocol,
    /// Delivers a QoS 2 message at its PUBLISH, not at its PUBREL (§4.3.3, both are allowed).
    early: bool,
    /// Sends again without DUP, as mosquitto does after a restart.
    forgets_dup: bool,
    link: Option<Link>,
    state: Option<State>,
    /// Packets to the client.
    pub(super) out: VecDeque<Incoming>,
    /// How often each message of the client was delivered.
    pub(super) taken: BTreeMap<u32, usize>,
    pub(super) rejected: BTreeSet<u32>,
    /// Messages for the client that were lost with a session.
    pub(super) forgotten: BTreeSet<u32>,
    /// The next PUBLISH is answered with a failure.
    pub(super) rejects: bool,
    pub(super) sessions_lost: usize,
}

impl Broker {
    pub(super) fn new(protocol: Protocol, early: bool, forgets_dup: bool) -> Self {
        Self {
            protocol,
            early,
            forgets_dup,
            link: None,
            state: None,
            out: VecDeque::new(),
            taken: BTreeMap::new(),
            rejected: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            rejects: false,
            sessions_lost: 0,
        }
    }

    /// Whether nothing is left to be sent or answered.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.state.as_ref();
        state.is_none_or(|s| s.queue.is_empty() && s.flying.is_empty() && s.held.is_empty())
    }

    /// The CONNACK has arrived.
    pub(super) fn connack_arrived(&mut self) {
        let link = self.link.as_mut().expect("it came on a connection");
        link.is_unknown = false;
    }

    /// The network connection is lost; with `forget` the session too. So is a session that the
    /// client doesn't know yet: the client would take the next CONNACK for that of the session
    /// before, and no client can tell the difference.
    pub(super) fn lost(&mut self, forget: bool) {
        let link = self.link.take();
        let clean = link.is_some_and(|link| link.clean || link.is_unknown);
        self.out.clear();
        if clean || forget {
            self.end_session();
        }
    }

    fn end_session(&mut self) {
        if let Some(state) = self.state.take() {
            self.sessions_lost += 1;
            let flying = state.flying.iter().map(|flight| flight.offer.number);
            self.forgotten.extend(flying);
            self.forgotten
                .extend(state.queue.iter().map(|offer| offer.number));
        }
    }

    /// Publishes a message that the client is subscribed to. Returns whether the broker keeps it.
    pub(super) fn offer(&mut self, offer: Offer) -> bool {
        let Some(state) = &mut self.state else {
            return false;
        };
        if offer.qos > 0 {
            state.queue.push_back(offer);
            self.send_queued();
        } else if let Some(link) = &mut self.link {
            let packet = link.publish(offer, None, false);
            self.out.push_back(packet);
        }
        true
    }

    /// Sends what the client's window allows.
    fn send_queued(&mut self) {
        let (Some(link), Some(state)) = (&mut self.link, &mut self.state) else {
            return;
        };
        while link.counted.len() < link.receive_maximum
            && let Some(offer) = state.queue.pop_front()
        {
            // The lowest free identifier, so that identifiers are reused early.
            let id = (1..=u16::MAX).find(|id| state.flying.iter().all(|flight| flight.id != *id));
            let id = id.expect("few are in use");
            let packet = link.publish(offer, Some(id), false);
            self.out.push_back(packet);
            state.flying.push(Flight {
                id,
                offer,
                released: false,
            });
        }
    }

    /// Handles a packet of the client; panics if the client may not send it.
    pub(super) fn handle(&mut self, packet: Outgoing, limits: Limits) {
        match packet {
            Outgoing::Connect(connect) => return self.connect(&connect, limits),
            _ => assert!(self.link.is_some(), "a packet before CONNECT: {packet:?}"),
        }
        let link = self.link.as_mut().expect("just checked");
        assert!(
            !link.has_disconnected,
            "a packet after DISCONNECT: {packet:?}"
        );
        match packet {
            Outgoing::Connect(_) => unreachable!("handled above"),
            Outgoing::Publish(message) => {
                let topic = message.topic.as_str().to_owned();
                self.publish(&message, &topic);
            }
            Outgoing::PublishAliased {
                message,
                alias,
                known,
            } => {
                let limit = link.limits.alias_maximum;
                assert!((1..=limit).contains(&alias), "alias {alias} of {limit}");
                if !known {
                    link.aliases.insert(alias, message.topic.as_str().into());
                }
                let topic = link.aliases.get(&alias).cloned();
                self.publish(&message, &topic.expect("an alias that is defined"));
            }
            Outgoing::PubAck(ack) => self.answered(&ack, 1),
            Outgoing::PubRec(ack) => self.answered(&ack, 2),
            Outgoing::PubRel(ack) => self.released(&ack),
            Outgoing::PubComp(ack) => self.completed(&ack),
            Outgoing::Subscribe(id, list, _) => {
                self.out.push_back(Incoming::SubAck(answer(id, list.len())));
            }
            Outgoing::Unsubscribe(id, list, _) => {
                let codes = if self.protocol.is_v5() { list.len() } else { 0 };
                self.out.push_back(Incoming::UnsubAck(answer(id, codes)));
            }
            Outgoing::PingReq => self.out.push_back(Incoming::PingResp),
            Outgoing::Disconnect(_) => link.has_disconnected = true,
            Outgoing::Auth(_) => panic!("AUTH, though no method was named"),
        }
    }

    fn released(&mut self, ack: &Ack) {
        let state = self.state.as_mut().expect("a connection has a session");
        let known = state.held.remove(&ack.id.get());
        if let Some(Some(number)) = known {
            *self.taken.entry(number).or_default() += 1;
        }
        let mut answer = Ack::success(ack.id);
        if known.is_none() && self.protocol.is_v5() {
            answer.reason = ReasonCode::PACKET_ID_NOT_FOUND;
        }
        self.out.push_back(Incoming::PubComp(answer));
    }

    fn completed(&mut self, ack: &Ack) {
        let link = self.link.as_mut().expect("a packet has a connection");
        let id = ack.id.get();
        assert!(link.released.remove(&id), "PUBCOMP #{id} without a PUBREL");
        link.counted.remove(&id);
        let state = self.state.as_mut().expect("a connection has a session");
        state.flying.retain(|flight| flight.id != id);
        self.send_queued();
    }

    fn connect(&mut self, connect: &Connect, limits: Limits) {
        assert!(self.link.is_none(), "a second CONNECT");
        if connect.clean_start {
            self.end_session();
        }
        let is_unknown = self.state.is_none();
        let session_present = !is_unknown && self.protocol != Protocol::V31;
        let state = self.state.get_or_insert_default();
        let announced = &connect.properties;
        let mut link = Link {
            limits,
            receive_maximum: match self.protocol {
                Protocol::V5 => announced.receive_maximum.map_or(65_535, usize::from),
                _ => 3,
            },
            alias_maximum: announced.topic_alias_maximum.unwrap_or(0),
            clean: connect.clean_start,
            is_unknown,
            unanswered: VecDeque::new(),
            released: HashSet::new(),
            counted: HashSet::new(),
            aliases: HashMap::new(),
            topics_with_alias: Vec::new(),
            has_disconnected: false,
        };
        self.out.push_back(Incoming::ConnAck(ConnAck {
            session_present,
            code: ConnectCode::ACCEPTED,
            properties: self.protocol.is_v5().then(|| Box::new(limits.properties())),
        }));
        // All that is not finished is sent again, in the original order [MQTT-4.4.0-1].
        for flight in &state.flying {
            let packet = if flight.released {
                link.released.insert(flight.id);
                let id = PacketId::new(flight.id).expect("not 0");
                Incoming::PubRel(Ack::success(id))
            } else {
                link.publish(flight.offer, Some(flight.id), !self.forgets_dup)
            };
            self.out.push_back(packet);
        }
        self.link = Some(link);
        self.send_queued();
    }

    fn publish(&mut self, message: &crate::message::Message, topic: &str) {
        let link = self.link.as_mut().expect("a packet has a connection");
        let state = self.state.as_mut().expect("a connection has a session");
        assert_eq!(
            topic,
            message.topic.as_str(),
            "an alias that means another topic"
        );
        let qos = message.qos as u8;
        assert!(qos <= link.limits.maximum_qos, "QoS {qos}");
        assert!(!message.retain || link.limits.retain_available, "retain");
        let number = number_of(&message.payload);
        let rejects = qos > 0 && self.protocol.is_v5() && std::mem::take(&mut self.rejects);
        let id = message.packet_id.filter(|_| qos > 0);
        let reason = if rejects { 0x97 } else { 0 };
        let answer = id.map(|id| Ack::with_reason(id, ReasonCode(reason)));
        match answer {
            None => *self.taken.entry(number).or_default() += 1,
            Some(answer) if qos == 1 => {
                if rejects {
                    self.rejected.insert(number);
                } else {
                    *self.taken.entry(number).or_default() += 1;
                }
                self.out.push_back(Incoming::PubAck(answer));
            }
            // Known already: it is acknowledged again, and not delivered.
            Some(answer) if state.held.contains_key(&answer.id.get()) => {
                self.out
                    .push_back(Incoming::PubRec(Ack::success(answer.id)));
            }
            Some(answer) => {
                if rejects {
                    self.rejected.insert(number);
                } else if self.early {
                    *self.taken.entry(number).or_default() += 1;
                    state.held.insert(answer.id.get(), None);
                } else {
                    state.held.insert(answer.id.get(), Some(number));
                }
                self.out.push_back(Incoming::PubRec(answer));
            }
        }
    }

    /// A PUBACK or PUBREC: in the order of the PUBLISH packets of this connection [MQTT-4.6.0-2].
    fn answered(&mut self, ack: &Ack, qos: u8) {
        let link = self.link.as_mut().expect("a packet has a connection");
        let state = self.state.as_mut().expect("a connection has a session");
        let id = ack.id.get();
        let expected = link.unanswered.pop_front();
        assert_eq!(expected, Some((id, qos)), "an acknowledgement out of order");
        let at = state.flying.iter().position(|flight| flight.id == id);
        let at = at.expect("an unacknowledged message is in flight");
        if qos == 1 || ack.reason.is_error() {
            link.counted.remove(&id);
            state.flying.remove(at);
        } else {
            state.flying[at].released = true;
            link.released.insert(id);
            self.out.push_back(Incoming::PubRel(Ack::success(ack.id)));
        }
        self.send_queued();
    }
}

impl Link {
    fn publish(&mut self, offer: Offer, id: Option<u16>, dup: bool) -> Incoming {
        if let Some(id) = id {
            self.unanswered.push_back((id, offer.qos));
            self.counted.insert(id);
        }
        let mut publish = publish_of(offer, id, dup);
        let at = self
            .topics_with_alias
            .iter()
            .position(|t| *t == offer.topic);
        let (alias, known) = match at {
            Some(at) => (at + 1, true),
            None if self.topics_with_alias.len() < usize::from(self.alias_maximum) => {
                self.topics_with_alias.push(offer.topic);
                (self.topics_with_alias.len(), false)
            }
            None => return Incoming::Publish(publish),
        };
        if known {
            publish.topic = None;
        }
        publish.properties = Some(Box::new(Properties {
            topic_alias: u16::try_from(alias).ok(),
            ..Properties::default()
        }));
        debug_assert!(offer.topic < TOPICS.len());
        Incoming::Publish(publish)
    }
}

fn answer(id: PacketId, codes: usize) -> SubscribeAck {
    SubscribeAck {
        id,
        reasons: vec![ReasonCode::SUCCESS; codes],
        properties: None,
    }
}
