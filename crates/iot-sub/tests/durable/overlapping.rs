//! Overlapping topic filters: each message is stored once.

use std::path::Path;

use testkit::{Broker, Conversation, DEADLINE, Running, ScriptedPeer, eventually};

use crate::common::{interrupt, publish, sqlite, sub};
use crate::fixture::{durable, stored, subscriptions};

/// The identifiers of `ov/#`, and of `ov/+/t` where the former precedes it.
const ALL: &[u8] = b"\x0b\xa0\x82\x92\x31";
const SOME: &[u8] = b"\x0b\xf6\xc5\xd1\x4a";

/// The topics and values that are stored, in order of values.
fn rows(folder: &Path) -> Vec<String> {
    let text = sqlite(
        &folder.join("iot.db"),
        "select topic || ' ' || cast(value as integer) from sensors order by value, topic",
    );
    text.lines().map(str::to_owned).collect()
}

/// Waits until this broker has sent so many SUBACKs since its start.
#[track_caller]
fn wait_for_subacks(broker: &Broker, count: usize) {
    eventually(DEADLINE, format_args!("{count} SUBACKs"), || {
        broker.log().matches("Sending SUBACK").count() == count
    });
}

/// Publishes the numbers to a topic that both filters match.
#[track_caller]
fn publish_numbers(port: u16, qos: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let number = number.to_string();
        publish(port, &["-q", qos, "-t", "ov/1/t", "-m", &number]);
    }
}

fn each_once(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("ov/1/t {number}")).collect()
}

#[test]
fn each_message_is_stored_once_at_each_qos() {
    let broker = Broker::start();
    for (run, qos) in ["0", "1", "2"].into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("iot.db").display());
        let port = broker.port().to_string();
        let program = sub(&["-p", &port, "-V", "5", "--store", &store, "-q", qos])
            .args(["-t", "ov/#", "-t", "ov/+/t"])
            .spawn();
        wait_for_subacks(&broker, 2 * (run + 1));
        publish_numbers(broker.port(), qos, 0..5);
        publish(broker.port(), &["-q", qos, "-t", "ov/x", "-m", "5"]);
        stored(folder.path(), 6);
        assert_eq!(rows(folder.path())[..5], each_once(0..5), "QoS {qos}");
        let line = interrupt(program);
        assert!(
            line.ends_with("received 11, stored 6, rejected 0, duplicates 5"),
            "{line}"
        );
    }
}

