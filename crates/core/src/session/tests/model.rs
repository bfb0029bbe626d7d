//! The session against a small model of a broker, over random runs: an application publishes,
//! subscribes, acknowledges and releases as it likes, packets are under way for as long as they like,
//! connections and sessions are lost, windows are full. Whatever happens:
//!
//! - nothing accepted is forgotten, and each message's end is told once;
//! - QoS 2 arrives once, both ways, as long as the session is kept;
//! - acknowledgements keep the order of arrival and belong to their connection;
//! - no packet id stands for two things at a time, DUP stands where it must and nowhere else;
//! - the windows, sizes and limits of both sides are kept to;
//! - once faults stop, everything drains.
//!
//! `IOT_MODEL_CASES=500000 cargo test -p iot-core model` runs so many cases, from another seed each
//! time; a failure prints the shortest run that shows it.

mod broker;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::*;
use broker::{Broker, Offer};

const TOPICS: [&str; 4] = ["t", "a/topic", "another/topic", "a/third/topic"];

/// Cases where nothing else is asked for: a few seconds in debug.
const CASES: u32 = 500;

/// What a CONNACK allows.
#[derive(Debug, Clone, Copy)]
struct Limits {
    receive_maximum: u16,
    maximum_qos: u8,
    retain_available: bool,
    maximum_packet_size: u32,
    alias_maximum: u16,
}

impl Limits {
    const NONE: Self = Self {
        receive_maximum: u16::MAX,
        maximum_qos: 2,
        retain_available: true,
        maximum_packet_size: u32::MAX,
        alias_maximum: 0,
    };

    fn properties(self) -> Properties {
        Properties {
            receive_maximum: Some(self.receive_maximum),
            maximum_qos: Some(self.maximum_qos).filter(|qos| *qos < 2),
            retain_available: Some(u8::from(self.retain_available)),
            maximum_packet_size: Some(self.maximum_packet_size),
            topic_alias_maximum: Some(self.alias_maximum),
            ..Properties::default()
        }
    }
}

/// What happens.
#[derive(Debug, Clone)]
enum Step {
    /// The application publishes; of QoS 0 it may want to know when it is sent.
    Publish {
        qos: u8,
        topic: usize,
        retain: bool,
        size: usize,
        tracked: bool,
    },
    Subscribe,
    Unsubscribe,
    /// The application takes so many events.
    Take(usize),
    /// It acknowledges one of the messages that it has.
    Ack(usize),
    /// It refuses one (MQTT 5).
    Refuse(usize),
    /// It acknowledges what it has acknowledged before.
    AckAgain(usize),
    Release(usize),
    Manual(bool),
    MaxInflight(u16),
    /// It ends the connection.
    Goodbye,
    /// It starts anew with the packet ids that it holds on disk.
    Restart,
    /// So many packets leave for the broker.
    Send(usize),
    /// So many reach it.
    Reach(usize),
    /// So many of the broker's arrive.
    Arrive(usize),
    /// Somebody else publishes what the client is subscribed to.
    Offer {
        qos: u8,
        topic: usize,
        size: usize,
    },
    /// The broker refuses the next message (MQTT 5).
    Reject,
    /// It acknowledges a message that it has not been sent on this connection, and one that there never was.
    Stray,
    Lose {
        forget: bool,
    },
    Connect(Limits),
    Pass(u64),
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
struct Setup {
    protocol: Protocol,
    clean: bool,
    manual: bool,
    /// The broker delivers QoS 2 at the PUBLISH.
    early: bool,
    /// It sends again without DUP, as mosquitto does after a restart.
    forgets_dup: bool,
    /// The application may be restarted; it publishes no QoS 2 then, whose ids nobody remembers.
    restarts: bool,
    max_inflight: u16,
    max_queued: u16,
    max_queued_bytes: usize,
    receive_maximum: u16,
    alias_maximum: u16,
}

/// What an id is used for on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Holder {
    Message(u32),
    Request,
}

