//! Several brokers: which is tried next, what the session keeps, and server references.

mod redirects;
mod tls;

use std::time::Duration;

use iot_core::{
    BrokerAddress, BrokerOrder, Client, ClientConfig, Connection, Error, Event, Message, QoS,
    TopicName,
};
use testkit::{Broker, Conversation, DEADLINE, ScriptedPeer, eventually};
use tokio::time::timeout;

const HOST: &str = "127.0.0.1";

/// A configuration for the brokers at these ports, tried as they are given. A broker that was tried
/// is not tried again soon, so a test that waits for that fails.
fn config(ports: &[u16]) -> ClientConfig {
    ClientConfig {
        host: HOST.into(),
        port: ports[0],
        brokers: ports[1..]
            .iter()
            .map(|port| BrokerAddress::new(HOST, *port))
            .collect(),
        broker_order: BrokerOrder::Given,
        client_id: "a".into(),
        reconnect_delay: (Duration::from_hours(1), Duration::from_hours(1)),
        ..ClientConfig::default()
    }
}

async fn next(connection: &mut Connection) -> Event {
    timeout(DEADLINE, connection.next())
        .await
        .expect("an event in time")
        .expect("an event before the end")
}

/// Answers CONNECT.
fn connack(peer: &ScriptedPeer, connack: &[u8]) -> Conversation {
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(connack);
    broker
}

/// Runs the blocking end of a broker beside a connection.
async fn beside<T: Send + 'static>(
    connection: &mut Connection,
    broker: impl FnOnce() -> T + Send + 'static,
) -> (T, Vec<Event>) {
    let mut broker = tokio::task::spawn_blocking(broker);
    let mut events = Vec::new();
    loop {
        tokio::select! {
            result = &mut broker => return (result.unwrap(), events),
            event = next(connection) => events.push(event),
        }
    }
}

#[tokio::test]
async fn a_broker_that_cannot_be_reached_is_followed_by_the_next_at_once() {
    let (away, broker) = (Broker::reserve(), Broker::start());
    let mut connection = Connection::new(config(&[away.port(), broker.port()])).unwrap();
    let handle = connection.handle();
    let event = next(&mut connection).await;
    let Event::ConnectFailed(Error::Connect { address, .. }) = &event else {
        panic!("{event:?}");
    };
    assert_eq!(*address, format!("{HOST}:{}", away.port()));
    assert_eq!(handle.broker(), *address);
    assert!(handle.tries_another_broker());
    let event = next(&mut connection).await;
    assert!(matches!(event, Event::Connected(_)), "{event:?}");
    assert_eq!(handle.broker(), format!("{HOST}:{}", broker.port()));
    // `connect` tries all of them, too.
    connection.connect().await.unwrap();
}

#[tokio::test]
async fn a_broker_that_is_unavailable_is_followed_by_the_next() {
    for refusal in [&b"\x20\x02\x00\x03"[..], b"\x20\x02\x00\x05"] {
        let peers = [ScriptedPeer::listen(), ScriptedPeer::listen()];
        let ports = [peers[0].port(), peers[1].port()];
        let mut connection = Connection::new(config(&ports)).unwrap();
        let handle = connection.handle();
        let (_, events) = beside(&mut connection, move || {
            let [first, second] = peers;
            connack(&first, refusal).expect_end();
            connack(&second, b"\x20\x02\x00\x00")
        })
        .await;
        assert!(
            matches!(
                events[..],
                [Event::Refused(_), Event::Disconnected(Err(_)), ..]
            ),
            "{events:?}"
        );
        assert!(handle.tries_another_broker());
    }
}

#[tokio::test]
async fn the_client_waits_once_all_were_tried() {
    let away = [Broker::reserve(), Broker::reserve()];
    let ports = [away[0].port(), away[1].port()];
    let config = ClientConfig {
        reconnect_delay: (Duration::from_millis(50), Duration::from_millis(50)),
        ..config(&ports)
    };
    let mut connection = Connection::new(config).unwrap();
    let handle = connection.handle();
    let mut tried = Vec::new();
    for another in [true, false, true, false] {
        let event = next(&mut connection).await;
        assert!(matches!(event, Event::ConnectFailed(_)), "{event:?}");
        tried.push(handle.broker());
        if tried.len() <= 2 {
            assert_eq!(handle.tries_another_broker(), another);
        }
    }
    tried.sort();
    assert_eq!((&tried[0], &tried[2]), (&tried[1], &tried[3]));
}

/// The session continues where the next broker has it; otherwise a new one begins.
#[tokio::test]
async fn what_is_in_flight_continues_at_the_next_broker() {
    for session_present in [false, true] {
        let peers = [ScriptedPeer::listen(), ScriptedPeer::listen()];
        let ports = [peers[0].port(), peers[1].port()];
        let config = ClientConfig {
            clean_session: false,
            ..config(&ports)
        };
        let mut connection = Connection::new(config).unwrap();
        let handle = connection.handle();
        let message = Message::new(TopicName::new("t").unwrap(), "x").with_qos(QoS::AtLeastOnce);
        handle.publish(message).unwrap();
        let (packet, _) = beside(&mut connection, move || {
            let [first, second] = peers;
            let mut broker = connack(&first, b"\x20\x02\x00\x00");
            broker.expect(b"\x32\x06\x00\x01t\x00\x01x");
            broker.close();
            let mut broker = connack(&second, &[0x20, 2, session_present.into(), 0]);
            let packet = broker.read_packet();
            broker.send(b"\x40\x02\x00\x01");
            packet
        })
        .await;
        // DUP says that the receiver may have had it [MQTT-3.3.1-1].
        let first = if session_present { 0x3a } else { 0x32 };
        assert_eq!(packet[0], first, "session present: {session_present}");
        assert_eq!(packet[1..], *b"\x06\x00\x01t\x00\x01x");
    }
}

#[test]
fn a_client_goes_on_at_the_next_broker() {
    let (mut first, second) = (Broker::start(), Broker::start());
    let client = Client::new(config(&[first.port(), second.port()]), ()).unwrap();
    client.reconnect().unwrap();
    client.loop_start().unwrap();
    let publish = |payload: &str| {
        let info = client.publish("t", payload, 1, false).unwrap();
        info.wait_for_publish(Some(DEADLINE)).unwrap();
    };
    publish("1");
    assert_eq!(client.broker(), format!("{HOST}:{}", first.port()));
    first.kill();
    publish("2");
    assert_eq!(client.broker(), format!("{HOST}:{}", second.port()));
    assert!(second.log().contains("Received PUBLISH from a"));
    client.disconnect().unwrap();
    client.loop_stop().unwrap();
}

#[test]
fn many_clients_spread_over_the_brokers() {
    let brokers = [Broker::start(), Broker::start()];
    let clients: Vec<Client> = (0..20)
        .map(|_| {
            let config = ClientConfig {
                broker_order: BrokerOrder::Random,
                client_id: String::new(),
                ..config(&[brokers[0].port(), brokers[1].port()])
            };
            let client = Client::new(config, ()).unwrap();
            client.reconnect().unwrap();
            client
        })
        .collect();
    let at = |broker: &Broker| broker.log().matches("New client connected").count();
    eventually(DEADLINE, "all are connected", || {
        at(&brokers[0]) + at(&brokers[1]) == clients.len()
    });
    assert!(at(&brokers[0]) > 0 && at(&brokers[1]) > 0);
}