#[test]
fn neither_a_restart_nor_another_order_of_filters_makes_a_second_copy() {
    let (broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    let run = |filters: &[&str]| {
        let program = durable(broker.port(), folder.path()).args(["-q", "2"]);
        program.args(filters).spawn()
    };
    let both = ["-t", "ov/#", "-t", "ov/+/t"];
    let mut first = run(&both);
    wait_for_subacks(&broker, 2);
    publish_numbers(broker.port(), "2", 0..3);
    stored(folder.path(), 3);
    first.kill();
    publish_numbers(broker.port(), "2", 3..6);
    let second = run(&["-t", "ov/+/t", "-t", "ov/#"]);
    stored(folder.path(), 6);
    publish_numbers(broker.port(), "2", 6..9);
    stored(folder.path(), 9);
    interrupt(second);
    assert_eq!(subscriptions(&broker), 2, "the session has the filters");
    assert_eq!(rows(folder.path()), each_once(0..9));
}

#[test]
fn nothing_is_lost_or_doubled_while_filters_come_and_go() {
    let (broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    let sets: [&[&str]; 6] = [
        &["ov/+/t"],
        &["ov/+/t", "ov/#"],
        &["ov/+/t"],
        &["ov/1/+", "ov/#", "ov/+/t"],
        &["ov/1/+", "$share/g/ov/#"],
        &["$share/g/ov/#"],
    ];
    // What each run adds to the session, or gives another identifier.
    let subacks = [1, 3, 4, 7, 9, 10];
    let mut number = 0;
    for (filters, subacks) in sets.into_iter().zip(subacks) {
        let options = filters.iter().flat_map(|filter| ["-t", filter]);
        let program = durable(broker.port(), folder.path())
            .args(["-q", "2"])
            .args(options)
            .spawn();
        wait_for_subacks(&broker, subacks);
        publish_numbers(broker.port(), "2", number..number + 3);
        number += 3;
        stored(folder.path(), number as usize);
        interrupt(program);
        // Messages that wait at the broker when the filters change.
        publish_numbers(broker.port(), "2", number..number + 3);
        number += 3;
    }
    let program = durable(broker.port(), folder.path())
        .args(["-q", "2", "-t", "ov/#"])
        .spawn();
    stored(folder.path(), number as usize);
    interrupt(program);
    assert_eq!(rows(folder.path()), each_once(0..number));
}

#[test]
fn a_retained_message_is_stored_once() {
    let (broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    publish(broker.port(), &["-r", "-q", "1", "-t", "ov/1/t", "-m", "7"]);
    let run = |filters: &[&str]| durable(broker.port(), folder.path()).args(filters).spawn();
    let first = run(&["-t", "ov/#", "-t", "ov/+/t"]);
    wait_for_subacks(&broker, 2);
    publish(broker.port(), &["-q", "1", "-t", "ov/1/t", "-m", "8"]);
    stored(folder.path(), 2);
    interrupt(first);
    // `ov/+/t` alone gets another identifier, and not the retained message again.
    let second = run(&["-t", "ov/+/t"]);
    broker.wait_for_log("Sending UNSUBACK", DEADLINE);
    publish(broker.port(), &["-q", "1", "-t", "ov/1/t", "-m", "9"]);
    stored(folder.path(), 3);
    interrupt(second);
    assert_eq!(rows(folder.path()), ["ov/1/t 7", "ov/1/t 8", "ov/1/t 9"]);
}

/// The broker's side of a connection whose CONNACK has these properties.
fn connack(peer: &ScriptedPeer, properties: &[u8]) -> Conversation {
    let mut broker = peer.accept();
    broker.read_packet();
    let length = u8::try_from(properties.len()).unwrap();
    broker.send(&[&[0x20, 3 + length, 0, 0, length], properties].concat());
    broker
}

/// Answers a SUBSCRIBE with this code, and returns it.
#[track_caller]
fn answer(broker: &mut Conversation, code: u8) -> Vec<u8> {
    let subscribe = broker.read_packet();
    assert_eq!(subscribe[0], 0x82, "{subscribe:02x?}");
    broker.send(&[0x90, 4, subscribe[2], subscribe[3], 0, code]);
    subscribe
}

/// A message with QoS 1 on `ov/1/t` with these identifiers.
fn message(broker: &mut Conversation, id: u8, value: u8, identifiers: &[&[u8]]) {
    let properties = identifiers.concat();
    let length = u8::try_from(properties.len()).unwrap();
    let body = [
        &[0, 6],
        &b"ov/1/t"[..],
        &[0, id, length],
        &properties,
        &[value],
    ]
    .concat();
    let head = [0x32, u8::try_from(body.len()).unwrap()];
    broker.send(&[&head, &body[..]].concat());
    assert_eq!(broker.read_packet(), [0x40, 2, 0, id]);
}

fn scripted(peer: &ScriptedPeer, folder: &Path, args: &[&str]) -> Running {
    let program = durable(peer.port(), folder).args(args);
    program.args(["-t", "ov/+/t", "-t", "ov/#"]).spawn()
}

#[test]
fn one_copy_with_all_identifiers_is_stored_and_so_is_one_without() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let program = scripted(&peer, folder.path(), &["--json"]);
    let mut broker = connack(&peer, b"");
    let first = answer(&mut broker, 1);
    assert_eq!(first[4..], [&[5], ALL, b"\0\x04ov/#\x01"].concat());
    let second = answer(&mut broker, 1);
    assert_eq!(second[4..], [&[5], SOME, b"\0\x06ov/+/t\x01"].concat());
    message(&mut broker, 1, b'1', &[ALL, SOME]);
    message(&mut broker, 2, b'2', &[SOME, ALL]);
    message(&mut broker, 3, b'3', &[]);
    message(&mut broker, 4, b'4', &[SOME]);
    message(&mut broker, 5, b'4', &[ALL]);
    // Another subscription of the session.
    message(&mut broker, 6, b'5', &[b"\x0b\x01"]);
    stored(folder.path(), 5);
    assert_eq!(rows(folder.path()), each_once(1..6));
    let stdout = program.stdout();
    assert!(!stdout.contains("subscription"), "{stdout}");
    drop(program);
}

#[test]
fn a_refused_filter_does_not_count() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let program = scripted(&peer, folder.path(), &[]);
    let mut broker = connack(&peer, b"");
    answer(&mut broker, 0x87);
    answer(&mut broker, 1);
    message(&mut broker, 1, b'1', &[SOME]);
    stored(folder.path(), 1);
    program.wait_for_stderr("refuses the subscription to `ov/#`");
}

#[test]
fn the_filter_with_the_higher_granted_qos_counts() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let program = scripted(&peer, folder.path(), &["-q", "2"]);
    let mut broker = connack(&peer, b"");
    answer(&mut broker, 0);
    answer(&mut broker, 1);
    let first = answer(&mut broker, 1);
    let options = 0b01_0010;
    assert_eq!(
        first[first.len() - 7..],
        [&b"ov/+/t"[..], &[options]].concat()
    );
    let second = answer(&mut broker, 0);
    assert_eq!(
        second[second.len() - 5..],
        [&b"ov/#"[..], &[options]].concat()
    );
    message(&mut broker, 1, b'1', &[&first[5..10]]);
    message(&mut broker, 2, b'1', &[&second[5..10]]);
    stored(folder.path(), 1);
    let stderr = program.stderr();
    assert_eq!(stderr.matches("grants QoS").count(), 2, "{stderr}");
}

