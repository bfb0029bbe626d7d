//! Random and mutated frames: no panic, no endless loop, and the same result in whatever pieces
//! they arrive.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;

/// Frames of every kind that a broker sends, as a start for mutations.
fn seeds(protocol: Protocol) -> Vec<Vec<u8>> {
    let mut seeds = vec![
        b"\x20\x02\x00\x00".to_vec(),
        b"\x40\x02\x00\x01".to_vec(),
        b"\x50\x02\x00\x01".to_vec(),
        b"\x62\x02\x00\x01".to_vec(),
        b"\x70\x02\x00\x01".to_vec(),
        b"\xd0\x00".to_vec(),
    ];
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let message = Message {
            packet_id: Some(id(1)),
            properties: Some(Box::new(all_properties())),
            ..Message::new(TopicName::new("a/b").unwrap(), "25.5").with_qos(qos)
        };
        seeds.push(encode(protocol, &Outgoing::Publish(message)));
    }
    match protocol {
        Protocol::V31 | Protocol::V311 => seeds.extend([
            b"\x90\x04\x00\x01\x00\x80".to_vec(),
            b"\xb0\x02\x00\x01".to_vec(),
        ]),
        Protocol::V5 => seeds.extend([
            b"\x20\x0d\x00\x00\x0a\x21\x00\x05\x24\x01\x12\x00\x02id".to_vec(),
            b"\x40\x08\x00\x01\x97\x04\x1f\x00\x01w".to_vec(),
            b"\x90\x04\x00\x01\x00\x80".to_vec(),
            b"\xb0\x04\x00\x01\x00\x11".to_vec(),
            b"\xe0\x06\x9d\x04\x1c\x00\x01s".to_vec(),
            b"\xf0\x02\x18\x00".to_vec(),
        ]),
    }
    seeds
}

/// Decodes all bytes. The buffer only shrinks, so the loop ends.
fn decode_all(protocol: Protocol, bytes: &[u8]) -> (Vec<Incoming>, Result<usize, DecodeError>) {
    let mut buffer = BytesMut::from(bytes);
    let mut packets = Vec::new();
    loop {
        let before = buffer.len();
        match codec(protocol).decode(&mut buffer) {
            Ok(Some(packet)) => {
                assert!(buffer.len() < before, "{bytes:02x?}");
                packets.push(packet);
            }
            Ok(None) => {
                assert_eq!(buffer.len(), before, "{bytes:02x?}");
                return (packets, Ok(before));
            }
            Err(error) => return (packets, Err(error)),
        }
    }
}

fn same_byte_by_byte(protocol: Protocol, bytes: &[u8], expected: &[Incoming]) {
    let mut buffer = BytesMut::new();
    let mut packets = Vec::new();
    for byte in bytes {
        buffer.put_u8(*byte);
        match codec(protocol).decode(&mut buffer) {
            Ok(packet) => packets.extend(packet),
            Err(_) => break,
        }
    }
    assert_eq!(packets, expected, "{bytes:02x?}");
}

#[test]
fn random_bytes() {
    let mut rng = StdRng::seed_from_u64(4);
    for protocol in ALL {
        for round in 0..100_000 {
            let len = rng.random_range(0..64);
            let mut bytes = vec![0; len];
            rng.fill_bytes(&mut bytes);
            let (packets, _) = decode_all(protocol, &bytes);
            if round % 16 == 0 {
                same_byte_by_byte(protocol, &bytes, &packets);
            }
        }
    }
}

#[test]
fn mutated_frames() {
    let mut rng = StdRng::seed_from_u64(5);
    for protocol in ALL {
        let seeds = seeds(protocol);
        let mut decoded = 0;
        for round in 0..100_000 {
            let mut bytes = seeds[rng.random_range(0..seeds.len())].clone();
            if rng.random() {
                bytes.extend(&seeds[rng.random_range(0..seeds.len())]);
            }
            for _ in 0..rng.random_range(0..4) {
                let at = rng.random_range(0..bytes.len());
                match rng.random_range(0..5) {
                    0 => bytes[at] = rng.random(),
                    1 => bytes[at] ^= 1 << rng.random_range(0..8),
                    2 => bytes[at] = bytes[at].wrapping_add(1),
                    3 => bytes.insert(at, rng.random()),
                    _ if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => {}
                }
            }
            let (packets, _) = decode_all(protocol, &bytes);
            decoded += packets.len();
            if round % 16 == 0 {
                same_byte_by_byte(protocol, &bytes, &packets);
            }
        }
        assert!(decoded > 50_000, "only {decoded} packets were whole");
    }
}
