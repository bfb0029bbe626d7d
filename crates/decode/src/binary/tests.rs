use serde_json::Value as Json;

use super::*;
use crate::reason::Reason;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn text(found: Result<Json, Reason>) -> String {
    match found {
        Ok(json) => json.to_string(),
        Err(reason) => format!("! {reason}"),
    }
}

#[track_caller]
fn cbor(hex: &str, expected: &str) {
    assert_eq!(text(read_cbor(&bytes(hex))), expected, "{hex}");
}

#[track_caller]
fn msgpack(hex: &str, expected: &str) {
    assert_eq!(text(read_msgpack(&bytes(hex))), expected, "{hex}");
}

#[test]
fn cbor_is_read_as_the_examples_of_rfc_8949_appendix_a() {
    for (hex, expected) in [
        ("00", "0"),
        ("1818", "24"),
        ("1b000000e8d4a51000", "1000000000000"),
        ("1bffffffffffffffff", "18446744073709551615"),
        ("c249010000000000000000", "1.8446744073709552e+19"),
        ("3bffffffffffffffff", "-1.8446744073709552e+19"),
        ("c349010000000000000000", "-1.8446744073709552e+19"),
        ("20", "-1"),
        ("3903e7", "-1000"),
        ("f93e00", "1.5"),
        ("fa47c35000", "100000.0"),
        ("fb3ff199999999999a", "1.1"),
        ("f97e00", "null"),
        ("fb7ff0000000000000", "null"),
        ("f4", "false"),
        ("f5", "true"),
        ("f6", "null"),
        ("f7", "null"),
        ("f0", "null"),
        ("f8ff", "null"),
        (
            "c074323031332d30332d32315432303a30343a30305a",
            r#""2013-03-21T20:04:00Z""#,
        ),
        ("c11a514b67b0", "1363896240"),
        ("d74401020304", r#""AQIDBA""#),
        ("62c3bc", r#""ü""#),
        ("a201020304", r#"{"1":2,"3":4}"#),
        ("a26161016162820203", r#"{"a":1,"b":[2,3]}"#),
        ("5f42010243030405ff", r#""AQIDBAU""#),
        ("7f657374726561646d696e67ff", r#""streaming""#),
        ("9f018202039f0405ffff", "[1,[2,3],[4,5]]"),
        ("bf6346756ef563416d7421ff", r#"{"Fun":true,"Amt":-2}"#),
        // RFC 8949 §3.4.4.
        ("c48221196ab3", "273.15"),
        ("c5822003", "1.5"),
        ("a2613101613102", r#"{"1":2}"#),
    ] {
        cbor(hex, expected);
    }
}

#[test]
fn what_is_no_cbor_is_rejected() {
    for (hex, expected) in [
        ("", "! empty payload"),
        ("8201", "! not CBOR: it ends within a value"),
        ("9f01", "! not CBOR: it ends within a value"),
        ("62c3", "! not CBOR: it ends within a value"),
        ("62c328", "! not CBOR: byte 0 is wrong"),
        ("1c", "! not CBOR: byte 0 is wrong"),
        ("ff", "! not CBOR: a break outside of an array or a map"),
        ("0000", "! not CBOR: 1 byte follows the value"),
        ("000000", "! not CBOR: 2 bytes follow the value"),
        ("a18001", "! not CBOR: a key of a map is an array or a map"),
        ("a1610001", "! object key with a NUL"),
        ("c26161", "! not CBOR: a big number is not a byte string"),
        (
            "c401",
            "! not CBOR: a fraction is not an exponent and a mantissa",
        ),
        ("c4821903e801", "! number out of range"),
        ("bf01ff", "! not CBOR: a break outside of an array or a map"),
        ("5bffffffffffffffff00", "! not CBOR: it ends within a value"),
        ("9bffffffffffffffff00", "! not CBOR: it ends within a value"),
        ("bbffffffffffffffff00", "! not CBOR: it ends within a value"),
    ] {
        cbor(hex, expected);
    }
    cbor(
        &format!("c2590200{}", "ff".repeat(512)),
        "! number out of range",
    );
}

#[test]
fn msgpack_is_read_as_its_specification_says() {
    for (hex, expected) in [
        ("c0", "null"),
        ("07", "7"),
        ("e0", "-32"),
        ("ccff", "255"),
        ("cdffff", "65535"),
        ("ceffffffff", "4294967295"),
        ("cfffffffffffffffff", "18446744073709551615"),
        ("d080", "-128"),
        ("d18000", "-32768"),
        ("d280000000", "-2147483648"),
        ("d38000000000000000", "-9223372036854775808"),
        ("ca3fc00000", "1.5"),
        ("cb3ff199999999999a", "1.1"),
        ("cb7ff8000000000000", "null"),
        ("a2c3bc", r#""ü""#),
        ("d90161", r#""a""#),
        ("da000161", r#""a""#),
        ("db0000000161", r#""a""#),
        ("c40401020304", r#""AQIDBA""#),
        ("92c2c3", "[false,true]"),
        ("dc0001c3", "[true]"),
        ("dd00000001c3", "[true]"),
        ("82a161010203", r#"{"a":1,"2":3}"#),
        ("de0001a16101", r#"{"a":1}"#),
        ("df00000001a16101", r#"{"a":1}"#),
        ("d6ff514b67b0", r#""2013-03-21T20:04:00Z""#),
        ("d7ff773594005 14b67b0", r#""2013-03-21T20:04:00.500Z""#),
        (
            "c70cff 1dcd6500 00000000514b67b0",
            r#""2013-03-21T20:04:00.500Z""#,
        ),
        ("d40501", r#""AQ""#),
    ] {
        msgpack(hex, expected);
    }
}

#[test]
fn what_is_no_msgpack_is_rejected() {
    for (hex, expected) in [
        ("", "! empty payload"),
        ("c1", "! not MessagePack: the byte 0xc1 is not used"),
        ("92c2", "! not MessagePack: it ends within a value"),
        ("a2c3", "! not MessagePack: it ends within a value"),
        ("a1ff", "! not UTF-8"),
        ("0000", "! not MessagePack: 1 byte follows the value"),
        (
            "819001",
            "! not MessagePack: a key of a map is an array or a map",
        ),
        ("81a10001", "! object key with a NUL"),
        ("ddffffffff00", "! not MessagePack: it ends within a value"),
        ("dbffffffff00", "! not MessagePack: it ends within a value"),
        ("c9ffffffff05", "! not MessagePack: it ends within a value"),
        (
            "c70cff ffffffff 7fffffffffffffff",
            "! not MessagePack: a time is out of range",
        ),
    ] {
        msgpack(hex, expected);
    }
}

#[test]
fn depth_and_number_of_values_are_limited() {
    let deep = |byte: u8, levels: usize| [vec![byte; levels], vec![0]].concat();
    for levels in [101, 10_000, 1_000_000] {
        assert_eq!(read_cbor(&deep(0x81, levels)), Err(Reason::TooDeep));
        assert_eq!(read_cbor(&deep(0x9f, levels)), Err(Reason::TooDeep));
        assert_eq!(read_cbor(&deep(0xc4, levels)), Err(Reason::TooDeep));
        assert_eq!(read_msgpack(&deep(0x91, levels)), Err(Reason::TooDeep));
    }
    assert!(read_cbor(&deep(0x81, 100)).is_ok());
    assert!(read_msgpack(&deep(0x91, 100)).is_ok());
    let many = |head: &[u8], items: usize| [head, &vec![0xc0; items]].concat();
    let length = 15_000_000_u32.to_be_bytes();
    let msgpack = many(&[&[0xdd], &length[..]].concat(), 15_000_000);
    assert_eq!(read_msgpack(&msgpack), Err(Reason::TooManyNodes));
    let cbor = many(&[0x9f], 15_000_000);
    assert_eq!(read_cbor(&cbor), Err(Reason::TooManyNodes));
    assert_eq!(read_cbor(&vec![0; 17 << 20]), Err(Reason::TooLong));
    assert_eq!(read_msgpack(&vec![0; 17 << 20]), Err(Reason::TooLong));
}
