//! The state of a run: a session, its application, the network and the broker.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::broker::Broker;
use super::input::Limits;
use super::steps::{Setup, Step};
use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::PacketId;
use crate::packet::Outgoing;
use crate::session::{AckToken, ReleaseToken, Session};

/// What a packet identifier on the wire is used for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Holder {
    Message(u32),
    Request,
}

/// The network between client and broker.
pub(super) struct Link {
    pub(super) is_open: bool,
    pub(super) connections: usize,
    pub(super) limits: Limits,
    pub(super) to_broker: VecDeque<Outgoing>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            is_open: false,
            connections: 0,
            limits: Limits::NONE,
            to_broker: VecDeque::new(),
        }
    }
}

/// The messages that the application has published.
#[derive(Default)]
pub(super) struct Published {
    /// Their QoS.
    pub(super) accepted: BTreeMap<u32, u8>,
    /// Those whose end was reported, and whether it was a success.
    pub(super) ends: BTreeMap<u32, bool>,
    /// By packet identifier, in the order in which their ends must be reported.
    pub(super) open: HashMap<u16, VecDeque<u32>>,
    /// A message was refused because the queue is full.
    pub(super) waits_for_room: bool,
}

/// The messages for the application.
#[derive(Default)]
pub(super) struct Received {
    /// Those that the broker has, with their QoS.
    pub(super) offered: BTreeMap<u32, u8>,
    /// How often each was received.
    pub(super) counts: BTreeMap<u32, usize>,
    pub(super) tokens: Vec<(AckToken, u32)>,
    pub(super) used_tokens: Vec<AckToken>,
    pub(super) refused: BTreeSet<u32>,
    pub(super) releases: Vec<ReleaseToken>,
    /// QoS 2 packet identifiers that a restarted application would hold.
    pub(super) on_disk: BTreeMap<PacketId, u64>,
}

/// SUBSCRIBE and UNSUBSCRIBE.
#[derive(Default)]
pub(super) struct Requests {
    /// Those without an answer: the connection and the packet identifier.
    pub(super) open: Vec<(usize, u16)>,
    /// How many ends of connections were reported.
    pub(super) connections_ended: usize,
}

/// The packets of the client, as far as a client may know them.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) ids: HashMap<u16, Holder>,
    pub(super) sent_here: Vec<u32>,
    pub(super) sent_in_session: BTreeSet<u32>,
    /// Sent on this connection with QoS 1 and 2, and not finished.
    pub(super) in_flight: BTreeSet<u16>,
    pub(super) most_in_flight: u16,
    pub(super) pubrecs: VecDeque<u16>,
    /// PUBRECs for messages that never existed, and that are not answered.
    pub(super) unknown: usize,
}

pub(super) struct World {
    pub(super) setup: Setup,
    pub(super) config: ClientConfig,
    pub(super) session: Session,
    pub(super) now: Instant,
    pub(super) broker: Broker,
    pub(super) link: Link,
    /// How many messages were numbered.
    numbers: u32,
    pub(super) published: Published,
    pub(super) received: Received,
    pub(super) requests: Requests,
    pub(super) wire: Wire,
}

impl World {
    pub(super) fn new(setup: Setup) -> Self {
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
            link: Link::default(),
            numbers: 0,
            published: Published::default(),
            received: Received::default(),
            requests: Requests::default(),
            wire: Wire {
                most_in_flight: setup.max_inflight,
                ..Wire::default()
            },
            setup,
        }
    }

    pub(super) fn is_v5(&self) -> bool {
        self.setup.protocol.is_v5()
    }

    pub(super) fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn step(&mut self, step: &Step) {
        self.session.ids.restart();
        match *step {
            Step::Publish {
                qos,
                topic,
                retain,
                size,
                tracked,
            } => self.publish(qos, topic, retain, size, tracked),
            Step::Subscribe => self.subscribe(),
            Step::Unsubscribe => self.unsubscribe(),
            Step::Take(count) => self.poll_events(count),
            Step::Ack(at) => self.ack(at),
            Step::Refuse(at) => self.refuse(at),
            Step::AckAgain(at) => self.ack_again(at),
            Step::Release(at) => self.release(at),
            Step::Manual(manual) => self.set_manual_ack(manual),
            Step::MaxInflight(max) => {
                self.config.max_inflight = max;
                self.wire.most_in_flight = self.wire.most_in_flight.max(max);
                self.session.configure(Arc::new(self.config.clone()));
            }
            Step::Disconnect => {
                self.session.disconnect_normally();
            }
            Step::Restart => self.restart(),
            Step::Send(count) => self.send(count),
            Step::Reach(count) => self.reach(count),
            Step::Arrive(count) => self.arrive(count),
            Step::Offer { qos, topic, size } => self.offer(qos, topic, size),
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
        self.check_limits();
    }

    fn check_limits(&self) {
        let unacknowledged = self.session.unacknowledged();
        assert!(
            unacknowledged <= usize::from(self.setup.max_queued),
            "{unacknowledged}"
        );
        let bytes = self.session.publishing.queue.bytes();
        assert!(
            unacknowledged <= 1 || bytes <= self.setup.max_queued_bytes,
            "{unacknowledged} messages of {bytes} bytes"
        );
        assert!(
            self.session.deadline().is_some() == (self.link.is_open && !self.session.is_ending()),
            "a deadline while there is a connection"
        );
    }
}
