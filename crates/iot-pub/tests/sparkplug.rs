//! `--format sparkplug`: an edge node with devices, on a real broker.

mod common;

use std::io::{self, Write as _};

use common::{ends_well, iot_pub};
use iot_sparkplug::{Metric, MetricValue, Payload, bd_seq, read_payload, rebirth_request};
use testkit::{Broker, DEADLINE, FaultyNet, Running, eventually, sparkplug_peer};

/// Starts a subscriber to all messages of edge nodes.
fn host(broker: &Broker) -> Running {
    let host = broker.mosquitto_sub(["-t", "spBv1.0/#", "-F", "%t %x"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    host
}

/// Returns what a subscriber has received: the type of the message with the device, and its
/// payload.
fn received(host: &Running) -> Vec<(String, Payload)> {
    let stdout = host.stdout();
    let whole = stdout.rfind('\n').map_or("", |end| &stdout[..end]);
    let messages = whole.lines().filter_map(|line| line.rsplit_once(' '));
    let message = |(topic, digits): (&str, &str)| {
        let bytes: Vec<u8> = (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect();
        let topic = topic.strip_prefix("spBv1.0/plant/").expect(topic);
        (topic.to_owned(), read_payload(&bytes).unwrap())
    };
    messages.map(message).collect()
}

/// Waits until there are so many messages of this type; returns all messages.
#[track_caller]
fn wait_for(host: &Running, topic: &str, count: usize) -> Vec<(String, Payload)> {
    eventually(DEADLINE, format!("{count} of {topic}"), || {
        received(host).iter().filter(|(it, _)| it == topic).count() >= count
    });
    received(host)
}

fn name(metric: &Metric) -> &str {
    metric.name.as_deref().unwrap_or_default()
}

const NODE: &str = "--format sparkplug --interval 20ms -t spBv1.0/plant/line1/press{device} --devices 2 --model force=counter(1) --unit kN";

#[test]
fn an_edge_node_is_born_sends_data_and_dies() {
    let broker = Broker::start();
    let host = host(&broker);
    let mut node = iot_pub(broker.port(), NODE).spawn();
    wait_for(&host, "DDATA/line1/press2", 2);
    node.interrupt();
    let node = ends_well(node);
    let messages = wait_for(&host, "NDEATH/line1", 1);

    let topics: Vec<&str> = messages.iter().map(|(topic, _)| topic.as_str()).collect();
    assert_eq!(
        topics[..5],
        [
            "NBIRTH/line1",
            "DBIRTH/line1/press1",
            "DBIRTH/line1/press2",
            "DDATA/line1/press1",
            "DDATA/line1/press2"
        ]
    );
    // Each has the next number, but the last one, the DEATH, has none.
    let (death, alive) = messages.split_last().unwrap();
    for (at, (topic, payload)) in alive.iter().enumerate() {
        assert_eq!(payload.seq, Some(at as u64 % 256), "{topic}");
    }
    assert_eq!(death.0, "NDEATH/line1");
    assert_eq!(death.1.seq, None);
    let birth = &messages[0].1;
    assert_eq!(name(&birth.metrics[1]), "Node Control/Rebirth");
    assert_eq!((bd_seq(birth), bd_seq(&death.1)), (Some(0), Some(0)));

    let first = &messages[1].1.metrics[0];
    assert_eq!((name(first), first.alias), ("force", Some(1)));
    assert_eq!(first.value, Some(MetricValue::Double(1.0)));
    assert_eq!(first.text_property("engUnit"), Some("kN"));
    let second = &messages[3].1.metrics[0];
    assert_eq!((name(second), second.alias), ("", Some(1)));
    assert_eq!(second.value, Some(MetricValue::Double(2.0)));
    assert_eq!(messages[4].1.metrics[0].alias, Some(2));
    let printed = node.stdout();
    assert!(
        printed.starts_with("spBv1.0/plant/DBIRTH/line1/press1 {\"force\": 1}\n"),
        "{printed}"
    );
}

#[test]
fn a_rebirth_is_sent_on_command_with_the_last_values() {
    let broker = Broker::start();
    let host = host(&broker);
    let mut node = iot_pub(broker.port(), NODE).spawn();
    wait_for(&host, "DDATA/line1/press2", 1);
    let request = rebirth_request(1).to_bytes();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), request).unwrap();
    broker.mosquitto_pub([
        "-t",
        "spBv1.0/plant/NCMD/line1",
        "-f",
        file.path().to_str().unwrap(),
    ]);
    let messages = wait_for(&host, "NBIRTH/line1", 2);
    let births = { messages.iter() }.filter(|(topic, _)| topic == "NBIRTH/line1");
    for (_, birth) in births {
        assert_eq!((birth.seq, bd_seq(birth)), (Some(0), Some(0)));
    }
    let messages = wait_for(&host, "DBIRTH/line1/press2", 2);
    let births: Vec<_> = { messages.iter() }
        .filter(|(topic, _)| topic == "DBIRTH/line1/press2")
        .collect();
    assert_ne!(births[0].1.metrics[0].value, births[1].1.metrics[0].value);
    node.interrupt();
    let stderr = common::ends_with(node, 0).stderr();
    assert_eq!(
        stderr,
        "iot-pub: rebirth on command (`spBv1.0/plant/NCMD/line1`)\n"
    );
}

#[test]
fn a_lost_connection_is_a_death_and_another_birth_with_the_next_number() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let host = host(&broker);
    let mut node = iot_pub(net.port(), NODE).spawn();
    wait_for(&host, "DDATA/line1/press2", 1);
    net.cut();
    let messages = wait_for(&host, "NBIRTH/line1", 2);
    let of = |wanted: &str| -> Vec<Option<u64>> {
        let found = messages.iter().filter(|(topic, _)| topic == wanted);
        found.map(|(_, payload)| bd_seq(payload)).collect()
    };
    assert_eq!(of("NDEATH/line1"), [Some(0)]);
    assert_eq!(of("NBIRTH/line1"), [Some(0), Some(1)]);
    node.interrupt();
    common::ends_with(node, 0);
    let messages = wait_for(&host, "NDEATH/line1", 2);
    assert_eq!(
        messages.last().map(|(_, payload)| bd_seq(payload)),
        Some(Some(1))
    );
}

