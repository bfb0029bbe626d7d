//! The rules of the protocol, without a socket and with injected time.
//!
//! A [`Bench`] is a session and a clock. Packets sent and events told are compared as short texts:
//! `PUBLISH q1 #3 dup t=25.5`, `published #3`.

mod authenticating;
mod connecting;
mod ending;
mod found;
mod hostile;
mod keep_alive;
mod limits;
mod model;
mod publishing;
mod queueing;
mod receiving;
mod releasing;
mod requests;
mod version_31;
mod version_5;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::{AckToken, Event, ReleaseToken, Session};
use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::{Message, PacketId, Properties, QoS};
use crate::packet::{
    Ack, Auth, ConnAck, Connect, DecodeError, Disconnect, Incoming, Outgoing, Publish,
    SubscribeAck, Subscription,
};
use crate::protocol::Protocol;
use crate::reason::{ConnectCode, ReasonCode};
use crate::topic::{TopicFilter, TopicName};

/// A session with its clock.
struct Bench {
    session: Session,
    now: Instant,
}

fn v311() -> ClientConfig {
    ClientConfig {
        client_id: "bench".into(),
        clean_session: false,
        ..ClientConfig::default()
    }
}

fn v31() -> ClientConfig {
    ClientConfig {
        protocol: Protocol::V31,
        ..v311()
    }
}

fn v5() -> ClientConfig {
    ClientConfig {
        protocol: Protocol::V5,
        ..v311()
    }
}

fn manual(config: ClientConfig) -> ClientConfig {
    ClientConfig {
        manual_ack: true,
        ..config
    }
}

fn id(id: u16) -> PacketId {
    PacketId::new(id).expect("not 0")
}

/// A message that [`publish`] makes, as an earlier process has noted it.
fn held(number: u16, payload: &str) -> (PacketId, u64) {
    (id(number), message(2, payload).fingerprint())
}

fn connack(session_present: bool) -> ConnAck {
    ConnAck {
        session_present,
        code: ConnectCode::ACCEPTED,
        properties: None,
    }
}

/// An AUTH with a reason and a method.
fn auth(reason: u8, method: Option<&str>) -> Incoming {
    let properties = method.map(|method| {
        Box::new(Properties {
            authentication_method: Some(method.into()),
            ..Properties::default()
        })
    });
    Incoming::Auth(Auth {
        reason: ReasonCode(reason),
        properties,
    })
}

/// A PUBLISH from the broker to topic `t`; with QoS 0 the id is left out.
fn publish(qos: u8, number: u16, payload: &str) -> Publish {
    Publish {
        topic: Some(TopicName::new("t").unwrap()),
        payload: payload.to_owned().into(),
        qos: QoS::try_from(qos).unwrap(),
        retain: false,
        dup: false,
        packet_id: PacketId::new(number).filter(|_| qos > 0),
        properties: None,
    }
}

fn message(qos: u8, payload: &str) -> Message {
    Message::new(TopicName::new("t").unwrap(), payload).with_qos(QoS::try_from(qos).unwrap())
}

impl Bench {
    /// A session that has no connection.
    fn offline(config: ClientConfig) -> Self {
        let now = Instant::now();
        let config = Arc::new(config.checked().unwrap());
        let mut session = Session::new(config, now);
        session.set_answers_auth(true);
        Self { session, now }
    }

    /// A session with a first connection.
    fn online(config: ClientConfig) -> Self {
        let mut bench = Self::offline(config);
        bench.connect(false);
        bench
    }

    /// Connects; what it sends besides CONNECT, and tells besides `connected`, is left to be asked
    /// for.
    fn connect(&mut self, session_present: bool) {
        self.connect_with(connack(session_present)).unwrap();
    }

    fn connect_with(&mut self, ack: ConnAck) -> Result<(), Error> {
        self.session.open(self.now);
        assert_eq!(self.sent(), ["CONNECT"]);
        self.take(Incoming::ConnAck(ack))?;
        let event = self.session.poll_event();
        assert!(matches!(event, Some(Event::Connected(_))), "{event:?}");
        Ok(())
    }

    /// A CONNACK with these properties, on a new connection.
    fn connect_given(&mut self, properties: Properties) {
        self.connect_with(ConnAck {
            properties: Some(Box::new(properties)),
            ..connack(true)
        })
        .unwrap();
    }

    /// Loses the connection; the event of that is taken.
    fn lose(&mut self) {
        self.session.close(Err(Error::Closed));
        assert_eq!(
            self.told().pop().unwrap(),
            "disconnected: the broker closed the connection"
        );
    }

    fn reconnect(&mut self, session_present: bool) {
        self.lose();
        self.connect(session_present);
    }

    fn take(&mut self, packet: Incoming) -> Result<(), Error> {
        self.session.handle(packet, self.now)
    }

    fn puback(&mut self, number: u16) {
        self.take(Incoming::PubAck(Ack::success(id(number))))
            .unwrap();
    }

    fn pubrec(&mut self, number: u16) {
        self.take(Incoming::PubRec(Ack::success(id(number))))
            .unwrap();
    }

    fn pubrel(&mut self, number: u16) {
        self.take(Incoming::PubRel(Ack::success(id(number))))
            .unwrap();
    }

    fn pubcomp(&mut self, number: u16) {
        self.take(Incoming::PubComp(Ack::success(id(number))))
            .unwrap();
    }

