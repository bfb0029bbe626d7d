//! What is on the way when the broker is ended in order.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use testkit::{DEADLINE, Running};

use crate::client::{Client, Options, packet};
use crate::{Files, ended, lines, publisher};

const SESSION: Options<'_> = Options {
    keeps_session: true,
    is_v5: false,
    will: None,
    keep_alive: 0,
};

/// Ends the broker while everything that it has received waits for the store.
fn end_in_order(files: &Files, mut broker: Running, fill_window: impl FnOnce()) {
    let locked = files.lock();
    fill_window();
    broker.wait_for_stderr("waiting for store");
    broker.terminate();
    broker.wait_for_stderr("storing what was received");
    drop(locked);
    ended(broker, 0);
}

/// The packet identifiers of acknowledgements of one kind, until the end of the stream.
fn acknowledged(stream: &mut TcpStream, kind: u8) -> BTreeSet<u16> {
    let mut bytes = Vec::new();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // A reset is an end, too: what came before it is there.
    let _ = stream.read_to_end(&mut bytes);
    let packets = bytes.chunks(4).map(|packet| {
        assert_eq!(packet[..2], [kind, 2], "{packet:02x?}");
        u16::from_be_bytes([packet[2], packet[3]])
    });
    packets.collect()
}

/// Publishes a window of messages, each with its number as payload.
fn window(qos: u8, count: u16) -> Vec<u8> {
    let publish = |id: u16| {
        let body = [
            b"\x00\x05iot/a",
            &id.to_be_bytes()[..],
            id.to_string().as_bytes(),
        ]
        .concat();
        packet(0x30 | qos << 1, &body)
    };
    (1..=count).flat_map(publish).collect()
}

#[test]
fn what_was_acknowledged_until_the_end_is_stored_and_the_rest_once_it_comes_again() {
    const COUNT: u16 = 2_000;
    for (qos, kind) in [(1, 0x40), (2, 0x50)] {
        let files = Files::new();
        let (broker, port) = files.start(&[]);
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream
            .write_all(b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x00\x00\x01p")
            .unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        end_in_order(&files, broker, || {
            stream.write_all(&window(qos, COUNT)).unwrap();
        });
        let known = acknowledged(&mut stream, kind);
        assert!(!known.is_empty());
        let stored = files.query("select cast(value as integer) from sensors");
        let stored: BTreeSet<u16> = stored.lines().map(|line| line.parse().unwrap()).collect();
        let missing: Vec<_> = known.difference(&stored).collect();
        assert!(missing.is_empty(), "QoS {qos}: {missing:?}");

        let (mut broker, port) = files.start(&[]);
        let (mut client, present) = Client::connect(port, "p", SESSION);
        assert!(present);
        for id in 1..=COUNT {
            if !known.contains(&id) {
                client.publish(0x08 | qos << 1, "iot/a", id, &id.to_string());
                client.expect_ack(kind, id);
            }
            if qos == 2 {
                client.pubrel(id);
                client.expect_ack(0x70, id);
            }
        }
        client.disconnect();
        broker.terminate();
        ended(broker, 0);
        let counts = files.query("select count(distinct value), count(*) from sensors");
        let (different, all) = counts.trim().split_once('|').unwrap();
        assert_eq!(different, COUNT.to_string(), "QoS {qos}");
        // With QoS 1, a message whose acknowledgement was lost comes again.
        assert!(qos == 1 || all == different, "QoS {qos}: {counts}");
        assert_eq!(files.query("select count(*) from held"), "0\n");
    }
}

#[test]
fn a_publisher_with_a_full_window_goes_on_after_the_restart() {
    for qos in ["1", "2"] {
        let files = Files::new();
        let (mut broker, port) = files.start(&[]);
        let address = format!("127.0.0.1:{port}");
        let lines = lines(&files.folder, 3_000);
        let args = ["-q", qos, "-M", "500", "-t", "iot/a", "-i", "device", "-c"];
        let mut running = None;
        end_in_order(&files, broker, || {
            running = Some(publisher(port, &args, &lines));
        });
        // The later option wins.
        (broker, _) = files.start(&["--listen", &address]);
        let mut running = running.unwrap();
        let status = running.wait();
        assert!(status.success(), "{}", running.stderr());
        broker.terminate();
        ended(broker, 0);
        let query = "select count(distinct json_extract(value, '$.n')), count(*) from sensors";
        let counts = files.query(query);
        let (different, all) = counts.trim().split_once('|').unwrap();
        assert_eq!(different, "3000", "QoS {qos}");
        assert!(qos == "1" || all == different, "QoS {qos}: {counts}");
        assert_eq!(files.query("select count(*) from held"), "0\n");
    }
}