#[test]
fn each_edge_node_has_a_connection() {
    let broker = Broker::start();
    let host = host(&broker);
    let args = "--format sparkplug --interval 20ms -t spBv1.0/plant/line{device} --devices 3 --id-prefix node-";
    let mut nodes = iot_pub(broker.port(), args).spawn();
    for node in 1..=3 {
        wait_for(&host, &format!("NDATA/line{node}"), 2);
        broker.wait_for_log(&format!("as node-{node} "), DEADLINE);
    }
    nodes.interrupt();
    ends_well(nodes);
    for node in 1..=3 {
        wait_for(&host, &format!("NDEATH/line{node}"), 1);
    }
}

/// Another implementation reads what we send, and asks for a rebirth.
#[test]
fn mqtt_spb_wrapper_reads_the_node() {
    let broker = Broker::start();
    let (input, mut commands) = io::pipe().unwrap();
    let host = sparkplug_peer("sparkplug_host.py", broker.port())
        .stdin(input)
        .spawn();
    host.wait_for_stdout("subscribed");
    let mut node = iot_pub(broker.port(), NODE).spawn();
    host.wait_for_stdout("DDATA line1/press2 4 force=2.0");
    commands.write_all(b"rebirth line1\n").unwrap();
    node.wait_for_stderr("rebirth on command");
    let births = || {
        host.stdout()
            .matches("NBIRTH line1 0 bdSeq=0 Node_Control/Rebirth=False")
            .count()
    };
    eventually(DEADLINE, "a second BIRTH", || births() == 2);
    node.interrupt();
    common::ends_with(node, 0);
    host.wait_for_stdout("NDEATH line1 - bdSeq=0");
    let printed = host.stdout();
    let begin = "subscribed\n\
        NBIRTH line1 0 bdSeq=0 Node_Control/Rebirth=False\n\
        DBIRTH line1/press1 1 force=1.0kN\n\
        DBIRTH line1/press2 2 force=1.0kN\n\
        DDATA line1/press1 3 force=2.0\n\
        DDATA line1/press2 4 force=2.0\n";
    assert!(printed.starts_with(begin), "{printed}");
}
