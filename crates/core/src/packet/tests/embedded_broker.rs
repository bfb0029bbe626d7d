//! Our codec compared with a second one, the embedded broker's: every kind of packet, both ways,
//! and random bytes. Each codec's packets become a text with the name, the fields, and the
//! properties by their identifiers; the texts must be equal.

mod ours;
mod random;
mod theirs;

use bytes::Buf;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use ours::{meant, ours};
use random::{incoming, outgoing};
use theirs::theirs;

#[test]
fn the_second_codec_reads_what_ours_writes() {
    let mut rng = StdRng::seed_from_u64(11);
    for _ in 0..20_000 {
        let packet = outgoing(&mut rng);
        for protocol in BOTH {
            let only_5 = matches!(packet, Outgoing::Auth(_) | Outgoing::PublishAliased { .. });
            if only_5 && protocol != Protocol::V5 {
                continue;
            }
            let bytes = encode(protocol, &packet);
            let read = theirs(protocol, &bytes);
            assert_eq!(read.as_ref(), Ok(&meant(protocol, &packet)), "{bytes:02x?}");
        }
    }
}

#[test]
fn both_codecs_read_a_broker_s_packets_alike() {
    let mut rng = StdRng::seed_from_u64(12);
    for _ in 0..20_000 {
        let bytes = incoming(&mut rng);
        let read = ours(&decode(Protocol::V5, &bytes));
        assert_eq!(theirs(Protocol::V5, &bytes), Ok(read), "{bytes:02x?}");
    }
    for (bytes, expected) in [
        (&b"\x20\x02\x01\x00"[..], "CONNACK true 0 {}"),
        (
            b"\x90\x06\x00\x07\x00\x01\x02\x80",
            "SUBACK 7 [0, 1, 2, 128] {}",
        ),
        (b"\xb0\x02\x00\x07", "UNSUBACK 7 [] {}"),
        (b"\xd0\x00", "PINGRESP"),
        (b"\x62\x02\x00\x07", "PUBREL 7 0 {}"),
    ] {
        assert_eq!(ours(&decode(Protocol::V311, bytes)), expected);
        assert_eq!(theirs(Protocol::V311, bytes).unwrap(), expected);
    }
}

/// Bytes that both accept mean the same to both. Bytes that only one accepts are known differences.
#[test]
fn both_codecs_read_random_bytes_alike() {
    let mut rng = StdRng::seed_from_u64(13);
    let mut both = 0;
    for round in 0..60_000 {
        let mut bytes = incoming(&mut rng);
        for _ in 0..rng.random_range(1..3) {
            let at = rng.random_range(0..bytes.len());
            match rng.random_range(0..4) {
                0 => bytes[at] = rng.random(),
                1 => bytes[at] ^= 1 << rng.random_range(0..8),
                2 => bytes.insert(at, rng.random()),
                _ => bytes.truncate(at.max(2)),
            }
        }
        // Mostly with the right length: otherwise the length would be the only error found.
        if round % 8 > 0 {
            let header = wire::fixed_header(&bytes)
                .ok()
                .flatten()
                .map_or(2, |(header, _)| header);
            bytes = frame(bytes[0], &bytes[header.min(bytes.len())..]);
        }
        let mut buffer = BytesMut::from(&bytes[..]);
        let decoded = codec(Protocol::V5).decode(&mut buffer);
        let second = theirs(Protocol::V5, &bytes);
        match (decoded, second) {
            // The second codec maps a refusal of 3.1.1 to an MQTT 5 code.
            (Ok(Some(Incoming::ConnAck(ack))), Ok(_)) if matches!(ack.code.0, 1..=5) => {}
            (Ok(Some(packet)), Ok(second)) if buffer.is_empty() => {
                assert_eq!(ours(&packet), second, "{bytes:02x?}");
                both += 1;
            }
            // Ours accepts reason codes that the standard doesn't list; the session checks the
            // method of AUTH.
            (Ok(Some(_)), Err(why)) if buffer.is_empty() => {
                let known = why.contains("eason code") || why.contains("Authentication method");
                assert!(known, "we alone take {bytes:02x?}: {why}");
            }
            (Err(why), Ok(_)) => {
                let known = [
                    "a property that doesn't belong to the packet",
                    "a property that is neither 0 nor 1",
                    "a packet that only clients send",
                    "packet identifier 0",
                    "PUBLISH with an invalid topic name",
                    "CONNACK refuses the connection and claims a session",
                    "subscription identifier 0",
                    "topic alias 0",
                    "receive maximum 0",
                    "maximum packet size 0",
                    "PUBLISH with DUP and QoS 0",
                    "a string holds a NUL character",
                ];
                let why = why.to_string();
                let known = known.iter().any(|known| why.ends_with(known));
                assert!(known, "they alone take {bytes:02x?}: {why}");
            }
            _ => {}
        }
    }
    assert!(both > 10_000, "{both}");
}
