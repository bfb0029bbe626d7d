//! A broker that is away: iot-pub waits for it at the start. Later, QoS 0 is dropped and counted,
//! and QoS 1 and 2 are queued.

mod common;

use std::fs;

use common::{Inbox, at_once, ends_with, iot_pub, lines, wait_for_lines};
use testkit::{Broker, DEADLINE, FaultyNet, Running, ScriptedPeer, Way, eventually};

const ACCEPTED: &[u8] = b"\x20\x02\x00\x00";
const NOTHING: &str = "iot-pub: interrupted: nothing was published";
const ONE: &str = "iot-pub: interrupted: the message was not published";

fn refused_line(port: u16) -> String {
    format!("broker `127.0.0.1:{port}`: connection refused (is a broker running there?)\n")
}

#[test]
fn a_broker_that_comes_later_is_waited_for_with_one_line() {
    let mut broker = Broker::reserve();
    let publisher = iot_pub(broker.port(), "-q 1 -m 25.5").spawn();
    publisher.wait_for_stderr("waiting");
    assert_eq!(publisher.stdout(), "");
    broker.start_again();
    let publisher = ends_with(publisher, 0);
    assert_eq!(
        publisher.stderr(),
        format!("iot-pub: waiting for {}", refused_line(broker.port()))
    );
    assert_eq!(publisher.stdout(), "iot/home2/temp 25.5\n");
}

#[test]
fn further_attempts_are_not_reported() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    net.refuse(true);
    let publisher = iot_pub(net.port(), "-m 25.5").spawn();
    eventually(DEADLINE, "two attempts", || net.refused() >= 2);
    net.refuse(false);
    let publisher = ends_with(publisher, 0);
    assert_eq!(publisher.stderr().lines().count(), 1);
}

#[test]
fn ctrl_c_ends_the_waiting() {
    let broker = Broker::reserve();
    let folder = tempfile::tempdir().expect("a folder");
    let recording = "topic,value,time\na,1,2026-06-21T06:00:00Z\n";
    fs::write(folder.path().join("rec.csv"), recording).expect("a file");
    for (args, line) in [
        ("", NOTHING),
        ("-q 2 --count 3", NOTHING),
        ("-m 5", ONE),
        ("-m 5 -q 1", ONE),
        ("-f rec.csv", ONE),
        ("-m 5 --count 3", NOTHING),
        ("--replay rec.csv", NOTHING),
    ] {
        let start = || {
            iot_pub(broker.port(), args)
                .current_dir(folder.path())
                .spawn()
        };
        let (mut interrupted, mut terminated) = (start(), start());
        for publisher in [&interrupted, &terminated] {
            publisher.wait_for_stderr("waiting");
        }
        interrupted.interrupt();
        terminated.terminate();
        for (publisher, code) in [(interrupted, 130), (terminated, 143)] {
            let publisher = ends_with(publisher, code);
            let stderr = publisher.stderr();
            assert_eq!(stderr.lines().skip(1).collect::<Vec<_>>(), [line], "{args}");
            assert_eq!(publisher.stdout(), "");
        }
    }
}

#[test]
fn a_signal_between_messages_says_how_many_were_published() {
    let broker = Broker::start();
    let args = "-m 5 -q 1 --count 3 --interval 1h";
    let mut publisher = iot_pub(broker.port(), args).spawn();
    broker.wait_for_log("Sending PUBACK", DEADLINE);
    publisher.terminate();
    let publisher = ends_with(publisher, 143);
    let line = "iot-pub: interrupted: 1 message was published\n";
    assert_eq!(publisher.stderr(), line);
}

#[test]
fn fail_fast_does_not_wait() {
    let broker = Broker::reserve();
    let publisher = ends_with(iot_pub(broker.port(), "--fail-fast").spawn(), 1);
    assert_eq!(
        publisher.stderr(),
        format!("iot-pub: cannot connect to {}", refused_line(broker.port()))
    );
}