    /// Publishes one message to topic `t`.
    fn publish(&mut self, qos: u8, payload: &str) -> Option<u16> {
        let id = self.session.publish(message(qos, payload), false).unwrap();
        id.map(PacketId::get)
    }

    /// Publishes so many messages; their payloads count from 1.
    fn publish_many(&mut self, qos: u8, count: usize) {
        for payload in 1..=count {
            self.publish(qos, &payload.to_string());
        }
    }

    fn try_publish(&mut self, message: Message) -> Result<Option<PacketId>, String> {
        let result = self.session.publish(message, false);
        result.map_err(|error| error.to_string())
    }

    fn receive(&mut self, publish: Publish) -> Result<(), Error> {
        self.take(Incoming::Publish(publish))
    }

    /// Receives a message that is told as one, and returns its token.
    fn arrival(&mut self, qos: u8, number: u16, payload: &str) -> AckToken {
        self.receive(publish(qos, number, payload)).unwrap();
        match self.session.poll_event() {
            Some(Event::Received { token, .. }) => token.expect("QoS 1 or 2"),
            other => panic!("not a message: {other:?}"),
        }
    }

    /// Receives a PUBREL that is told, and returns its token.
    fn released(&mut self, number: u16) -> ReleaseToken {
        self.pubrel(number);
        match self.session.poll_event() {
            Some(Event::Released { token, .. }) => token,
            other => panic!("not a release: {other:?}"),
        }
    }

    /// Lets time pass, and does what is due then.
    fn pass(&mut self, seconds: u64) -> Result<(), Error> {
        self.now += Duration::from_secs(seconds);
        self.session.tick(self.now)
    }

    /// Takes all packets to send.
    fn sent(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.poll_transmit(self.now))
            .map(|packet| packet_text(&packet))
            .collect()
    }

    /// Takes all events.
    fn told(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.session.poll_event())
            .map(|event| event_text(&event))
            .collect()
    }

    /// Takes all events and acknowledges what came with them, as a connection does.
    fn told_and_acknowledged(&mut self) -> Vec<String> {
        let told = self.told();
        self.session.acknowledge_taken();
        told
    }
}

fn packet_text(packet: &Outgoing) -> String {
    match packet {
        Outgoing::Connect(_) => "CONNECT".into(),
        Outgoing::Publish(message) => format!("PUBLISH {}", message_text(message)),
        Outgoing::PublishAliased {
            message,
            alias,
            known,
        } => {
            let topic = if *known { "known" } else { "new" };
            format!("PUBLISH {} alias {alias} {topic}", message_text(message))
        }
        Outgoing::PubAck(ack) => ack_text("PUBACK", ack),
        Outgoing::PubRec(ack) => ack_text("PUBREC", ack),
        Outgoing::PubRel(ack) => ack_text("PUBREL", ack),
        Outgoing::PubComp(ack) => ack_text("PUBCOMP", ack),
        Outgoing::Subscribe(id, list, _) => format!("SUBSCRIBE #{id} {}", list[0].filter),
        Outgoing::Unsubscribe(id, list, _) => format!("UNSUBSCRIBE #{id} {}", list[0]),
        Outgoing::PingReq => "PINGREQ".into(),
        Outgoing::Disconnect(disconnect) => {
            format!("DISCONNECT {:#04x}", disconnect.reason.0)
        }
        Outgoing::Auth(auth) => format!("AUTH {:#04x}", auth.reason.0),
    }
}

fn ack_text(name: &str, ack: &Ack) -> String {
    match ack.reason {
        ReasonCode::SUCCESS => format!("{name} #{}", ack.id),
        reason => format!("{name} #{} {reason}", ack.id),
    }
}

fn message_text(message: &Message) -> String {
    let mut text = format!("q{}", message.qos);
    if let Some(id) = message.packet_id {
        let _ = write!(text, " #{id}");
    }
    if message.dup {
        text += " dup";
    }
    let payload = String::from_utf8_lossy(&message.payload);
    let _ = write!(text, " {}={payload}", message.topic);
    text
}

fn event_text(event: &Event) -> String {
    match event {
        Event::Connected(_) => "connected".into(),
        Event::Refused(ack) => format!("refused: {}", ack.code),
        Event::Received { message, .. } => format!("message {}", message_text(message)),
        Event::PassedOver { message, size, .. } => {
            format!("passed over {} ({size} bytes)", message_text(message))
        }
        Event::Duplicate(message) => format!("duplicate {}", message_text(message)),
        Event::Released { token, .. } => format!("released #{}", token.id()),
        Event::Published {
            id, result: Ok(_), ..
        } => format!("published #{id}"),
        Event::Published {
            id,
            result: Err(error),
            ..
        } => format!("given up #{id}: {error}"),
        Event::Auth(auth) => format!("auth {:#04x}", auth.reason.0),
        Event::Subscribed(ack) => format!("subscribed #{}", ack.id),
        Event::Unsubscribed(ack) => format!("unsubscribed #{}", ack.id),
        Event::Writable => "writable".into(),
        Event::Disconnected(Ok(())) => "disconnected".into(),
        Event::Disconnected(Err(error)) => format!("disconnected: {error}"),
        Event::Log { level, text } => format!("{level}: {text}"),
        Event::ConnectFailed(error) => format!("connect failed: {error}"),
    }
}

const NOTHING: [&str; 0] = [];