struct World {
    setup: Setup,
    config: ClientConfig,
    session: Session,
    now: Instant,
    broker: Broker,
    limits: Limits,
    to_broker: VecDeque<Outgoing>,
    /// Messages of the application: the QoS, and whether it knows their ends.
    accepted: BTreeMap<u32, u8>,
    told: BTreeMap<u32, bool>,
    /// Accepted messages by id, in the order in which their ends must be told.
    open: HashMap<u16, VecDeque<u32>>,
    /// What was asked for on which connection, and how many connections the application saw ending.
    requests: Vec<(usize, u16)>,
    ended: usize,
    /// The application was refused for want of room.
    waits_for_room: bool,
    /// What the application has got, and how often.
    received: BTreeMap<u32, usize>,
    offered: BTreeMap<u32, u8>,
    tokens: Vec<(AckToken, u32)>,
    refused: BTreeSet<u32>,
    used_tokens: Vec<AckToken>,
    releases: Vec<ReleaseToken>,
    /// QoS 2 ids that a restarted application would hold.
    on_disk: BTreeMap<PacketId, u64>,
    numbers: u32,
    /// Ids on the wire, as the client may know them.
    ids: HashMap<u16, Holder>,
    sent_here: Vec<u32>,
    sent_in_session: BTreeSet<u32>,
    /// Sent here with QoS 1 and 2, and not answered to the end.
    in_flight: BTreeSet<u16>,
    most_in_flight: u16,
    pubrecs: VecDeque<u16>,
    said_connect: bool,
    connections: usize,
    max_unacknowledged: usize,
    /// PUBRECs of messages that there never were, and that are not answered.
    unknown: usize,
}

/// The id of these; no run gets so far.
const UNKNOWN: u16 = 60_000;

fn publish_of(offer: Offer, id: Option<u16>, dup: bool) -> Publish {
    Publish {
        topic: Some(TopicName::new(TOPICS[offer.topic]).unwrap()),
        payload: payload(offer.number, offer.size).into(),
        qos: QoS::try_from(offer.qos).unwrap(),
        retain: false,
        dup,
        packet_id: id.and_then(PacketId::new),
        properties: None,
    }
}

/// The number, and dots up to a size.
fn payload(number: u32, size: usize) -> String {
    format!("{number:.<size$}")
}

fn number_of(payload: &[u8]) -> u32 {
    let text = std::str::from_utf8(payload).unwrap();
    text.trim_end_matches('.').parse().unwrap()
}

impl World {
    fn new(setup: Setup) -> Self {
        let config = ClientConfig {
            client_id: "model".into(),
            protocol: setup.protocol,
            clean_session: setup.clean,
            manual_ack: setup.manual,
            max_inflight: setup.max_inflight,
            max_queued: setup.max_queued,
            max_queued_bytes: setup.max_queued_bytes,
            receive_maximum: setup.receive_maximum,
            topic_alias_maximum: setup.alias_maximum,
            keep_alive: Duration::from_secs(60),
            ..ClientConfig::default()
        };
        let now = Instant::now();
        Self {
            session: Session::new(Arc::new(config.clone().checked().unwrap()), now),
            config,
            now,
            broker: Broker::new(setup.protocol, setup.early, setup.forgets_dup),
            limits: Limits::NONE,
            to_broker: VecDeque::new(),
            accepted: BTreeMap::new(),
            told: BTreeMap::new(),
            open: HashMap::new(),
            requests: Vec::new(),
            ended: 0,
            waits_for_room: false,
            received: BTreeMap::new(),
            offered: BTreeMap::new(),
            tokens: Vec::new(),
            refused: BTreeSet::new(),
            used_tokens: Vec::new(),
            releases: Vec::new(),
            on_disk: BTreeMap::new(),
            numbers: 0,
            ids: HashMap::new(),
            sent_here: Vec::new(),
            sent_in_session: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            most_in_flight: setup.max_inflight,
            pubrecs: VecDeque::new(),
            said_connect: false,
            connections: 0,
            max_unacknowledged: setup.max_queued.into(),
            unknown: 0,
            setup,
        }
    }

