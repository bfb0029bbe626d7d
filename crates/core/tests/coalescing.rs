//! When acknowledgements are coalesced, and when they are not.

#![cfg(target_os = "linux")]

use iot_core::transport::Transport;
use iot_core::{ClientConfig, Connection, Event, Handle, Message, QoS, TopicName};
use testkit::{Broker, Conversation, DEADLINE, ScriptedPeer};
use tokio::time::timeout;

/// Messages that may be in flight.
const WINDOW: u16 = 4;

/// A connection that a scripted broker has accepted, and the broker's end of it.
async fn scripted() -> (Connection, Handle, Conversation) {
    let peer = ScriptedPeer::listen();
    let config = ClientConfig {
        host: "127.0.0.1".into(),
        port: peer.port(),
        max_inflight: WINDOW,
        ..ClientConfig::default()
    };
    let mut connection = Connection::new(config).unwrap();
    connection.connect().await.unwrap();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    assert!(matches!(next(&mut connection).await, Event::Connected(_)));
    let handle = connection.handle();
    (connection, handle, broker)
}

async fn next(connection: &mut Connection) -> Event {
    let event = timeout(DEADLINE, connection.next()).await;
    event.expect("an event in time").expect("an event")
}

fn publish(handle: &Handle, count: u16) {
    publish_with(QoS::AtLeastOnce, handle, count);
}

fn publish_with(qos: QoS, handle: &Handle, count: u16) {
    for _ in 0..count {
        let message = Message::new(TopicName::new("t").unwrap(), "x").with_qos(qos);
        handle.publish(message).unwrap();
    }
}

/// The broker takes the messages with these packet identifiers, and acknowledges each by itself.
fn take(broker: &mut Conversation, ids: std::ops::RangeInclusive<u8>) {
    for id in ids.clone() {
        broker.expect(&[0x32, 6, 0, 1, b't', 0, id, b'x']);
    }
    for id in ids {
        broker.send(&[0x40, 2, 0, id]);
    }
}

/// Takes the events that are there already: how many messages are acknowledged.
fn acknowledged(connection: &mut Connection) -> usize {
    let events = std::iter::from_fn(|| connection.try_next());
    events
        .map(|event| assert!(matches!(event, Event::Published { result: Ok(_), .. })))
        .count()
}

#[tokio::test]
async fn all_that_arrive_in_the_pause_are_answered_together() {
    let (mut connection, handle, mut broker) = scripted().await;
    publish(&handle, 10);
    let share = connection.coalesce_acks(|| take(&mut broker, 1..=4)).await;
    assert_eq!(share, Some(1.0));
    assert_eq!(acknowledged(&mut connection), 4);
    // Nothing has been sent meanwhile, and now all is sent at once.
    let share = connection.coalesce_acks(|| take(&mut broker, 5..=8)).await;
    assert_eq!(share, Some(1.0));
    assert_eq!(acknowledged(&mut connection), 4);
    // Two are left: none waits for room, so they leave and none is waited for.
    let share = connection.coalesce_acks(|| panic!("a pause")).await;
    assert_eq!(share, None);
    take(&mut broker, 9..=10);
    for _ in 0..2 {
        let event = next(&mut connection).await;
        assert!(matches!(event, Event::Published { .. }), "{event:?}");
    }
}

#[tokio::test]
async fn what_does_not_come_in_the_pause_is_read_when_it_comes() {
    let (mut connection, handle, mut broker) = scripted().await;
    publish(&handle, 10);
    assert_eq!(connection.coalesce_acks(|| {}).await, Some(0.0));
    assert_eq!(acknowledged(&mut connection), 0);
    take(&mut broker, 1..=1);
    let event = next(&mut connection).await;
    assert!(matches!(event, Event::Published { .. }), "{event:?}");
    let share = connection.coalesce_acks(|| take(&mut broker, 2..=2)).await;
    assert_eq!(share, Some(0.25));
}