#[test]
fn fail_fast_ends_with_a_lost_connection_too() {
    let mut broker = Broker::start();
    let publisher = iot_pub(broker.port(), "--fail-fast --interval 10ms").spawn();
    wait_for_lines(&publisher, 1);
    broker.kill();
    let publisher = ends_with(publisher, 1);
    let lost = format!(
        "lost broker `127.0.0.1:{}`: the broker closed the connection\n",
        broker.port()
    );
    let stderr = publisher.stderr();
    let line = stderr
        .strip_prefix("iot-pub: ")
        .expect("the program's name");
    // What was on its way may be lost, which is said first.
    let unread =
        "may be lost: when the connection ended, nothing showed that the broker had read them: ";
    match line.split_once(unread) {
        Some((count, rest)) => {
            assert!(count.starts_with("up to "), "{stderr}");
            assert_eq!(rest, lost);
        }
        None => assert_eq!(line, lost),
    }
}

#[test]
fn fail_fast_says_how_many_are_missing() {
    let peer = ScriptedPeer::listen();
    let publisher = iot_pub(peer.port(), "--fail-fast -q 1 -m x").spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(ACCEPTED);
    broker.read_packet();
    broker.close();
    let publisher = ends_with(publisher, 1);
    assert_eq!(
        publisher.stderr(),
        format!(
            "iot-pub: the message was not acknowledged by the broker: \
             lost broker `127.0.0.1:{}`: the broker closed the connection\n",
            peer.port()
        )
    );
}

/// The last line on stderr, and the number it begins with.
#[track_caller]
fn last_line(publisher: &Running) -> (usize, String) {
    let stderr = publisher.stderr();
    let last = stderr.lines().last().expect("a line on stderr");
    let text = last.strip_prefix("iot-pub: ").expect("the program's name");
    let count = text.split(' ').next().and_then(|word| word.parse().ok());
    (count.unwrap_or_else(|| panic!("{last}")), text.into())
}

#[test]
fn qos_0_is_dropped_and_counted() {
    let inbox = Inbox::open();
    let net = inbox.net();
    // In the middle of about the fifth message. The next attempt to connect is a second later.
    net.drop_after(Way::ToServer, 200);
    let publisher = iot_pub(net.port(), "--count 30 --interval 10ms").spawn();
    let publisher = ends_with(publisher, 1);
    let (dropped, line) = last_line(&publisher);
    let were = if dropped == 1 { "was" } else { "were" };
    assert_eq!(
        line,
        format!("{dropped} of 30 messages {were} dropped while the broker was away")
    );
    let printed = lines(&publisher.stdout());
    assert!(printed.len() + dropped >= 30, "{dropped}: {printed:?}");
    assert!(inbox.arrived().iter().all(|line| printed.contains(line)));
}

#[test]
fn without_a_count_dropped_messages_are_reported_and_no_failure() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let mut publisher = iot_pub(net.port(), "--interval 10ms").spawn();
    wait_for_lines(&publisher, 1);
    net.cut();
    let line = publisher.wait_for_stderr("again;");
    assert!(line.ends_with("dropped meanwhile"), "{line}");
    let before = publisher.stdout().lines().count();
    wait_for_lines(&publisher, before + 2);
    publisher.interrupt();
    let publisher = ends_with(publisher, 0);
    let (dropped, line) = last_line(&publisher);
    assert!(dropped > 0);
    assert!(
        line.ends_with("messages were dropped while the broker was away"),
        "{line}"
    );
}

