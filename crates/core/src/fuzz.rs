//! Entry points for fuzzing: code that reads bytes from the network gets random bytes, and must not
//! panic, collect memory or loop for ever. `fuzz/` runs them without end; the tests below run them
//! with a bounded number of inputs from a seed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};

use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::{Message, QoS};
use crate::packet::{Codec, Incoming, Outgoing, Publish};
use crate::protocol::Protocol;
use crate::session::{Event, Session};
use crate::topic::{TopicFilter, TopicName};

fn protocol(byte: u8) -> Protocol {
    [Protocol::V31, Protocol::V311, Protocol::V5][usize::from(byte % 3)]
}

/// Decodes packets of any version, in pieces of any length. A decoded packet can be encoded and
/// decoded again.
pub fn packet(data: &[u8]) {
    let Some((&how, data)) = data.split_first() else {
        return;
    };
    let limit = [64, 4_096, 268_435_460][usize::from(how / 3 % 3)];
    let codec = Codec::new(protocol(how), limit);
    let mut buffer = BytesMut::new();
    let mut dropping = 0;
    for piece in data.chunks(1 + usize::from(how / 9)) {
        buffer.extend_from_slice(piece);
        loop {
            let dropped = buffer.len().min(dropping);
            buffer.advance(dropped);
            dropping -= dropped;
            let before = buffer.len();
            match codec.decode(&mut buffer) {
                Ok(Some(packet)) => {
                    assert!(buffer.len() < before, "no byte is taken");
                    match packet {
                        Incoming::Publish(publish) => same_again(codec, publish),
                        Incoming::Oversized(oversized) => dropping = oversized.left,
                        _ => {}
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    // The error text is short, whatever the bytes are.
                    let named = Error::undecodable(error, &buffer).to_string();
                    assert!(named.len() < 2_000, "{named}");
                    return;
                }
            }
        }
        let room = buffer.capacity();
        assert!(room <= 2 * data.len() + 256 * 1024, "{room} bytes of room");
    }
}

fn same_again(codec: Codec, publish: Publish) {
    let Some(topic) = publish.topic.clone() else {
        return;
    };
    let properties = publish.properties.as_ref();
    // Only brokers send these.
    if properties.is_some_and(|p| !p.subscription_identifiers.is_empty()) {
        return;
    }
    let message = Message {
        topic,
        payload: publish.payload.clone(),
        qos: publish.qos,
        retain: publish.retain,
        dup: publish.dup,
        packet_id: publish.packet_id,
        properties: publish.properties.clone(),
    };
    let size = codec.publish_len(&message);
    let mut bytes = BytesMut::new();
    codec.encode(&Outgoing::Publish(message), &mut bytes);
    assert_eq!(bytes.len(), size);
    // A length may have had more bytes than it needs, so the packet may get smaller.
    let again = codec.decode(&mut bytes).expect("what we encode is right");
    assert_eq!(again, Some(Incoming::Publish(publish)));
}

/// Runs a session whose broker sends random bytes. Each step begins with a byte for what the
/// application does, and one for how many bytes arrive.
pub fn session(data: &[u8]) {
    let Some((&how, mut data)) = data.split_first() else {
        return;
    };
    let config = ClientConfig {
        protocol: protocol(how),
        clean_session: how & 0x10 != 0,
        manual_ack: how & 0x20 != 0,
        max_inflight: 3,
        max_queued: 6,
        receive_maximum: 4,
        topic_alias_maximum: 3,
        maximum_packet_size: 512,
        ..ClientConfig::new("fuzz")
    };
    let mut now = Instant::now();
    let config = Arc::new(config.checked().expect("it is right"));
    let mut session = Session::new(config, now);
    session.set_logging(how & 0x40 != 0);
    session.open(now);
    let mut input = BytesMut::new();
    let mut dropping = 0;
    let (mut tokens, mut releases) = (Vec::new(), Vec::new());
    while let [act, len, rest @ ..] = data {
        let (bytes, rest) = rest.split_at(rest.len().min((*len).into()));
        data = rest;
        if act & 0x80 != 0 && session.is_connecting() {
            let connack = match session.codec_protocol() {
                Protocol::V5 => &b"\x20\x03\x00\x00\x00"[..],
                _ => b"\x20\x02\x00\x00",
            };
            input.extend_from_slice(connack);
        }
        input.extend_from_slice(bytes);
        let mut result = Ok(());
        match act & 7 {
            qos @ 0..=2 => {
                let topic = TopicName::new("a/topic").expect("it is right");
                let qos = QoS::try_from(qos).expect("up to 2");
                let _ = session.publish(Message::new(topic, "25.5").with_qos(qos), act & 8 != 0);
            }
            3 => {
                let filter = TopicFilter::new("#").expect("it is right");
                let _ = session.unsubscribe(vec![filter]);
            }
            4 => tokens.drain(..).for_each(|token| session.ack(&token)),
            5 => releases.drain(..).for_each(|token| session.release(&token)),
            6 => {
                now += Duration::from_secs(u64::from(*len));
                result = session.tick(now);
            }
            _ => {
                session.disconnect_normally();
            }
        }
        let codec = session.codec();
        while result.is_ok() {
            let dropped = input.len().min(dropping);
            input.advance(dropped);
            dropping -= dropped;
            match codec.decode(&mut input) {
                Ok(Some(packet)) => {
                    if let Incoming::Oversized(oversized) = &packet {
                        dropping = oversized.left;
                    }
                    result = session.handle(packet, now);
                }
                Ok(None) => break,
                Err(error) => result = Err(error.into()),
            }
        }
        session.acknowledge_taken();
        while let Some(event) = session.poll_event() {
            match event {
                Event::Received { token, .. } => tokens.extend(token),
                Event::Released { token, .. } => releases.push(token),
                _ => {}
            }
        }
        let mut sent = BytesMut::new();
        while let Some(packet) = session.poll_transmit(now) {
            codec.encode(&packet, &mut sent);
        }
        assert!(session.unacknowledged() <= 6);
        if let Err(error) = result {
            session.disconnect_after(&error);
            session.close(Err(error));
            session.open(now);
            input.clear();
            dropping = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, RngExt, SeedableRng};

    use super::*;

    /// Feeds a target with these inputs, changed at random and joined, and with random bytes.
    fn feed(target: fn(&[u8]), seeds: &[&[u8]]) {
        let mut rng = StdRng::seed_from_u64(7);
        for _ in 0..20_000 {
            let mut input = vec![rng.random()];
            for _ in 0..rng.random_range(0..4) {
                input.extend(seeds[rng.random_range(0..seeds.len())]);
            }
            if rng.random_ratio(1, 4) {
                let mut noise = vec![0; rng.random_range(0..64)];
                rng.fill_bytes(&mut noise);
                input.extend(noise);
            }
            for _ in 0..rng.random_range(0..4) {
                let at = rng.random_range(0..input.len());
                match rng.random_range(0..4) {
                    0 => input[at] = rng.random(),
                    1 => input[at] ^= 1 << rng.random_range(0..8),
                    2 => input.insert(at, rng.random()),
                    _ => input.truncate(at.max(1)),
                }
            }
            target(&input);
        }
    }

    #[test]
    fn random_bytes_as_packets() {
        feed(
            packet,
            &[
                b"\x20\x02\0\0",
                b"\x32\x07\0\x01t\0\x01ab",
                b"\x34\x0a\0\x01t\0\x01\x02\x01\x01ab",
                b"\x40\x02\0\x01",
                b"\x62\x02\0\x01",
                b"\x90\x04\0\x01\0\x80",
                b"\xe0\x06\x9d\x04\x1c\0\x01s",
                b"\xf0\x06\x18\x04\x15\0\x01m",
                b"\x30\xff\xff\xff\x7f\0\x01t",
                b"\x32\x7f\0\x01t\0\x01",
            ],
        );
    }

    #[test]
    fn random_bytes_as_a_broker() {
        feed(
            session,
            &[
                b"\x80\0",
                b"\x82\x04\x50\x02\0\x01",
                b"\x81\x04\x40\x02\0\x01",
                b"\x84\x09\x34\x07\0\x01t\0\x01ab",
                b"\x85\x04\x62\x02\0\x01",
                b"\x84\x0a\x34\x08\0\x01t\0\x01\0ab",
                b"\x86\x04\x70\x02\0\x01",
                b"\x87\x02\xd0\0",
                b"\x83\x02\xe0\0",
            ],
        );
    }
}