#[test]
fn it_warns_where_copies_cannot_be_told_apart() {
    let why_3 = "topic filters `ov/+/t` and `ov/#` overlap, and MQTT 3.1.1 cannot tell copies of a \
                 message apart (MQTT 5 can: -V 5)";
    let broker = Broker::start();
    let port = broker.port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("iot.db").display());
    let filters = ["-t", "ov/+/t", "-t", "ov/#"];
    let program = sub(&["-p", &port, "--store", &store, "-V", "311"])
        .args(filters)
        .spawn();
    program.wait_for_stderr(why_3);
    interrupt(program);

    for (properties, args, why) in [
        (
            &b"\x29\x00"[..],
            &[][..],
            "the broker has no subscription identifiers",
        ),
        (
            b"",
            &["-D", "subscribe", "subscription-identifier", "7"],
            "-D subscribe subscription-identifier replaces the identifiers",
        ),
    ] {
        let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
        let program = scripted(&peer, folder.path(), args);
        let mut broker = connack(&peer, properties);
        let subscribe = broker.read_packet();
        let has = |bytes: &[u8]| subscribe.windows(bytes.len()).any(|part| part == bytes);
        assert!(has(b"ov/#") && has(b"ov/+/t"), "one SUBSCRIBE");
        broker.send(&[0x90, 5, subscribe[2], subscribe[3], 0, 1, 1]);
        program.wait_for_stderr(why);
        message(&mut broker, 1, b'1', &[b"\x0b\x07"]);
        message(&mut broker, 2, b'1', &[b"\x0b\x07"]);
        stored(folder.path(), 2);
    }
}

#[test]
fn filters_that_do_not_overlap_get_no_identifier_and_no_warning() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let program = durable(peer.port(), folder.path())
        .args(["-t", "a/+", "-t", "b/#"])
        .spawn();
    let mut broker = connack(&peer, b"");
    let subscribe = broker.read_packet();
    assert_eq!(subscribe[4..], *b"\0\0\x03a/+\x01\0\x03b/#\x01");
    broker.send(&[0x90, 5, subscribe[2], subscribe[3], 0, 1, 1]);
    broker.send(b"\x32\x08\0\x03b/c\0\x01\0");
    assert_eq!(broker.read_packet(), b"\x40\x02\0\x01");
    assert!(!program.stderr().contains("overlap"));
}
