//! What the standards ask of a client, as exchanges with a broker that the test plays byte by byte.
//! `conformance.md` says which statement each of them holds.
//!
//! The bytes of the broker, and those that are expected of the client, are put together here and in
//! the tests from the standard's text: nothing of the library's own codec is used for them.

mod authenticating;
mod connecting;
mod ending;
mod limits;
mod malformed;
mod publishing;
mod receiving;
mod requesting;
mod strings;

use testkit::{Conversation, ScriptedPeer};

use super::*;

/// A client, and the broker that the test plays to it.
struct Exchange {
    protocol: Protocol,
    // The broker goes first: a client that disconnects gives it five seconds.
    broker: Conversation,
    peer: ScriptedPeer,
    watched: Watched,
}

impl Exchange {
    /// A client whose CONNECT is sent, and not yet read.
    #[track_caller]
    fn dialled(config: ClientConfig) -> Self {
        let protocol = config.protocol;
        let peer = ScriptedPeer::listen();
        let watched = Watched::new(config);
        watched.connect(peer.port());
        let broker = peer.accept();
        watched.client.loop_start().expect("no loop runs yet");
        Self {
            protocol,
            broker,
            peer,
            watched,
        }
    }

    /// A client that is connected to a broker which has no session for it.
    #[track_caller]
    fn on(config: ClientConfig) -> Self {
        Self::given(config, b"")
    }

    /// A client that is connected, with these properties in the CONNACK (MQTT 5).
    #[track_caller]
    fn given(config: ClientConfig, properties: &[u8]) -> Self {
        let mut exchange = Self::dialled(config);
        exchange.broker.read_packet();
        exchange.accept(false, properties);
        exchange
    }

    /// Answers the CONNECT that was read.
    #[track_caller]
    fn accept(&mut self, session_present: bool, properties: &[u8]) {
        self.send(connack(self.protocol, session_present, properties));
        loop {
            match self.watched.next() {
                Seen::Connect { rc, .. } => return assert!(rc.is_accepted(), "{rc}"),
                Seen::Disconnect(_) | Seen::ConnectFail(_) => {}
                Seen::Message(message) => panic!("{message:?}"),
            }
        }
    }

    /// Breaks the connection, and takes the next one that the client makes, up to its CONNECT.
    #[track_caller]
    fn lose(&mut self) {
        self.broker.hang_up();
        self.broker = self.peer.accept();
        self.broker.read_packet();
    }

    /// Breaks the connection, and accepts the next one.
    #[track_caller]
    fn again(&mut self, session_present: bool) {
        self.lose();
        self.accept(session_present, b"");
    }

    #[track_caller]
    fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        self.broker.expect(bytes.as_ref());
    }

    #[track_caller]
    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.broker.send(bytes.as_ref());
    }

    /// Publishes to topic `t`.
    #[track_caller]
    fn publish(&self, payload: &str, qos: i32) {
        let sent = self.watched.client.publish("t", payload, qos, false);
        sent.expect("it is taken");
    }

    /// Checks that what the broker has sent so far is not answered: the next answer is that to a
    /// PUBREL which a client answers at once, for it knows nothing of the id.
    #[track_caller]
    fn expect_no_answer(&mut self) {
        self.send(ack(0x62, 0xffff));
        match self.protocol {
            Protocol::V5 => self.expect(b"\x70\x04\xff\xff\x92\x00"),
            _ => self.expect(b"\x70\x02\xff\xff"),
        }
    }

    /// Checks that nothing was sent for what the application has asked for so far: the next packet
    /// is that of a message which it publishes now.
    #[track_caller]
    fn expect_nothing_sent(&mut self) {
        let sent = self.watched.client.publish("end", "", 0, false);
        sent.expect("it is connected");
        self.expect(publish(self.protocol, 0x30, "end", 0, ""));
    }

    /// The client disconnects from a broker that breaks the rules: on MQTT 5 with this reason,
    /// otherwise without a packet.
    #[track_caller]
    fn expect_disconnect(&mut self, reason: u8) -> Error {
        if self.protocol == Protocol::V5 {
            self.expect([0xe0, 1, reason]);
        }
        self.broker.expect_end();
        loop {
            match self.watched.next() {
                Seen::Disconnect(result) => return result.expect_err("the broker is at fault"),
                Seen::Connect { .. } | Seen::Message(_) => {}
                Seen::ConnectFail(error) => panic!("{error}"),
            }
        }
    }
}

/// A packet: type and flags, as many bytes as the rest has, the rest.
fn packet(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut packet = vec![first];
    let mut length = body.len();
    while length >= 0x80 {
        packet.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    packet.push(u8::try_from(length).unwrap());
    packet.extend(body);
    packet
}

/// A string with its length before it.
fn string(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text].concat()
}

/// What stands in place of no properties: their length, on MQTT 5 (§2.2.2.1).
fn none(protocol: Protocol) -> &'static [u8] {
    match protocol {
        Protocol::V5 => b"\0",
        _ => b"",
    }
}

fn connack(protocol: Protocol, session_present: bool, properties: &[u8]) -> Vec<u8> {
    let flags = match protocol {
        Protocol::V31 => 0,
        _ => session_present.into(),
    };
    let length = [u8::try_from(properties.len()).unwrap()];
    match protocol {
        Protocol::V5 => packet(0x20, &[&[flags, 0], &length, properties]),
        _ => packet(0x20, &[&[flags, 0]]),
    }
}

/// A PUBLISH without properties; with QoS 0 the id is left out.
fn publish(protocol: Protocol, first: u8, topic: &str, id: u16, payload: &str) -> Vec<u8> {
    let id = id.to_be_bytes();
    let id = if first & 6 == 0 { &[][..] } else { &id };
    let payload = payload.as_bytes();
    packet(first, &[&string(topic), id, none(protocol), payload])
}

/// A PUBACK, PUBREC, PUBREL or PUBCOMP that says success, which is the same in all versions.
fn ack(first: u8, id: u16) -> Vec<u8> {
    packet(first, &[&id.to_be_bytes()])
}
