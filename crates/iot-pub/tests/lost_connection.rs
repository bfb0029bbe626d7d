//! A connection that is lost while messages are in flight: with QoS 1 and 2 all arrive, with QoS 2
//! exactly once.

mod common;

use common::{Inbox, at_once, ends_with, iot_pub, lines, wait_for_lines};
use testkit::{DEADLINE, FaultyNet, Running, Way};

/// iot-pub reports the loss and its end, and nothing else.
#[track_caller]
fn assert_lost_once(publisher: &Running, port: u16) {
    assert_eq!(
        publisher.stderr(),
        format!(
            "iot-pub: lost broker `127.0.0.1:{port}`: the broker closed the connection; connecting again\n\
             iot-pub: connected to broker `127.0.0.1:{port}` again\n"
        )
    );
}

#[track_caller]
fn assert_arrived_exactly_once(inbox: &Inbox, publisher: &Running) {
    assert_eq!(inbox.arrived(), lines(&publisher.stdout()));
}

/// QoS 1: a message may come again, the later ones in order behind it.
#[track_caller]
fn assert_arrived_at_least_once(inbox: &Inbox, publisher: &Running) {
    let mut arrived = inbox.arrived();
    let mut sent = lines(&publisher.stdout());
    arrived.sort();
    arrived.dedup();
    sent.sort();
    assert_eq!(arrived, sent);
}

/// Cuts the connection in the middle of a packet, when the broker has received about a third of the
/// messages.
#[track_caller]
fn cut_in_the_middle(qos_and_version: &str) -> (Inbox, Running) {
    let inbox = Inbox::open();
    let net = inbox.net();
    net.drop_after(Way::ToServer, 500);
    let args = format!("-i pub -c --count 40 --interval 10ms {qos_and_version}");
    let publisher = ends_with(iot_pub(net.port(), &args).spawn(), 0);
    assert_eq!(publisher.stdout().lines().count(), 40);
    assert_eq!(net.connections(), 2);
    assert_lost_once(&publisher, net.port());
    (inbox, publisher)
}

#[test]
fn qos_1_arrives_across_a_cut() {
    at_once(["-V 311", "-V 5"], |version| {
        let (inbox, publisher) = cut_in_the_middle(&format!("-q 1 {version}"));
        assert_arrived_at_least_once(&inbox, &publisher);
    });
}

#[test]
fn qos_2_arrives_exactly_once_across_a_cut() {
    at_once(["-V 311", "-V 5"], |version| {
        let (inbox, publisher) = cut_in_the_middle(&format!("-q 2 {version}"));
        assert_arrived_exactly_once(&inbox, &publisher);
    });
}

/// Publishes three messages; the connection breaks after `bytes` from the broker.
#[track_caller]
fn answer_lost(qos: &str, bytes: u64) -> (Inbox, FaultyNet, Running) {
    let inbox = Inbox::open();
    let net = inbox.net();
    net.drop_after(Way::ToClient, bytes);
    let args = format!("-i pub -c -q {qos} --count 3 --interval 1ms");
    let publisher = ends_with(iot_pub(net.port(), &args).spawn(), 0);
    assert_eq!(net.connections(), 2);
    assert_lost_once(&publisher, net.port());
    (inbox, net, publisher)
}

/// CONNACK, and half of the next packet.
const FIRST_ANSWER: u64 = 4 + 2;
/// CONNACK, two packets (PUBREC or PUBCOMP), and half of the next one.
const THIRD_ANSWER: u64 = 4 + 2 * 4 + 2;

#[test]
fn a_lost_puback_brings_the_message_again() {
    let (inbox, _net, publisher) = answer_lost("1", FIRST_ANSWER);
    assert_arrived_at_least_once(&inbox, &publisher);
    let log = inbox.broker.log();
    assert!(log.contains("from pub (d1, q1, r0, m1,"), "{log}");
}

#[test]
fn a_puback_lost_at_the_very_end_is_fetched_from_the_broker() {
    let (inbox, _net, publisher) = answer_lost("1", THIRD_ANSWER);
    assert_arrived_at_least_once(&inbox, &publisher);
    let log = inbox.broker.log();
    assert!(log.contains("from pub (d1, q1, r0, m3,"), "{log}");
}

#[test]
fn a_lost_pubrec_or_pubcomp_brings_nothing_twice() {
    // In the middle of each of the six answers.
    at_once(0..6, |answer| {
        let (inbox, _net, publisher) = answer_lost("2", FIRST_ANSWER + 4 * answer);
        assert_arrived_exactly_once(&inbox, &publisher);
    });
}

/// mosquitto delivers at the PUBREL, and forgets the message with a clean session that ends before.
#[test]
fn a_pubrel_lost_with_its_session_costs_no_message() {
    /// CONNECT as client `pub`, PUBLISH of `x` to iot/home2/temp.
    const BEFORE: u64 = 17 + 21;
    at_once(0..4, |byte| {
        let inbox = Inbox::open();
        let net = inbox.net();
        net.drop_after(Way::ToServer, BEFORE + byte);
        ends_with(iot_pub(net.port(), "-i pub -q 2 -m x").spawn(), 0);
        assert_eq!(net.connections(), 2);
        assert_eq!(inbox.arrived(), ["iot/home2/temp x"]);
    });
}

#[test]
fn a_connection_lost_within_connack_costs_nothing() {
    let inbox = Inbox::open();
    let net = inbox.net();
    net.drop_after(Way::ToClient, 2);
    let publisher = ends_with(iot_pub(net.port(), "-m 25.5").spawn(), 0);
    assert_eq!(inbox.arrived(), ["iot/home2/temp 25.5"]);
    assert_eq!(
        publisher.stderr(),
        format!(
            "iot-pub: waiting for broker `127.0.0.1:{}`: the broker closed the connection (does this \
             port need TLS? --tls-use-os-certs, or --cafile FILE)\n",
            net.port()
        )
    );
}

#[track_caller]
fn restarted_in_between(qos: &str) -> (Inbox, Running) {
    let mut inbox = Inbox::open();
    let args = format!("-i pub -c --interval 10ms -q {qos}");
    let mut publisher = iot_pub(inbox.port(), &args).spawn();
    inbox.broker.wait_for_log(", m10, ", DEADLINE);
    inbox.broker.stop();
    publisher.wait_for_stderr("lost broker");
    // The schedule continues.
    let before = publisher.stdout().lines().count();
    wait_for_lines(&publisher, before + 10);
    inbox.broker.start_again();
    publisher.wait_for_stderr("connected to broker");
    publisher.interrupt();
    let publisher = ends_with(publisher, 0);
    assert_lost_once(&publisher, inbox.port());
    (inbox, publisher)
}

#[test]
fn qos_1_arrives_across_a_restart_of_the_broker() {
    let (inbox, publisher) = restarted_in_between("1");
    assert_arrived_at_least_once(&inbox, &publisher);
}

#[test]
fn qos_2_arrives_exactly_once_across_a_restart_of_the_broker() {
    let (inbox, publisher) = restarted_in_between("2");
    assert_arrived_exactly_once(&inbox, &publisher);
}
