//! What `-m`, `--count`, `-r` and `-t` publish.

mod common;

use common::{Inbox, ends_well, iot_pub, wait_for_lines};
use testkit::{Broker, DEADLINE};

/// Runs to the end with these arguments and one more, and returns what has arrived.
#[track_caller]
fn sent(args: &str, message: &str) -> Vec<String> {
    let inbox = Inbox::open();
    let program = iot_pub(inbox.port(), args).args(["-m", message]);
    let publisher = ends_well(program.spawn());
    let arrived = inbox.arrived();
    assert_eq!(publisher.stdout(), arrived.join("\n") + "\n");
    arrived
}

#[test]
fn a_message_alone_is_sent_once() {
    assert_eq!(sent("", "25.5"), ["iot/home2/temp 25.5"]);
    assert_eq!(sent("-q 2 -t iot/a", "two words"), ["iot/a two words"]);
}

#[test]
fn a_negative_number_is_not_taken_for_an_option() {
    assert_eq!(sent("", "-5.2"), ["iot/home2/temp -5.2"]);
    assert_eq!(sent("-t iot/-a", "-n"), ["iot/-a -n"]);
}

#[test]
fn an_empty_message_is_one_too() {
    assert_eq!(sent("-q 1", ""), ["iot/home2/temp "]);
}

#[test]
fn with_a_count_it_is_repeated() {
    let three = ["iot/home2/temp x"; 3];
    assert_eq!(sent("--count 3 --interval 10ms", "x"), three);
}

#[test]
fn a_count_keeps_to_the_interval_of_two_seconds() {
    let broker = Broker::start();
    let start = std::time::Instant::now();
    ends_well(iot_pub(broker.port(), "-m x --count 2").spawn());
    assert!(start.elapsed().as_secs() >= 2);
}

#[test]
fn with_an_interval_it_is_repeated_until_a_signal() {
    let broker = Broker::start();
    let mut publisher = iot_pub(broker.port(), "-m x --interval 10ms").spawn();
    wait_for_lines(&publisher, 5);
    publisher.interrupt();
    ends_well(publisher);
}

#[test]
fn a_huge_count_works() {
    let broker = Broker::start();
    let args = format!("-q 1 --interval 1ms --count {}", u64::MAX);
    let mut publisher = iot_pub(broker.port(), &args).spawn();
    wait_for_lines(&publisher, 5);
    publisher.interrupt();
    ends_well(publisher);
}

#[test]
fn the_broker_keeps_a_retained_message() {
    let broker = Broker::start();
    ends_well(iot_pub(broker.port(), "-r -m 25.5").spawn());
    ends_well(iot_pub(broker.port(), "-m 26.5").spawn());
    let late = broker.mosquitto_sub(["-t", "iot/#", "-F", "%r %p", "-C", "1"]);
    late.wait_for_stdout("1 25.5");
}

#[cfg(unix)]
#[test]
fn a_message_may_be_any_bytes() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let broker = Broker::start();
    let subscriber = broker.mosquitto_sub(["-t", "iot/#", "-F", "%x", "-C", "1"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let program = iot_pub(broker.port(), "-m").args([OsStr::from_bytes(b"\xff\x01")]);
    ends_well(program.spawn());
    subscriber.wait_for_stdout("ff01");
}

#[test]
fn a_thousand_at_full_speed_all_arrive_once_and_in_order() {
    for args in [
        "-q 2 --interval 1ms",
        "-q 2 -V 5 --interval 0.001ms",
        "-q 1 --interval 0.001ms",
    ] {
        let inbox = Inbox::open();
        let args = format!("--count 1000 {args}");
        let publisher = ends_well(iot_pub(inbox.port(), &args).spawn());
        let arrived = inbox.arrived();
        assert_eq!(arrived.len(), 1000, "{args}");
        assert_eq!(arrived, common::lines(&publisher.stdout()), "{args}");
    }
}

#[test]
fn a_thousand_with_qos_0_leave_before_the_end() {
    let broker = Broker::builder().config("max_queued_messages 0").start();
    let subscriber = broker.mosquitto_sub(["-t", "iot/#", "-v", "-C", "1000"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let publisher = iot_pub(broker.port(), "--count 1000 --interval 0.001ms").spawn();
    let publisher = ends_well(publisher);
    let subscriber = common::ends_with(subscriber, 0);
    assert_eq!(subscriber.stdout(), publisher.stdout());
}