#[tokio::test]
async fn both_answers_of_qos_2_coalesce_and_nothing_is_left_at_the_end() {
    let (mut connection, handle, mut broker) = scripted().await;
    publish_with(QoS::ExactlyOnce, &handle, 6);
    let receive = |broker: &mut Conversation, ids: std::ops::RangeInclusive<u8>| {
        for id in ids.clone() {
            broker.expect(&[0x34, 6, 0, 1, b't', 0, id, b'x']);
        }
        for id in ids {
            broker.send(&[0x50, 2, 0, id]);
        }
    };
    // All have been answered, and none is done.
    let share = connection
        .coalesce_acks(|| receive(&mut broker, 1..=4))
        .await;
    assert_eq!(share, Some(1.0));
    assert_eq!(acknowledged(&mut connection), 0);
    let release = |broker: &mut Conversation, ids: std::ops::RangeInclusive<u8>| {
        for id in ids.clone() {
            broker.expect(&[0x62, 2, 0, id]);
        }
        for id in ids {
            broker.send(&[0x70, 2, 0, id]);
        }
    };
    let share = connection
        .coalesce_acks(|| release(&mut broker, 1..=4))
        .await;
    assert_eq!(share, Some(1.0));
    assert_eq!(acknowledged(&mut connection), 4);
    // The last two have all the room that they need.
    assert_eq!(connection.coalesce_acks(|| panic!("a pause")).await, None);
    let rest = std::thread::spawn(move || {
        receive(&mut broker, 5..=6);
        release(&mut broker, 5..=6);
        broker
    });
    for _ in 0..2 {
        let event = next(&mut connection).await;
        assert!(matches!(event, Event::Published { .. }), "{event:?}");
    }
    rest.join().unwrap();
    assert_eq!(handle.unacknowledged(), 0);
}

#[tokio::test]
async fn nothing_is_read_where_nothing_is_to_be_read() {
    let (mut connection, handle, mut broker) = scripted().await;
    publish(&handle, 10);
    connection.set_reading(false);
    assert_eq!(connection.coalesce_acks(|| panic!("a pause")).await, None);
    take(&mut broker, 1..=4);
    assert_eq!(connection.coalesce_acks(|| panic!("a pause")).await, None);
    assert_eq!(acknowledged(&mut connection), 0);
    connection.set_reading(true);
    let event = next(&mut connection).await;
    assert!(matches!(event, Event::Published { .. }), "{event:?}");
}

#[tokio::test]
async fn an_event_that_is_not_taken_yet_is_not_kept_waiting() {
    let (mut connection, handle, mut broker) = scripted().await;
    publish(&handle, 10);
    let share = connection.coalesce_acks(|| take(&mut broker, 1..=2)).await;
    assert_eq!(share, Some(0.5));
    assert_eq!(connection.coalesce_acks(|| panic!("a pause")).await, None);
    assert_eq!(acknowledged(&mut connection), 2);
}

#[tokio::test]
async fn the_end_of_the_connection_is_reported_as_ever() {
    let (mut connection, handle, broker) = scripted().await;
    publish(&handle, 10);
    let share = connection.coalesce_acks(|| broker.close()).await;
    assert_eq!(share, Some(0.0));
    let event = next(&mut connection).await;
    assert!(matches!(event, Event::Disconnected(Err(_))), "{event:?}");
    // And without a connection there is nothing to wait for.
    assert_eq!(connection.coalesce_acks(|| panic!("a pause")).await, None);
}

#[tokio::test]
async fn what_lies_between_packets_and_tcp_is_left_alone() {
    let broker = Broker::builder().unix_socket().start();
    let config = ClientConfig {
        transport: Transport::Unix(broker.socket()),
        max_inflight: WINDOW,
        ..ClientConfig::default()
    };
    let mut connection = Connection::new(config).unwrap();
    let handle = connection.handle();
    assert!(matches!(next(&mut connection).await, Event::Connected(_)));
    publish(&handle, 10);
    assert_eq!(connection.coalesce_acks(|| panic!("a pause")).await, None);
    for _ in 0..10 {
        let event = timeout(DEADLINE, connection.next()).await;
        assert!(
            matches!(event, Ok(Some(Event::Published { .. }))),
            "{event:?}"
        );
    }
}
