//! `--verify` finds what is lost, duplicated, out of order or corrupted between the publisher and a
//! subscriber.

mod common;

use common::{ends_well, ends_with, iot_pub};
use serde_json::Value;
use testkit::{Broker, Conversation, DEADLINE, Running, ScriptedPeer};

fn verdict(ended: &Running) -> Value {
    let report: Value = serde_json::from_str(&ended.stdout()).expect("one object");
    report["verify"].clone()
}

#[test]
fn messages_that_arrive_as_they_were_sent_are_a_success() {
    let broker = Broker::start();
    for qos in 0..=2 {
        let args = format!(
            "-q {qos} --devices 7 --connections 3 --topic iot/{{device}} --rate 2000/s --count 300 --verify --report json"
        );
        let verdict = verdict(&ends_well(iot_pub(broker.port(), &args).spawn()));
        assert_eq!(verdict["received"], 300);
        for none in ["lost", "duplicated", "out_of_order", "corrupted"] {
            assert_eq!(verdict[none], 0, "{none}");
        }
        assert!(verdict["latency_ms"]["p50"].as_f64() > Some(0.0));
    }
}

#[test]
fn a_verdict_comes_with_a_report_as_text() {
    let broker = Broker::start();
    let args = "-q 1 --interval 1ms --count 5 --verify";
    let ended = ends_well(iot_pub(broker.port(), args).spawn());
    let text = ended.stdout();
    let line = "arrived:       5; 0 lost, 0 duplicated, 0 out of order, 0 corrupted\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn messages_of_somebody_else_on_the_same_topic_are_corrupted_ones() {
    let broker = Broker::start();
    let mut publisher = iot_pub(
        broker.port(),
        "-q 1 -t iot/a --rate 100/s --verify --report json",
    )
    .spawn();
    broker.wait_for_log("m3, 'iot/a'", DEADLINE);
    broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", "25.5"]);
    publisher.interrupt();
    let ended = ends_with(publisher, 1);
    assert_eq!(verdict(&ended)["corrupted"], 1);
    assert_eq!(verdict(&ended)["lost"], 0);
    let stderr = ended.stderr();
    assert!(stderr.ends_with(" messages: 1 corrupted\n"), "{stderr}");
}

#[test]
fn retained_messages_are_ignored() {
    let broker = Broker::start();
    broker.mosquitto_pub(["-q", "1", "-r", "-t", "iot/a", "-m", "25.5"]);
    let args = "-q 1 -t iot/a --rate 100/s --count 3 --verify --report json";
    let verdict = verdict(&ends_well(iot_pub(broker.port(), args).spawn()));
    assert_eq!(verdict["received"], 3);
}

const ACCEPTED: &[u8] = b"\x20\x02\x00\x00";

/// Plays the broker. Returns the connections of the subscriber and the publisher, and what was
/// published with QoS 1 to topic `a`.
#[track_caller]
fn published(peer: &ScriptedPeer, count: usize) -> (Conversation, Conversation, Vec<Vec<u8>>) {
    let mut subscriber = peer.accept();
    subscriber.read_packet();
    subscriber.send(ACCEPTED);
    let subscribe = subscriber.read_packet();
    subscriber.send(&[0x90, 3, subscribe[2], subscribe[3], 1]);
    let mut publisher = peer.accept();
    publisher.read_packet();
    publisher.send(ACCEPTED);
    let mut payloads = Vec::new();
    for _ in 0..count {
        let packet = publisher.read_packet();
        // Type, length, topic with its length, id: all below 128 bytes.
        publisher.send(&[0x40, 2, packet[5], packet[6]]);
        payloads.push(packet[7..].to_vec());
    }
    (subscriber, publisher, payloads)
}

fn deliver(subscriber: &mut Conversation, payload: &[u8]) {
    let length = u8::try_from(payload.len() + 3).expect("a short payload");
    assert!(length < 128);
    let mut packet = vec![0x30, length, 0, 1, b'a'];
    packet.extend_from_slice(payload);
    subscriber.send(&packet);
}

/// Delivers four messages in this order, each changed by `change`. Returns the verdict.
#[track_caller]
fn case(order: &[usize], change: impl Fn(String) -> String, complaint: &str) -> Value {
    let peer = ScriptedPeer::listen();
    let args = "-q 1 -t a --precision 1 --rate 1000/s --count 4 --verify --report json";
    let publishing = iot_pub(peer.port(), args).spawn();
    let (mut subscriber, mut publisher, payloads) = published(&peer, 4);
    for at in order {
        let payload = String::from_utf8(payloads[*at].clone()).expect("JSON");
        deliver(&mut subscriber, change(payload).as_bytes());
    }
    publisher.expect(b"\xe0\x00");
    publisher.close();
    subscriber.expect(b"\xe0\x00");
    subscriber.close();
    let ended = ends_with(publishing, 1);
    assert_eq!(
        ended.stderr(),
        format!("iot-pub: verified, of 4 messages: {complaint}\n")
    );
    verdict(&ended)
}

#[test]
fn a_lost_message_is_found() {
    let verdict = case(&[0, 1, 3], |same| same, "1 lost");
    assert_eq!(verdict["received"], 3);
    assert_eq!(verdict["lost"], 1);
}

#[test]
fn a_message_that_comes_twice_is_found() {
    case(&[0, 1, 1, 2, 3], |same| same, "1 duplicated");
}

#[test]
fn a_message_that_comes_too_early_is_found() {
    case(&[0, 2, 1, 3], |same| same, "1 out of order");
}

#[test]
fn a_changed_message_is_found() {
    let change = |payload: String| payload.replace("\"seq\":2", "\"seq\":2 ");
    case(&[0, 1, 2, 3], change, "1 corrupted");
}

#[test]
fn a_refused_subscription_ends_it() {
    let peer = ScriptedPeer::listen();
    let publishing = iot_pub(peer.port(), "-t a --verify").spawn();
    let mut subscriber = peer.accept();
    subscriber.read_packet();
    subscriber.send(ACCEPTED);
    let subscribe = subscriber.read_packet();
    subscriber.send(&[0x90, 3, subscribe[2], subscribe[3], 0x80]);
    subscriber.expect(b"\xe0\x00");
    subscriber.close();
    let ended = ends_with(publishing, 1);
    assert_eq!(
        ended.stderr(),
        "iot-pub: cannot verify: the broker refuses the subscription\n"
    );
}
