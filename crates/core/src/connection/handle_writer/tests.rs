use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::super::encoded::WRITE_CHUNK;
use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::message::{Message, QoS};
use crate::session::Event;
use crate::topic::TopicName;

/// A connection that has nothing to do and waits, and the broker's end of it.
async fn waiting() -> (Connection, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let config = ClientConfig {
        host: "127.0.0.1".into(),
        port: listener.local_addr().unwrap().port(),
        ..ClientConfig::default()
    };
    let mut connection = Connection::new(config).unwrap();
    connection.let_handles_write();
    connection.connect().await.unwrap();
    let (mut broker, _) = listener.accept().unwrap();
    broker
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let mut head = [0; 2];
    broker.read_exact(&mut head).unwrap();
    broker
        .read_exact(&mut vec![0; usize::from(head[1])])
        .unwrap();
    broker.write_all(b"\x20\x02\x00\x00").unwrap();
    let event = connection.next().await;
    assert!(matches!(event, Some(Event::Connected(_))), "{event:?}");
    wait(&mut connection).await;
    (connection, broker)
}

/// Has the driver find nothing to do.
async fn wait(connection: &mut Connection) {
    tokio::select! {
        biased;
        event = connection.next() => panic!("{event:?}"),
        () = std::future::ready(()) => {}
    }
}

fn message(payload: Vec<u8>) -> Message {
    Message::new(TopicName::new("t").unwrap(), payload).with_qos(QoS::AtLeastOnce)
}

#[tokio::test]
async fn a_message_leaves_without_the_driver() {
    let (mut connection, mut broker) = waiting().await;
    let handle = connection.handle();
    handle.publish(message(b"x".into())).unwrap();
    let mut bytes = [0; 8];
    broker.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"\x32\x06\x00\x01t\x00\x01x");
    broker.write_all(b"\x40\x02\x00\x01").unwrap();
    let event = connection.next().await;
    assert!(matches!(event, Some(Event::Published { .. })), "{event:?}");
    // With QoS 0 it is reported that it has been written.
    wait(&mut connection).await;
    let second = Duration::from_secs(1);
    connection
        .driver
        .shared
        .lock()
        .handle_writer
        .as_mut()
        .unwrap()
        .last_write = None;
    let quick = message(b"y".into()).with_qos(QoS::AtMostOnce);
    handle.publish_tracked(quick).unwrap();
    broker.read_exact(&mut bytes[..6]).unwrap();
    assert_eq!(&bytes[..6], b"\x30\x04\x00\x01ty");
    let event = tokio::time::timeout(second, connection.next()).await;
    assert!(
        matches!(event, Ok(Some(Event::Published { .. }))),
        "{event:?}"
    );
}

#[tokio::test]
async fn a_message_after_the_answer_to_the_one_before_is_sent_at_once() {
    let (mut connection, mut broker) = waiting().await;
    let handle = connection.handle();
    for mid in 1..=2 {
        // However soon that is.
        connection
            .driver
            .shared
            .lock()
            .handle_writer
            .as_mut()
            .unwrap()
            .last_write = Some(Instant::now() + Duration::from_mins(1));
        handle.publish(message(b"x".into())).unwrap();
        let mut bytes = [0; 8];
        broker.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, [b'\x32', 6, 0, 1, b't', 0, mid, b'x']);
        broker.write_all(&[0x40, 2, 0, mid]).unwrap();
        let event = connection.next().await;
        assert!(matches!(event, Some(Event::Published { .. })), "{event:?}");
        wait(&mut connection).await;
    }
    // What follows before the answer is left to the driver, which coalesces.
    handle.publish(message(b"x".into())).unwrap();
    let quick = message(b"x".into()).with_qos(QoS::AtMostOnce);
    handle.publish(quick).unwrap();
    let state = connection.driver.shared.lock();
    assert_eq!(
        state.handle_writer.as_ref().unwrap().unwritten.bytes[..],
        *b"\x30\x04\x00\x01tx"
    );
}

#[tokio::test]
async fn what_the_socket_does_not_take_keeps_its_place() {
    const LARGE: usize = 16 * 1024 * 1024;
    let (mut connection, mut broker) = waiting().await;
    let handle = connection.handle();
    handle.publish(message(vec![b'a'; LARGE])).unwrap();
    handle.publish(message(b"b".into())).unwrap();
    {
        let state = connection.driver.shared.lock();
        let writer = state.handle_writer.as_ref().unwrap();
        assert!(!writer.unwritten.bytes.is_empty() && writer.unwritten.bytes.len() < LARGE);
    }
    let read = std::thread::spawn(move || {
        let mut bytes = vec![0; LARGE + 5 + 5 + 8];
        broker.read_exact(&mut bytes).unwrap();
        broker
            .write_all(b"\x40\x02\x00\x01\x40\x02\x00\x02")
            .unwrap();
        bytes
    });
    for _ in 0..2 {
        let event = connection.next().await;
        assert!(matches!(event, Some(Event::Published { .. })), "{event:?}");
    }
    let bytes = read.join().unwrap();
    assert_eq!(bytes[..10], *b"\x32\x85\x80\x80\x08\x00\x01t\x00\x01");
    assert!(bytes[10..10 + LARGE].iter().all(|byte| *byte == b'a'));
    assert_eq!(bytes[10 + LARGE..], *b"\x32\x06\x00\x01t\x00\x02b");
}

#[tokio::test]
async fn what_is_encoded_while_the_driver_is_busy_is_bounded_and_keeps_its_place() {
    const COUNT: usize = 3_000;
    let (mut connection, mut broker) = waiting().await;
    let handle = connection.handle();
    connection.driver.shared.lock().waker = None;
    let mut expected = Vec::new();
    for number in 0..COUNT {
        let payload = format!("{number:0100}");
        expected.extend_from_slice(b"\x30\x67\x00\x01t");
        expected.extend_from_slice(payload.as_bytes());
        let quick = message(payload.into()).with_qos(QoS::AtMostOnce);
        handle.publish(quick).unwrap();
    }
    {
        let state = connection.driver.shared.lock();
        let ahead = state.handle_writer.as_ref().unwrap().unwritten.bytes.len();
        assert!((WRITE_CHUNK..WRITE_CHUNK + 105).contains(&ahead), "{ahead}");
        assert!(state.session.backlog() > COUNT / 2);
    }
    let bytes = tokio::task::spawn_blocking(move || {
        let mut bytes = vec![0; COUNT * 105];
        broker.read_exact(&mut bytes).unwrap();
        // Its end would be an event.
        (bytes, broker)
    });
    tokio::select! {
        event = connection.next() => panic!("{event:?}"),
        bytes = bytes => assert!(bytes.unwrap().0 == expected),
    }
}
