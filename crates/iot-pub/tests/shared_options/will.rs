//! The will.

use testkit::{Broker, DEADLINE};

use crate::common::{bare, iot_pub, wait_for_lines};
use crate::helpers::{holds, packets, refused};

#[test]
fn the_broker_publishes_the_will_of_a_killed_client() {
    for version in ["31", "311", "5"] {
        let broker = Broker::start();
        let subscriber = broker.mosquitto_sub(["-t", "gone/#", "-q", "2", "-F", "%t %q %p"]);
        broker.wait_for_log("Sending SUBACK", DEADLINE);
        let args = format!(
            "-V {version} --interval 1h --will-topic gone/a --will-payload -5.2 --will-qos 2 --will-retain"
        );
        let mut publisher = iot_pub(broker.port(), &args).spawn();
        wait_for_lines(&publisher, 1);
        publisher.kill();
        subscriber.wait_for_stdout("gone/a 2 -5.2");
        let late = broker.mosquitto_sub(["-t", "gone/#", "-F", "%r %p", "-C", "1"]);
        late.wait_for_stdout("1 -5.2");
    }
}

#[test]
fn a_will_is_empty_with_qos_0_by_default() {
    let (connect, _) = packets("--will-topic w", 4);
    assert_eq!(connect[9], 0b0000_0110, "{connect:02x?}");
    holds(&connect, b"\x00\x01w\x00\x00");
}

#[test]
fn parts_of_a_will_need_its_topic() {
    for (args, part) in [
        ("--will-payload x", "--will-payload"),
        ("--will-qos 1", "--will-qos"),
        ("--will-retain", "--will-retain"),
        ("-V 5 -D will content-type x", "-D"),
    ] {
        refused(
            bare(args),
            &format!(
                "iot-pub: `{part}` belongs to a will, which needs a topic (give --will-topic TOPIC)"
            ),
        );
    }
    refused(
        bare("--will-topic a/#"),
        "iot-pub: invalid value `a/#` for `--will-topic`: \
         topic name `a/#` contains the wildcard `#` (only topic filters have wildcards)",
    );
}
