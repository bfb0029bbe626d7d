//! Bytes that no broker may send, each with its reason.

use super::*;

#[track_caller]
fn malformed(protocols: &[Protocol], bytes: &[u8], why: &str) {
    for protocol in protocols {
        let error = decode_error(*protocol, bytes);
        assert_eq!(error.to_string(), format!("malformed packet: {why}"));
        assert_eq!(error.reason(), ReasonCode::MALFORMED_PACKET);
    }
}

#[track_caller]
fn protocol_error(protocols: &[Protocol], bytes: &[u8], why: &str) {
    for protocol in protocols {
        let error = decode_error(*protocol, bytes);
        assert_eq!(error.to_string(), format!("protocol error: {why}"));
        assert_eq!(error.reason(), ReasonCode::PROTOCOL_ERROR);
    }
}

const V311: &[Protocol] = &[Protocol::V311];
const V5: &[Protocol] = &[Protocol::V5];
const PAST_THE_END: &str = "a field reaches past the end";

/// Type and flags of every packet that a broker may send.
fn allowed(protocol: Protocol, first: u8) -> bool {
    let in_both = matches!(
        first,
        0x20 | 0x40 | 0x50 | 0x62 | 0x70 | 0x90 | 0xb0 | 0xd0 | 0x30..=0x35 | 0x3a..=0x3d
    );
    in_both || (protocol == Protocol::V5 && matches!(first, 0xe0 | 0xf0))
}

#[test]
fn every_other_first_byte_is_refused_before_the_rest_arrives() {
    for protocol in BOTH {
        for first in 0..=255 {
            let result = codec(protocol).decode(&mut BytesMut::from(&[first][..]));
            if allowed(protocol, first) {
                assert_eq!(result, Ok(None), "{protocol} {first:#04x}");
            } else {
                assert!(result.is_err(), "{protocol} {first:#04x}");
            }
        }
    }
}

#[test]
fn flags_and_types_have_their_reasons() {
    malformed(&BOTH, b"\x36", "PUBLISH with QoS 3");
    malformed(&BOTH, b"\x38", "PUBLISH with DUP and QoS 0");
    malformed(&BOTH, b"\x41", "reserved flags are set");
    malformed(&BOTH, b"\x60", "reserved flags are set");
    malformed(&BOTH, b"\x00", "reserved packet type");
    malformed(V311, b"\xf0", "reserved packet type");
    for first in [0x10, 0x82, 0xa2, 0xc0] {
        protocol_error(&BOTH, &[first], "a packet that only clients send");
    }
    protocol_error(V311, b"\xe0", "a packet that only clients send");
}

/// An answer to CONNECT that is not MQTT.
#[test]
fn another_protocol_is_detected_by_its_first_byte() {
    malformed(&BOTH, b"HTTP/1.1 400", "reserved flags are set");
    malformed(&BOTH, b"SSH-2.0-x", "reserved flags are set");
    protocol_error(&BOTH, b"\x15\x03\x01", "a packet that only clients send");
}

#[test]
fn a_remaining_length_of_five_bytes() {
    let why = "a variable byte integer has more than four bytes";
    malformed(&BOTH, b"\x30\x80\x80\x80\x80\x01", why);
    malformed(&BOTH, b"\x30\xff\xff\xff\xff", why);
}

#[test]
fn a_packet_that_is_too_large_is_refused_by_its_header() {
    let codec = Codec::new(Protocol::V5, 100);
    let mut buffer = BytesMut::from(&b"\x30\x63"[..]);
    assert_eq!(
        codec.decode(&mut buffer),
        Err(DecodeError::TooLarge {
            size: 101,
            limit: 100
        })
    );
    let mut buffer = BytesMut::from(&b"\x30\x62"[..]);
    assert_eq!(codec.decode(&mut buffer), Ok(None));
    assert_eq!(
        DecodeError::TooLarge { size: 2, limit: 1 }.reason(),
        ReasonCode::PACKET_TOO_LARGE
    );
}

/// A complete frame that ends in the middle of a field is malformed, not incomplete.
#[test]
fn every_packet_cut_short_within_its_frame_is_malformed() {
    let whole: [(Protocol, u8, &[u8]); 9] = [
        (Protocol::V311, 0x32, b"\x00\x03a/b\x01\x02"),
        (
            Protocol::V5,
            0x32,
            b"\x00\x03a/b\x01\x02\x05\x02\x00\x00\x00\x01",
        ),
        (Protocol::V311, 0x20, b"\x00\x00"),
        (Protocol::V5, 0x20, b"\x00\x00\x03\x21\x00\x01"),
        (Protocol::V311, 0x40, b"\x00\x01"),
        (Protocol::V5, 0x40, b"\x00\x01\x00\x04\x1f\x00\x01w"),
        (Protocol::V311, 0x90, b"\x00\x01\x00"),
        (Protocol::V5, 0x90, b"\x00\x01\x04\x1f\x00\x01w\x00"),
        (Protocol::V5, 0xe0, b"\x00\x04\x1f\x00\x01w"),
    ];
    // Shorter forms that are legal: reasons and properties may be left out (MQTT 5 §3.4.2.1).
    let legal: [(Protocol, u8, usize); 5] = [
        (Protocol::V5, 0x20, 2),
        (Protocol::V5, 0x40, 2),
        (Protocol::V5, 0x40, 3),
        (Protocol::V5, 0xe0, 0),
        (Protocol::V5, 0xe0, 1),
    ];
    for (protocol, first, body) in whole {
        decode(protocol, &frame(first, body));
        for len in 0..body.len() {
            let bytes = frame(first, &body[..len]);
            if legal.contains(&(protocol, first, len)) {
                decode(protocol, &bytes);
            } else {
                let error = decode_error(protocol, &bytes);
                assert_eq!(error.reason(), ReasonCode::MALFORMED_PACKET, "{bytes:02x?}");
            }
        }
    }
}

