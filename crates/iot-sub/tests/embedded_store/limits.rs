//! What clients may do, and how much of them is kept.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use testkit::{Conversation, DEADLINE, Program, eventually};

use crate::client::{Client, Options, packet};
use crate::{Files, ended};

#[test]
fn nobody_publishes_to_the_broker_s_own_topics() {
    let files = Files::new();
    let (mut broker, port) = files.start(&["-t", "#", "-t", "$SYS/#"]);
    for is_v5 in [false, true] {
        let options = Options {
            is_v5,
            ..Options::default()
        };
        let (mut client, _) = Client::connect(port, "p", options);
        client.publish(0x02, "$SYS/broker/version", 1, "1");
        let answer = client.peer.read_packet();
        if is_v5 {
            assert_eq!((answer[0], answer[4]), (0x40, 0x87), "{answer:02x?}");
        } else {
            assert_eq!(answer, [0x40, 2, 0, 1]);
        }
        client.publish(0x02, "iot/a", 2, "1");
        client.expect_ack(0x40, 2);
        client.disconnect();
    }
    broker.terminate();
    ended(broker, 0);
    assert_eq!(files.query("select distinct topic from sensors"), "iot/a\n");
}

#[test]
fn nobody_reaches_the_inner_broker_past_the_gateway() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let inner: Vec<u16> = listening(broker.id());
    let inner: Vec<u16> = inner.into_iter().filter(|other| *other != port).collect();
    assert_eq!(inner.len(), 1, "{inner:?}");
    let mut peer = Conversation::connect(inner[0]);
    peer.send(&packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x00\x00\x01p"));
    assert_eq!(peer.read_packet(), [0x20, 2, 0, 5]);
    peer.expect_end();
    broker.terminate();
    ended(broker, 0);
}

/// The TCP ports that a process listens on.
fn listening(process: u32) -> Vec<u16> {
    let table = std::fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap();
    let own: std::collections::HashSet<String> = std::fs::read_dir(format!("/proc/{process}/fd"))
        .unwrap()
        .filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok())
        .map(|link| link.display().to_string())
        .collect();
    let lines = table.lines().skip(1);
    lines
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let is_own = own.contains(&format!("socket:[{}]", fields[9]));
            let port = fields[1].rsplit_once(':')?.1;
            (fields[3] == "0A" && is_own).then(|| u16::from_str_radix(port, 16).unwrap())
        })
        .collect()
}

#[test]
fn its_files_are_private_whatever_the_umask() {
    let files = Files::new();
    let (mut broker, port) = files.start_with(&[], |program| program);
    let (mut client, _) = Client::connect(
        port,
        "p",
        Options {
            keeps_session: true,
            ..Options::default()
        },
    );
    client.publish(0x03, "iot/a", 1, "1");
    client.expect_ack(0x40, 1);
    client.publish(0x04, "iot/a", 2, "1");
    client.expect_ack(0x50, 2);
    broker.terminate();
    ended(broker, 0);
    let mut count = 0;
    walk(&files.broker(), &mut |path| {
        let mode = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, expected, "{} has mode {mode:o}", path.display());
        count += 1;
    });
    assert!(count > 5, "{count}");
}

#[test]
fn half_open_messages_of_a_clean_session_do_not_stay_on_disk() {
    let files = Files::new();
    let payload = format!("\"{}\"", "x".repeat(100_000));
    for round in 0..3 {
        let (mut broker, port) = files.start(&[]);
        let (mut client, _) = Client::connect(port, &format!("p{round}"), Options::default());
        for id in 1..=50 {
            client.publish(0x04, "iot/a", id, &payload);
        }
        for id in 1..=50 {
            client.expect_ack(0x50, id);
        }
        match round {
            0 => {
                client.peer.close();
                eventually(DEADLINE, "they are removed", || inflight(&files) == 0);
            }
            // The broker writes them a moment later.
            _ => eventually(DEADLINE, "they are written", || inflight(&files) > 0),
        }
        broker.kill();
    }
    let (mut broker, _) = files.start(&[]);
    eventually(DEADLINE, "they are removed", || inflight(&files) == 0);
    broker.terminate();
    ended(broker, 0);
}

/// Bytes of half-open messages on disk.
fn inflight(files: &Files) -> u64 {
    let mut bytes = 0;
    walk(&files.broker().join("inflight"), &mut |path| {
        let metadata = std::fs::metadata(path);
        bytes += metadata.map_or(0, |it| if it.is_file() { it.len() } else { 0 });
    });
    bytes
}

pub(crate) fn walk(path: &Path, visit: &mut impl FnMut(&Path)) {
    visit(path);
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        walk(&entry.path(), visit);
    }
}

#[test]
fn a_slow_subscriber_does_not_fill_the_memory_and_what_it_misses_is_reported() {
    let files = Files::new();
    let (mut broker, port) = files.start(&["-t", "nothing"]);
    let (mut slow, _) = Client::connect(port, "slow", Options::default());
    slow.peer.send(&packet(0x82, b"\x00\x01\x00\x01#\x00"));
    assert_eq!(slow.peer.read_packet(), [0x90, 3, 0, 1, 0]);
    // It reads nothing from here on.
    let (mut client, _) = Client::connect(port, "p", Options::default());
    let payload = "x".repeat(100_000);
    for _ in 0..3_000 {
        client.publish(0x00, "big", 0, &payload);
    }
    client.publish(0x02, "big", 1, "last");
    client.expect_ack(0x40, 1);
    let memory = resident(broker.id());
    assert!(memory < 150 << 20, "{memory} bytes");
    slow.peer.close();
    let line = broker.wait_for_stderr("to client `slow`: it read too slowly");
    assert!(line.starts_with("iot-sub: dropped "), "{line}");
    broker.terminate();
    ended(broker, 0);
}

