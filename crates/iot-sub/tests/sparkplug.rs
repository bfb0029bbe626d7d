//! Sparkplug edge nodes, from the broker to the store and back: with a lost message, a rebirth and
//! a restart.

mod common;

use std::io::{self, PipeWriter, Write as _};
use std::path::Path;

use common::{interrupt, publish, sqlite, start};
use testkit::{Broker, DEADLINE, Running, eventually, sparkplug_peer};

const SPARKPLUG: [&str; 4] = ["-t", "spBv1.0/#", "--decode", "sparkplug"];

/// Has the peer do something.
fn tell(node: &Running, commands: &mut PipeWriter, command: &str) {
    commands
        .write_all(format!("{command}\n").as_bytes())
        .unwrap();
    wait_for_line(node, command);
}

fn wait_for_line(node: &Running, line: &str) {
    eventually(DEADLINE, line, || {
        node.stdout().lines().any(|it| it == line)
    });
}

/// The values of a metric, in the order of their times.
fn values(file: &Path, topic: &str, metric: &str) -> String {
    let query = format!(
        "SELECT group_concat(value, ' ') FROM (SELECT value FROM sensors WHERE topic = '{topic}' AND metric = '{metric}' ORDER BY reg_date)"
    );
    sqlite(file, &query).trim_end().to_owned()
}

#[test]
fn a_node_is_stored_through_a_lost_message_a_rebirth_and_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let broker = Broker::start();
    let program = start(&broker, &store, &SPARKPLUG);
    let (input, mut commands) = io::pipe().unwrap();
    let node = sparkplug_peer("sparkplug_node.py", broker.port())
        .stdin(input)
        .spawn();
    wait_for_line(&node, "connected");
    tell(&node, &mut commands, "birth");
    tell(&node, &mut commands, "data 3");
    program.wait_for_stdout(" spBv1.0/plant/line1/press DATA/force 3.0");

    tell(&node, &mut commands, "lose");
    tell(&node, &mut commands, "data 4");
    wait_for_line(&node, "rebirth");
    eventually(DEADLINE, "a second BIRTH of the device", || {
        let births = program.stdout().matches("line1/press online true").count();
        births == 2
    });
    interrupt(program);

    let subscribed = broker.log().matches("Sending SUBACK").count();
    let program = start(&broker, &store, &SPARKPLUG);
    eventually(DEADLINE, "a subscription", || {
        broker.log().matches("Sending SUBACK").count() > subscribed
    });
    tell(&node, &mut commands, "data 5");
    program.wait_for_stdout(" spBv1.0/plant/line1/press DATA/force 5.0");
    commands.write_all(b"quit\n").unwrap();
    program.wait_for_stdout(" spBv1.0/plant/line1/press online false");
    let last = interrupt(program);
    assert!(last.contains("rejected 0"), "{last}");

    // The aliases were known: nobody asked again.
    assert_eq!(
        node.stdout().lines().filter(|it| *it == "rebirth").count(),
        1
    );
    // In both BIRTHs, the peer says when it made the value, which was at its start.
    let force = values(&file, "spBv1.0/plant/line1/press", "DATA/force");
    assert_eq!(force, "2.5 2.5 3.0 4.0 5.0");
    let online = values(&file, "spBv1.0/plant/line1", "online");
    assert_eq!(online, "1 1 0");
}

#[test]
fn an_edge_node_of_iot_pub_is_stored_with_units() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let broker = Broker::start();
    let program = start(&broker, &store, &SPARKPLUG);
    let args = "--format sparkplug -t spBv1.0/plant/line1/press --model force=counter(1) --unit kN --count 4 --interval 20ms";
    publish(broker.port(), &args.split(' ').collect::<Vec<_>>());
    program.wait_for_stdout(" spBv1.0/plant/line1/press online false");
    interrupt(program);
    let rows = sqlite(
        &file,
        "SELECT value, unit FROM sensors WHERE topic = 'spBv1.0/plant/line1/press' AND metric = 'force' ORDER BY value",
    );
    assert_eq!(rows, "1.0|kN\n2.0|kN\n3.0|kN\n4.0|kN\n");
}

#[test]
fn metrics_that_cannot_be_named_are_rejected_with_their_payload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let broker = Broker::start();
    let program = start(&broker, &store, &SPARKPLUG);
    let asked = broker.mosquitto_sub(["-t", "spBv1.0/+/NCMD/#", "-F", "%t"]);
    eventually(DEADLINE, "two subscriptions", || {
        broker.log().matches("Sending SUBACK").count() == 2
    });
    // The metric with alias 7 is 1.
    let payload = folder.path().join("payload");
    std::fs::write(&payload, b"\x12\x04\x10\x07\x50\x01\x18\x05").unwrap();
    let payload = payload.to_str().unwrap();
    broker.mosquitto_pub(["-t", "spBv1.0/g/NDATA/n", "-f", payload]);
    asked.wait_for_stdout("spBv1.0/g/NCMD/n");
    let last = interrupt(program);
    assert!(last.contains("stored 0, rejected 1"), "{last}");
    let rejected = sqlite(
        &file,
        "SELECT topic, reason, hex(payload) FROM sensors_rejected",
    );
    assert_eq!(
        rejected,
        "spBv1.0/g/NDATA/n|not sparkplug: alias 7 of g/n is unknown until its next BIRTH|1204100750011805\n"
    );
}