#[test]
fn bytes_after_the_end() {
    malformed(V311, b"\x20\x03\x00\x00\x00", "CONNACK is too long");
    malformed(V5, b"\x20\x04\x00\x00\x00\x00", "bytes after the end");
    malformed(
        &BOTH,
        b"\x40\x05\x00\x01\x00\x00\x00",
        "bytes after the end",
    );
    malformed(V5, b"\xe0\x03\x00\x00\x00", "bytes after the end");
    malformed(&BOTH, b"\xd0\x01\x00", "PINGRESP with a body");
    malformed(
        V311,
        b"\xb0\x03\x00\x01\x00",
        "UNSUBACK of the wrong length",
    );
}

#[test]
fn answers_without_codes() {
    malformed(V311, b"\x90\x02\x00\x01", "SUBACK without a code");
    malformed(V5, b"\x90\x03\x00\x01\x00", "SUBACK without a code");
    malformed(V5, b"\xb0\x03\x00\x01\x00", "UNSUBACK of the wrong length");
}

#[test]
fn packet_id_zero() {
    for bytes in [
        &b"\x32\x05\x00\x01t\x00\x00"[..],
        b"\x40\x02\x00\x00",
        b"\x50\x02\x00\x00",
        b"\x62\x02\x00\x00",
        b"\x70\x02\x00\x00",
        b"\x90\x03\x00\x00\x00",
    ] {
        malformed(&BOTH, bytes, "packet identifier 0");
    }
}

#[test]
fn connack_flags() {
    for flags in [2, 3, 0x80, 0xff] {
        malformed(&BOTH, &[0x20, 2, flags, 0], "CONNACK with reserved flags");
    }
    protocol_error(
        &BOTH,
        b"\x20\x02\x01\x05",
        "CONNACK refuses the connection and claims a session",
    );
}

#[test]
fn topics_and_strings() {
    let invalid = "PUBLISH with an invalid topic name";
    malformed(V311, b"\x30\x02\x00\x00", invalid);
    malformed(&BOTH, b"\x30\x05\x00\x03a/+", invalid);
    malformed(&BOTH, b"\x30\x03\x00\x01#", invalid);
    malformed(&BOTH, b"\x30\x03\x00\x01\xff", "a string is not UTF-8");
    // A surrogate, U+D800 [MQTT-1.5.4-1].
    malformed(
        &BOTH,
        b"\x30\x05\x00\x03\xed\xa0\x80",
        "a string is not UTF-8",
    );
    malformed(
        &BOTH,
        b"\x30\x03\x00\x01\x00",
        "a string holds a NUL character",
    );
    malformed(&BOTH, b"\x30\x03\x00\x02t", PAST_THE_END);
}

#[test]
fn properties() {
    let publish = |properties: &[u8]| {
        let mut body = b"\x00\x01t".to_vec();
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend(properties);
        frame(0x30, &body)
    };
    let connack = |properties: &[u8]| {
        let mut body = b"\x00\x00".to_vec();
        body.push(u8::try_from(properties.len()).unwrap());
        body.extend(properties);
        frame(0x20, &body)
    };
    let foreign = "a property that doesn't belong to the packet";
    malformed(V5, &publish(b"\x11\x00\x00\x00\x00"), foreign);
    malformed(V5, &publish(b"\x7f"), foreign);
    malformed(V5, &connack(b"\x01\x00"), foreign);
    malformed(V5, b"\x40\x06\x00\x01\x00\x02\x01\x00", foreign);
    let twice = "a property occurs twice";
    protocol_error(V5, &publish(b"\x01\x00\x01\x00"), twice);
    protocol_error(V5, &publish(b"\x23\x00\x01\x23\x00\x01"), twice);
    protocol_error(V5, &connack(b"\x21\x00\x01\x21\x00\x01"), twice);
    let bit = "a property that is neither 0 nor 1";
    protocol_error(V5, &publish(b"\x01\x02"), bit);
    protocol_error(V5, &connack(b"\x24\x02"), bit);
    protocol_error(V5, &connack(b"\x25\x02"), bit);
    protocol_error(V5, &publish(b"\x0b\x00"), "subscription identifier 0");
    protocol_error(V5, &publish(b"\x23\x00\x00"), "topic alias 0");
    protocol_error(V5, &connack(b"\x21\x00\x00"), "receive maximum 0");
    protocol_error(
        V5,
        &connack(b"\x27\x00\x00\x00\x00"),
        "maximum packet size 0",
    );
    malformed(V5, &publish(b"\x02\x00\x00"), PAST_THE_END);
    malformed(
        V5,
        &publish(b"\x0b\x80"),
        "a variable byte integer reaches past the end",
    );
    malformed(V5, b"\x30\x04\x00\x01t\x05", PAST_THE_END);
}