/// The most memory that a process has had at once, in bytes.
pub(crate) fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

#[test]
fn a_packet_above_the_limit_ends_the_connection_with_a_line() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    let options = Options {
        is_v5: true,
        ..Options::default()
    };
    let (mut client, _) = Client::connect(port, "p", options);
    client.peer.send(&[0x32, 0x81, 0x80, 0x80, 0x08]);
    assert_eq!(client.peer.read_packet(), [0xe0, 1, 0x95]);
    client.peer.expect_end();
    broker.wait_for_stderr("disconnected client `p`: a packet of 16777222 bytes is larger than");
    broker.terminate();
    ended(broker, 0);
}

/// Bytes of a stranger: they are neither held nor worth a line.
#[test]
fn before_connect_nothing_else_and_nothing_large_is_taken() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    for start in [
        // A PUBLISH of 16 MiB, a CONNECT of 2 MiB, and random bytes.
        &b"\x32\xff\xff\xff\x07\0\x05iot/a"[..],
        b"\x10\x80\x80\x80\x01\0\x04MQTT",
        b"\x47\xff\xff\xff\x7f",
    ] {
        let mut stranger = Conversation::connect(port);
        stranger.send(start);
        stranger.expect_end();
    }
    let (mut client, _) = Client::connect(port, "p", Options::default());
    client.publish(0x02, "iot/a", 1, "1");
    client.expect_ack(0x40, 1);
    broker.terminate();
    let stderr = ended(broker, 0);
    assert!(!stderr.contains("disconnected client"), "{stderr}");
}

#[test]
fn a_packet_that_only_servers_send_ends_the_connection() {
    let files = Files::new();
    let (mut broker, port) = files.start(&[]);
    for sent in [
        &[0x20, 2, 0, 0][..],
        &[0x90, 3, 0, 1, 0],
        &[0xb0, 2, 0, 1],
        &[0xd0, 0],
    ] {
        let (mut client, _) = Client::connect(port, "p", Options::default());
        client.peer.send(sent);
        client.peer.expect_end();
    }
    broker.terminate();
    ended(broker, 0);
}

#[test]
fn too_few_open_files_are_reported_once() {
    let files = Files::new();
    let program = testkit::program("iot-sub");
    let store = format!("sqlite:{}", files.path().display());
    let command = format!(
        "ulimit -n 40; exec {} --embedded --listen 127.0.0.1:0 --store {store}",
        program.display()
    );
    let mut broker = Program::new("sh").args(["-c", &command]).spawn();
    let line = broker.wait_for_stderr("broker listens on");
    let port: u16 = line.rsplit_once(':').unwrap().1.parse().unwrap();
    let clients: Vec<_> = (0..40).map(|_| Conversation::connect(port)).collect();
    broker.wait_for_stderr("a client could not connect: too many open files (each client needs");
    drop(clients);
    broker.terminate();
    let stderr = ended(broker, 0);
    let lines = stderr.matches("a client could not connect: ").count();
    assert_eq!(lines, 1, "{stderr}");
}

#[test]
fn others_get_what_is_published_with_each_qos() {
    let files = Files::new();
    let (mut broker, port) = files.start(&["-t", "nothing"]);
    let (mut subscriber, _) = Client::connect(port, "s", Options::default());
    let subscribe = packet(0x82, b"\x00\x01\x00\x05iot/#\x02");
    subscriber.peer.send(&subscribe);
    assert_eq!(subscriber.peer.read_packet(), [0x90, 3, 0, 1, 2]);
    let port = port.to_string();
    for (qos, first) in [("0", 0x30), ("1", 0x32), ("2", 0x34)] {
        let mut publisher = Program::new("mosquitto_pub")
            .args(["-p", &port, "-t", "iot/a", "-q", qos, "-m", qos])
            .spawn();
        assert!(publisher.wait().success());
        let packet = subscriber.peer.read_packet();
        assert_eq!((packet[0], packet.last()), (first, qos.as_bytes().last()));
    }
    broker.terminate();
    let stderr = ended(broker, 0);
    assert!(stderr.contains("received 0"), "{stderr}");
}

#[test]
fn what_the_broker_drops_for_a_slow_subscriber_is_counted() {
    let files = Files::new();
    let (mut broker, port) = files.start(&["-t", "nothing"]);
    let (mut slow, _) = Client::connect(port, "slow", Options::default());
    slow.peer.send(&packet(0x82, b"\x00\x01\x00\x01#\x01"));
    assert_eq!(slow.peer.read_packet(), [0x90, 3, 0, 1, 1]);
    // It reads nothing from here on. As many messages with QoS 1 wait for it as the gateway keeps,
    // and more.
    let (mut client, _) = Client::connect(port, "p", Options::default());
    let payload = "x".repeat(400_000);
    for id in 1..=100 {
        client.publish(0x02, "one", id, &payload);
    }
    for id in 1..=100 {
        client.expect_ack(0x40, id);
    }
    // Also more than it keeps if the broker delivers these first, because its disk is slow.
    let payload = "x".repeat(2_000);
    for _ in 0..20_000 {
        client.publish(0x00, "zero", 0, &payload);
    }
    client.publish(0x02, "zero", 1, "last");
    client.expect_ack(0x40, 1);
    broker.terminate();
    let stderr = ended(broker, 0);
    assert!(
        stderr.contains(" messages with QoS 0: subscribers read too slowly"),
        "{stderr}"
    );
}