    fn is_v5(&self) -> bool {
        self.setup.protocol.is_v5()
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each step")]
    fn step(&mut self, step: &Step) {
        self.session.ids.restart();
        match *step {
            Step::Publish {
                qos,
                topic,
                retain,
                size,
                tracked,
            } => self.publish(qos, topic, retain, size, tracked),
            Step::Subscribe => {
                let filter = TopicFilter::new("#").unwrap();
                let list = vec![Subscription::new(filter, QoS::ExactlyOnce)];
                let result = self.session.subscribe(list);
                self.requested(result);
            }
            Step::Unsubscribe => {
                let list = vec![TopicFilter::new("#").unwrap()];
                let result = self.session.unsubscribe(list);
                self.requested(result);
            }
            Step::Take(count) => self.take(count),
            Step::Ack(at) if !self.tokens.is_empty() => {
                let (token, _) = self.tokens.swap_remove(at % self.tokens.len());
                self.session.ack(&token);
                self.used_tokens.push(token);
            }
            Step::Refuse(at) if !self.tokens.is_empty() && self.is_v5() => {
                let (token, number) = self.tokens.swap_remove(at % self.tokens.len());
                self.refused.insert(number);
                let result = self.session.ack_with(&token, ReasonCode(0x83), None);
                result.expect("a reason that a PUBACK has");
                self.used_tokens.push(token);
            }
            Step::AckAgain(at) if !self.used_tokens.is_empty() => {
                let token = self.used_tokens[at % self.used_tokens.len()];
                self.session.ack(&token);
            }
            Step::Release(at) if !self.releases.is_empty() => {
                let token = self.releases.swap_remove(at % self.releases.len());
                self.on_disk.remove(&token.id());
                self.session.release(&token);
            }
            Step::Ack(_) | Step::Refuse(_) | Step::AckAgain(_) | Step::Release(_) => {}
            Step::Manual(manual) => {
                // Who holds ids on disk must know of each PUBREL.
                if !self.setup.restarts {
                    self.config.manual_ack = manual;
                    self.session.set_manual_ack(manual);
                }
            }
            Step::MaxInflight(max) => {
                self.config.max_inflight = max;
                self.most_in_flight = self.most_in_flight.max(max);
                self.session.configure(Arc::new(self.config.clone()));
            }
            Step::Goodbye => {
                self.session.disconnect();
            }
            Step::Restart => self.restart(),
            Step::Send(count) => self.send(count),
            Step::Reach(count) => {
                for _ in 0..count {
                    let Some(packet) = self.to_broker.pop_front() else {
                        break;
                    };
                    self.broker.take(packet, self.limits);
                }
            }
            Step::Arrive(count) => self.arrive(count),
            Step::Offer { qos, topic, size } => {
                let number = self.number();
                let offer = Offer {
                    number,
                    qos,
                    topic,
                    size,
                };
                if self.broker.offer(offer) {
                    self.offered.insert(number, qos);
                }
            }
            Step::Reject => self.broker.rejects = true,
            Step::Stray => self.stray(),
            Step::Lose { forget } => self.lose(Err(Error::Closed), forget),
            Step::Connect(limits) => self.connect(limits),
            Step::Pass(seconds) => {
                self.now += Duration::from_secs(seconds);
                if let Err(error) = self.session.tick(self.now) {
                    self.lose(Err(error), false);
                }
            }
        }
        let unacknowledged = self.session.unacknowledged();
        assert!(
            unacknowledged <= self.max_unacknowledged,
            "{unacknowledged}"
        );
        let bytes = self.session.publishing.queue.bytes();
        assert!(
            unacknowledged <= 1 || bytes <= self.setup.max_queued_bytes,
            "{unacknowledged} messages of {bytes} bytes"
        );
        assert!(
            self.session.deadline().is_some() == (self.said_connect && !self.session.is_ending()),
            "a deadline while there is a connection"
        );
    }

    // The application.

    fn publish(&mut self, qos: u8, topic: usize, retain: bool, size: usize, tracked: bool) {
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
                self.accepted.insert(number, qos);
                self.open.entry(id.get()).or_default().push_back(number);
            }
            Err(Error::QueueFull { .. }) => self.waits_for_room = true,
            Err(Error::NotConnected) => assert!(qos == 0 && !connected),
            Err(error) => assert!(connected && self.is_v5() && is_limit(&error), "{error}"),
        }
    }

    fn requested(&mut self, result: Result<PacketId, Error>) {
        match result {
            Ok(id) => {
                self.requests.push((self.connections, id.get()));
            }
            Err(Error::NotConnected) => {}
            Err(error) => assert!(is_limit(&error), "{error}"),
        }
    }

    fn take(&mut self, count: usize) {
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
                let times = self.received.entry(number).or_default();
                *times += 1;
                assert_eq!(self.offered[&number], message.qos as u8);
                let once = match message.qos {
                    QoS::AtMostOnce => true,
                    QoS::AtLeastOnce => false,
                    // 3.1 doesn't tell whether the session is kept; what was refused may come again.
                    QoS::ExactlyOnce => {
                        self.setup.protocol != Protocol::V31 && !self.refused.contains(&number)
                    }
                };
                assert!(!once || *times == 1, "message {number} a second time");
                if let Some(token) = token {
                    if message.qos == QoS::ExactlyOnce {
                        self.on_disk.insert(token.id(), message.fingerprint());
                    }
                    if self.config.manual_ack {
                        self.tokens.push((token, number));
                    }
                }
            }
            Event::Duplicate(message) => {
                let number = number_of(&message.payload);
                assert_eq!(message.qos, QoS::ExactlyOnce);
                assert!(
                    self.received.contains_key(&number),
                    "{number} is no duplicate"
                );
            }
            Event::Released { token, .. } => self.releases.push(token),
            Event::Published { id, result, .. } => {
                let open = self.open.get_mut(&id.get()).and_then(VecDeque::pop_front);
                let number = open.expect("a message's end is told once");
                let taken = self.broker.taken.get(&number).copied().unwrap_or(0);
                match &result {
                    Ok(_) => assert!(self.accepted[&number] == 0 || taken > 0, "{number} is lost"),
                    Err(Error::Rejected(_)) => assert!(self.broker.rejected.contains(&number)),
                    Err(error) if is_limit(error) => assert!(self.is_v5()),
                    Err(error) => assert_eq!(self.accepted[&number], 0, "{error}"),
                }
                assert!(self.told.insert(number, result.is_ok()).is_none());
            }
            Event::Subscribed(ack) | Event::Unsubscribed(ack) => {
                let request = (self.ended + 1, ack.id.get());
                let at = self.requests.iter().position(|open| *open == request);
                self.requests.remove(at.expect("an answer to something"));
            }
            Event::Writable => self.waits_for_room = false,
            // Requests end with their connection.
            Event::Disconnected(_) => {
                self.ended += 1;
                self.requests
                    .retain(|(connection, _)| *connection > self.ended);
            }
            Event::Connected(_) => {}
            other => panic!("{other:?}"),
        }
    }

    /// The program ends as a crash ends it, and starts again with what it has on disk.
    fn restart(&mut self) {
        if !self.setup.restarts {
            return;
        }
        self.lose(Err(Error::Closed), false);
        self.session = Session::new(Arc::new(self.config.clone().checked().unwrap()), self.now);
        let held = self.on_disk.iter();
        self.session.hold(held.map(|(id, print)| (*id, *print)));
        self.tokens.clear();
        self.used_tokens.clear();
        self.releases.clear();
        // What it had accepted and not on disk is gone with it.
        self.accepted
            .retain(|number, _| self.told.contains_key(number));
        self.open.clear();
        self.ids.clear();
        self.sent_in_session.clear();
        self.requests.clear();
        self.ended = self.connections;
        self.waits_for_room = false;
    }

    // The network.

    fn connect(&mut self, limits: Limits) {
        if self.said_connect {
            return;
        }
        self.session.open(self.now);
        self.said_connect = true;
        self.connections += 1;
        self.limits = if self.is_v5() { limits } else { Limits::NONE };
        self.most_in_flight = self.config.max_inflight;
    }

    fn lose(&mut self, result: Result<(), Error>, forget: bool) {
        self.to_broker.clear();
        self.broker.lost(forget);
        if self.said_connect {
            let result = if self.session.is_ending() {
                Ok(())
            } else {
                result
            };
            self.session.close(result);
        }
        self.said_connect = false;
        self.sent_here.clear();
        self.in_flight.clear();
        self.pubrecs.clear();
        self.unknown = 0;
        self.ids.retain(|_, holder| *holder != Holder::Request);
    }

    fn send(&mut self, count: usize) {
        for _ in 0..count {
            let Some(packet) = self.session.poll_transmit(self.now) else {
                break;
            };
            assert!(self.said_connect, "{packet:?} without a connection");
            self.check(&packet);
            if let Outgoing::Publish(message) | Outgoing::PublishAliased { message, .. } = &packet
                && let (QoS::AtMostOnce, Some(id)) = (message.qos, message.packet_id)
            {
                self.session.sent(id);
            }
            self.to_broker.push_back(packet);
        }
    }

    /// What any packet must keep to, whatever the broker makes of it.
    fn check(&mut self, packet: &Outgoing) {
        if !matches!(packet, Outgoing::Connect(_)) {
            let mut bytes = BytesMut::new();
            self.session.codec().encode(packet, &mut bytes);
            let limit = self.limits.maximum_packet_size as usize;
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
                self.unknown -= usize::from(id == UNKNOWN);
                if let Some(first) = self.pubrecs.front()
                    && self.pubrecs.contains(&id)
                {
                    assert_eq!(*first, id, "PUBREL in the order of PUBREC [MQTT-4.6.0-4]");
                    self.pubrecs.pop_front();
                }
                let holder = self.ids.get(&id);
                assert!(
                    matches!(holder, Some(Holder::Message(_))) || ack.reason.is_error(),
                    "PUBREL #{id}: {holder:?}"
                );
            }
            Outgoing::Subscribe(id, ..) | Outgoing::Unsubscribe(id, ..) => {
                let before = self.ids.insert(id.get(), Holder::Request);
                let fits = before.is_none_or(|before| self.was_given_up(before));
                assert!(fits, "id {id} stands for {before:?} and a request");
            }
            _ => {}
        }
    }

    /// Whether the id is free though no answer came: the broker knows nothing of a QoS 1 message, so
    /// its id may be used again once it is given up.
    fn was_given_up(&mut self, holder: Holder) -> bool {
        match holder {
            Holder::Message(old) if self.accepted.get(&old) == Some(&1) => {
                self.take(usize::MAX);
                self.told.get(&old) == Some(&false)
            }
            _ => false,
        }
    }

    fn check_publish(&mut self, message: &Message) {
        let number = number_of(&message.payload);
        let id = message.packet_id.expect("QoS 1 and 2 have ids").get();
        let before = self.ids.insert(id, Holder::Message(number));
        let fits = before
            .is_none_or(|before| before == Holder::Message(number) || self.was_given_up(before));
        assert!(fits, "id {id} stands for {before:?} and message {number}");
        assert!(
            self.sent_here.last().is_none_or(|last| *last < number),
            "out of order"
        );
        self.sent_here.push(number);
        let again = !self.sent_in_session.insert(number);
        assert_eq!(message.dup, again, "DUP of message {number}");
        self.in_flight.insert(id);
        let window = self.most_in_flight.min(self.limits.receive_maximum);
        assert!(
            self.in_flight.len() <= window.into(),
            "{:?}",
            self.in_flight
        );
    }

    fn stray(&mut self) {
        if !self.session.is_connected() {
            return;
        }
        // What is about to leave counts as sent.
        let leaves = |id: u16| {
            let mut leaving = self.session.output.packets.iter();
            leaving.any(|packet| match packet {
                Outgoing::Publish(message) => message.packet_id.is_some_and(|of| of.get() == id),
                _ => false,
            })
        };
        let waits = |(id, numbers): (&u16, &VecDeque<u32>)| {
            let number = numbers.back()?;
            (!self.sent_here.contains(number) && !leaves(*id)).then_some(*id)
        };
        if let Some(id) = self
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
        self.unknown += 1;
    }

    fn arrive(&mut self, count: usize) {
        for _ in 0..count {
            let Some(packet) = self.broker.out.pop_front() else {
                break;
            };
            if let Incoming::ConnAck(_) = &packet {
                self.broker.told();
            }
            match &packet {
                // MQTT 3.1 may have kept it.
                Incoming::ConnAck(ack)
                    if !ack.session_present
                        && (self.setup.protocol != Protocol::V31 || self.setup.clean) =>
                {
                    self.sent_in_session.clear();
                    self.ids.clear();
                    self.on_disk.clear();
                }
                Incoming::PubAck(ack) | Incoming::PubComp(ack) => self.answered(ack.id),
                Incoming::PubRec(ack) if ack.reason.is_error() => self.answered(ack.id),
                Incoming::PubRec(ack) => self.pubrecs.push_back(ack.id.get()),
                Incoming::SubAck(ack) | Incoming::UnsubAck(ack) => {
                    self.ids.remove(&ack.id.get());
                }
                _ => {}
            }
            let result = self.session.handle(packet.clone(), self.now);
            assert!(result.is_ok(), "{packet:?}: {result:?}");
        }
    }

    fn answered(&mut self, id: PacketId) {
        self.ids.remove(&id.get());
        self.in_flight.remove(&id.get());
    }

    // The end.

    /// Faults stop; everybody does what is left to do.
    fn drain(&mut self) {
        if self.session.is_ending() {
            self.lose(Ok(()), false);
        }
        // Twice: what is lost with the last connection is found on the next.
        for _ in 0..2 {
            self.connect(Limits::NONE);
            for round in 0.. {
                assert!(round < 2_000, "it does not come to rest");
                self.send(100);
                let busy = !self.to_broker.is_empty();
                self.step(&Step::Reach(100));
                self.arrive(100);
                self.take(100);
                self.session.acknowledge_taken();
                while !self.tokens.is_empty() {
                    self.step(&Step::Ack(0));
                }
                while !self.releases.is_empty() {
                    self.step(&Step::Release(0));
                }
                if !busy && self.session.backlog() == 0 {
                    break;
                }
            }
            if self.limits.maximum_packet_size == u32::MAX {
                break;
            }
            self.lose(Err(Error::Closed), false);
        }
        self.take(usize::MAX);
        assert!(self.session.is_connected());
        assert_eq!(
            self.session.unacknowledged(),
            0,
            "what was accepted is stuck"
        );
        assert_eq!(self.session.backlog(), 0);
        assert_eq!(self.unknown, 0, "a PUBREC is not answered");
        assert!(self.broker.is_idle(), "the broker waits: {:?}", self.broker);
        assert!(!self.waits_for_room, "nobody tells that there is room");
        assert!(self.requests.is_empty(), "unanswered: {:?}", self.requests);
        for (number, qos) in &self.accepted {
            let told = self.told.get(number);
            assert!(told.is_some(), "the end of message {number} is not told");
            let taken = self.broker.taken.get(number).copied().unwrap_or(0);
            if *qos > 0 && told == Some(&true) {
                assert!(taken > 0, "message {number} is lost");
            }
            // In a kept session once. In a lost one it is sent anew; 3.1 doesn't tell.
            if *qos == 2 && self.setup.protocol != Protocol::V31 {
                let most = 1 + self.broker.sessions_lost;
                assert!(taken <= most, "message {number} came {taken} times");
            }
        }
        for (number, qos) in &self.offered {
            let times = self.received.get(number).copied().unwrap_or(0);
            if *qos > 0 && !self.broker.forgotten.contains(number) {
                assert!(times > 0, "message {number} was not received");
            }
        }
    }
}

