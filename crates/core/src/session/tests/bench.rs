//! A session with a clock, and what a test does with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::fixtures::{connack, id, message, publish, v5};
use super::text::{event_text, packet_text};
use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::{Message, PacketId, Properties};
use crate::packet::{Ack, ConnAck, Incoming, Publish};
use crate::session::{AckToken, Event, ReleaseToken, Session};

/// A session with its clock.
pub(super) struct Bench {
    pub(super) session: Session,
    pub(super) now: Instant,
}

impl Bench {
    /// A session that has no connection.
    pub(super) fn offline(config: ClientConfig) -> Self {
        let now = Instant::now();
        let config = Arc::new(config.checked().unwrap());
        let mut session = Session::new(config, now);
        session.set_answers_auth(true);
        Self { session, now }
    }

    /// A session with a first connection.
    pub(super) fn online(config: ClientConfig) -> Self {
        let mut bench = Self::offline(config);
        bench.connect(false);
        bench
    }

    /// Connects, and takes CONNECT and `connected`. Other packets and events stay in the output.
    pub(super) fn connect(&mut self, session_present: bool) {
        self.connect_with(connack(session_present)).unwrap();
    }

    pub(super) fn connect_with(&mut self, ack: ConnAck) -> Result<(), Error> {
        self.session.open(self.now);
        assert_eq!(self.sent(), ["CONNECT"]);
        self.handle(Incoming::ConnAck(ack))?;
        let event = self.session.poll_event();
        assert!(matches!(event, Some(Event::Connected(_))), "{event:?}");
        Ok(())
    }

    /// A CONNACK with these properties, on a new connection.
    pub(super) fn connect_given(&mut self, properties: Properties) {
        self.connect_with(ConnAck {
            properties: Some(Box::new(properties)),
            ..connack(true)
        })
        .unwrap();
    }

    /// Loses the connection, and takes the events.
    pub(super) fn lose(&mut self) {
        self.session.close(Err(Error::KeepAlive));
        assert_eq!(
            self.events().pop().unwrap(),
            "disconnected: the broker is silent for longer than the keep alive"
        );
    }

    pub(super) fn reconnect(&mut self, session_present: bool) {
        self.lose();
        self.connect(session_present);
    }

    pub(super) fn handle(&mut self, packet: Incoming) -> Result<(), Error> {
        self.session.handle(packet, self.now)
    }

    pub(super) fn puback(&mut self, number: u16) {
        self.handle(Incoming::PubAck(Ack::success(id(number))))
            .unwrap();
    }

    pub(super) fn pubrec(&mut self, number: u16) {
        self.handle(Incoming::PubRec(Ack::success(id(number))))
            .unwrap();
    }

    pub(super) fn pubrel(&mut self, number: u16) {
        self.handle(Incoming::PubRel(Ack::success(id(number))))
            .unwrap();
    }

    pub(super) fn pubcomp(&mut self, number: u16) {
        self.handle(Incoming::PubComp(Ack::success(id(number))))
            .unwrap();
    }

    /// Publishes one message to topic `t`.
    pub(super) fn publish(&mut self, qos: u8, payload: &str) -> Option<u16> {
        let id = self.session.publish(message(qos, payload), false).unwrap();
        id.map(PacketId::get)
    }

    /// Publishes so many messages; their payloads count from 1.
    pub(super) fn publish_many(&mut self, qos: u8, count: usize) {
        for payload in 1..=count {
            self.publish(qos, &payload.to_string());
        }
    }

    pub(super) fn try_publish(&mut self, message: Message) -> Result<Option<PacketId>, String> {
        let result = self.session.publish(message, false);
        result.map_err(|error| error.to_string())
    }

    pub(super) fn receive(&mut self, publish: Publish) -> Result<(), Error> {
        self.handle(Incoming::Publish(publish))
    }

    /// Receives a message, and returns its token.
    pub(super) fn arrival(&mut self, qos: u8, number: u16, payload: &str) -> AckToken {
        self.receive(publish(qos, number, payload)).unwrap();
        match self.session.poll_event() {
            Some(Event::Received { token, .. }) => token.expect("QoS 1 or 2"),
            other => panic!("not a message: {other:?}"),
        }
    }

    /// Receives a PUBREL, and returns its token.
    pub(super) fn released(&mut self, number: u16) -> ReleaseToken {
        self.pubrel(number);
        match self.session.poll_event() {
            Some(Event::Released { token, .. }) => token,
            other => panic!("not a release: {other:?}"),
        }
    }

    /// Advances the clock, and does what is due.
    pub(super) fn advance(&mut self, seconds: u64) -> Result<(), Error> {
        self.now += Duration::from_secs(seconds);
        self.session.tick(self.now)
    }

    /// Takes all packets to send.
    pub(super) fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.poll_transmit(self.now))
            .map(|packet| packet_text(&packet))
            .collect()
    }

    /// Takes all events.
    pub(super) fn events(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.poll_event())
            .map(|event| event_text(&event))
            .collect()
    }

    /// Takes all events and acknowledges the messages, as a connection does.
    pub(super) fn events_acknowledged(&mut self) -> Vec<String> {
        let events = self.events();
        self.session.acknowledge_taken();
        events
    }
}

/// A session whose CONNACK had these properties.
pub(super) fn given(properties: Properties) -> Bench {
    let mut bench = Bench::offline(v5());
    bench.connect_given(properties);
    bench
}