#[test]
fn the_queue_holds_as_many_as_it_may_and_then_the_schedule_waits() {
    let peer = ScriptedPeer::listen();
    let args = "-q 1 -t a -m x --interval 1ms --count 7 --max-queued 5";
    let publisher = iot_pub(peer.port(), args).spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(ACCEPTED);
    broker.read_packet();
    broker.close();
    publisher.wait_for_stderr(
        "iot-pub: 5 messages wait for the broker; the next one waits until there is room",
    );
    wait_for_lines(&publisher, 5);
    assert_eq!(publisher.stdout().lines().count(), 5);

    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(ACCEPTED);
    for id in 1..=7 {
        let packet = broker.read_packet();
        assert_eq!(packet[packet.len() - 2..], [id, b'x'], "{packet:02x?}");
        broker.send(&[0x40, 0x02, 0x00, id]);
    }
    broker.expect(b"\xe0\x00");
    broker.close();
    let publisher = ends_with(publisher, 0);
    assert_eq!(publisher.stdout().lines().count(), 7);
    let told: Vec<_> = lines(&publisher.stderr());
    assert_eq!(told.len(), 3, "{told:?}");
}

#[test]
fn everything_accepted_arrives_when_the_broker_is_back() {
    at_once(["-V 311", "-V 5"], |version| {
        let inbox = Inbox::open();
        let net = inbox.net();
        net.drop_after(Way::ToServer, 300);
        let args = format!("-q 2 -i pub -c {version} --count 30 --interval 5ms --max-queued 10");
        let publisher = iot_pub(net.port(), &args).spawn();
        eventually(DEADLINE, "a connection", || net.connections() == 1);
        net.refuse(true);
        publisher.wait_for_stderr("until there is room");
        net.refuse(false);
        let publisher = ends_with(publisher, 0);
        assert_eq!(publisher.stdout().lines().count(), 30);
        assert_eq!(inbox.arrived(), lines(&publisher.stdout()));
    });
}

#[test]
fn ctrl_c_forgets_the_message_that_waits_for_room() {
    let peer = ScriptedPeer::listen();
    let args = "-q 1 -m x --interval 1ms --max-queued 1";
    let mut publisher = iot_pub(peer.port(), args).spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(ACCEPTED);
    broker.read_packet();
    broker.close();
    publisher.wait_for_stderr("until there is room");
    publisher.interrupt();
    publisher.wait_for_stderr("not acknowledged yet");
    publisher.interrupt();
    let publisher = ends_with(publisher, 1);
    let stderr = publisher.stderr();
    assert!(
        stderr.ends_with("iot-pub: the message was not acknowledged by the broker\n"),
        "{stderr}"
    );
}

#[test]
fn a_single_message_is_given_up_after_the_connect_timeout() {
    let broker = Broker::reserve();
    let port = broker.port();
    let args = "-q 1 -m 25.5 --connect-timeout 300ms";
    let publisher = ends_with(iot_pub(port, args).spawn(), 1);
    assert_eq!(
        publisher.stderr(),
        format!(
            "iot-pub: waiting for {}iot-pub: cannot connect to {}",
            refused_line(port),
            refused_line(port)
        )
    );
    let peer = ScriptedPeer::listen();
    let publisher = ends_with(iot_pub(peer.port(), args).spawn(), 1);
    assert_eq!(
        publisher.stderr(),
        format!(
            "iot-pub: cannot connect to broker `127.0.0.1:{}`: it does not answer\n",
            peer.port()
        )
    );
}

#[test]
fn each_kind_of_single_message_is_given_up() {
    let broker = Broker::reserve();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("message");
    std::fs::write(&file, "25.5").expect("a file");
    let file = format!("-f {}", file.display());
    at_once(["-n", "-s", &file, "-m 1 -h nowhere.invalid"], |content| {
        let args = format!("-t iot/a --connect-timeout 300ms {content}");
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        std::io::Write::write_all(&mut writer, b"25.5").expect("a reader");
        drop(writer);
        let program = iot_pub(broker.port(), &args).stdin(reader);
        let publisher = ends_with(program.spawn(), 1);
        let line = publisher.stderr();
        assert!(line.contains("iot-pub: cannot connect to broker"), "{line}");
    });
}

#[test]
fn a_broker_that_does_not_answer_mqtt_5_brings_advice() {
    let peer = ScriptedPeer::listen();
    let publisher = iot_pub(peer.port(), "-V 5 -m 25.5").spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.close();
    publisher.wait_for_stderr("if the broker does not support MQTT 5: -V mqttv311)");
}