fn is_limit(error: &Error) -> bool {
    matches!(
        error,
        Error::PacketTooLarge { .. } | Error::QosNotSupported { .. } | Error::RetainNotSupported
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    let free = Just(Limits::NONE);
    let tight = (1_u16..5, 0_u8..=2, any::<bool>(), 20_u32..60, 0_u16..4);
    let tight = tight.prop_map(|(receive, qos, retain, size, alias)| Limits {
        receive_maximum: receive,
        maximum_qos: qos,
        retain_available: retain,
        maximum_packet_size: size,
        alias_maximum: alias,
    });
    let window = (1_u16..5, 0_u16..4).prop_map(|(receive_maximum, alias_maximum)| Limits {
        receive_maximum,
        alias_maximum,
        ..Limits::NONE
    });
    prop_oneof![2 => free, 2 => window, 1 => tight]
}

fn step() -> impl Strategy<Value = Step> {
    let publish = (
        0_u8..=2,
        0..TOPICS.len(),
        any::<bool>(),
        0_usize..40,
        any::<bool>(),
    );
    let publish = publish.prop_map(|(qos, topic, retain, size, tracked)| Step::Publish {
        qos,
        topic,
        retain,
        size,
        tracked,
    });
    let offer = (0_u8..=2, 0..TOPICS.len(), 0_usize..40);
    let offer = offer.prop_map(|(qos, topic, size)| Step::Offer { qos, topic, size });
    prop_oneof![
        12 => publish,
        10 => offer,
        2 => Just(Step::Subscribe),
        1 => Just(Step::Unsubscribe),
        14 => (1_usize..6).prop_map(Step::Send),
        14 => (1_usize..6).prop_map(Step::Reach),
        14 => (1_usize..6).prop_map(Step::Arrive),
        10 => (1_usize..6).prop_map(Step::Take),
        8 => (0_usize..8).prop_map(Step::Ack),
        1 => (0_usize..8).prop_map(Step::Refuse),
        1 => (0_usize..8).prop_map(Step::AckAgain),
        6 => (0_usize..8).prop_map(Step::Release),
        1 => any::<bool>().prop_map(Step::Manual),
        1 => (1_u16..6).prop_map(Step::MaxInflight),
        1 => Just(Step::Goodbye),
        1 => Just(Step::Restart),
        1 => Just(Step::Reject),
        1 => Just(Step::Stray),
        5 => prop::bool::weighted(0.2).prop_map(|forget| Step::Lose { forget }),
        8 => limits().prop_map(Step::Connect),
        2 => (1_u64..70).prop_map(Step::Pass),
    ]
}

fn setup() -> impl Strategy<Value = Setup> {
    let protocol = prop_oneof![
        Just(Protocol::V31),
        Just(Protocol::V311),
        Just(Protocol::V5)
    ];
    let flags = (
        prop::bool::weighted(0.2),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.3),
    );
    let bytes = prop_oneof![Just(64 * 1024), 60_usize..200];
    // Small ones are soon full; in large ones gaps come to be.
    let windows = prop_oneof![
        3 => (1_u16..6, 1_u16..10),
        1 => (1_u16..60, 30_u16..100),
    ];
    let sizes = (windows, bytes, 1_u16..5, 0_u16..4);
    (protocol, flags, sizes).prop_map(|(protocol, flags, sizes)| {
        let (clean, manual, early, forgets_dup, restarts) = flags;
        let ((max_inflight, max_queued), max_queued_bytes, receive_maximum, alias_maximum) = sizes;
        Setup {
            protocol,
            clean,
            manual,
            early,
            forgets_dup,
            restarts: restarts && manual,
            max_inflight,
            max_queued,
            max_queued_bytes,
            receive_maximum,
            alias_maximum,
        }
    })
}

fn run(setup: &Setup, steps: &[Step]) {
    let mut world = World::new(setup.clone());
    for step in steps {
        world.step(step);
    }
    world.drain();
}

#[test]
fn whatever_happens_the_session_keeps_its_promises() {
    let asked = std::env::var("IOT_MODEL_CASES").ok();
    let cases = asked.as_ref().map(|cases| cases.parse().expect("a number"));
    let config = ProptestConfig {
        cases: cases.unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 50_000,
        ..ProptestConfig::default()
    };
    let rng = match asked {
        // The same cases every time, where nobody looks for new ones.
        None => TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]),
        Some(_) => TestRng::from_seed(RngAlgorithm::ChaCha, &rand::random::<[u8; 32]>()),
    };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let steps = prop::collection::vec(step(), 0..150);
    let result = runner.run(&(setup(), steps), |(setup, steps)| {
        let run = std::panic::AssertUnwindSafe(|| run(&setup, &steps));
        std::panic::catch_unwind(run).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            TestCaseError::fail(text.unwrap_or_default())
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
