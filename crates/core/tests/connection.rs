//! The async face: events, manual acknowledgement, pauses in reading, ends that get stuck.

use std::time::{Duration, Instant};

use iot_core::{
    ClientConfig, Connection, Error, Event, Handle, Message, Properties, Protocol, QoS, ReasonCode,
    ReleaseRequest, TopicFilter, TopicName,
};
use testkit::{Broker, Conversation, DEADLINE, FaultyNet, ScriptedPeer};
use tokio::time::{pause, timeout};

fn config(port: u16) -> ClientConfig {
    ClientConfig {
        host: "127.0.0.1".into(),
        port,
        client_id: "a".into(),
        reconnect_delay: (Duration::from_millis(10), Duration::from_millis(50)),
        ..ClientConfig::default()
    }
}

fn message(payload: impl Into<iot_core::Payload>, qos: QoS) -> Message {
    Message::new(TopicName::new("t").unwrap(), payload).with_qos(qos)
}

/// The next event, which must come in time.
async fn next(connection: &mut Connection) -> Event {
    timeout(DEADLINE, connection.next())
        .await
        .expect("an event in time")
        .expect("an event before the end")
}

/// A connection that is accepted.
async fn connected(config: ClientConfig) -> (Connection, Handle) {
    let mut connection = Connection::new(config).unwrap();
    let handle = connection.handle();
    let event = next(&mut connection).await;
    assert!(matches!(event, Event::Connected(_)), "{event:?}");
    (connection, handle)
}

/// A connection that is subscribed to topic `t`.
async fn subscribed(config: ClientConfig, qos: QoS) -> (Connection, Handle) {
    let (mut connection, handle) = connected(config).await;
    handle
        .subscribe([(TopicFilter::new("t").unwrap(), qos)])
        .unwrap();
    let event = next(&mut connection).await;
    assert!(matches!(event, Event::Subscribed(_)), "{event:?}");
    (connection, handle)
}

/// A connection to a scripted broker, and the broker's end of it.
async fn scripted(config: ClientConfig) -> (Connection, Handle, Conversation) {
    let peer = ScriptedPeer::listen();
    let config = ClientConfig {
        port: peer.port(),
        ..config
    };
    let mut connection = Connection::new(config).unwrap();
    connection.connect().await.unwrap();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    let event = next(&mut connection).await;
    assert!(matches!(event, Event::Connected(_)), "{event:?}");
    let handle = connection.handle();
    (connection, handle, broker)
}

/// The end must come, and be a clean one.
async fn ends(connection: &mut Connection) {
    loop {
        match timeout(DEADLINE, connection.next()).await.expect("in time") {
            Some(Event::Disconnected(result)) => result.unwrap(),
            Some(_) => {}
            None => return,
        }
    }
}

#[tokio::test]
async fn publishes_receives_and_ends() {
    let broker = Broker::start();
    for protocol in [Protocol::V311, Protocol::V5] {
        let config = ClientConfig {
            protocol,
            ..config(broker.port())
        };
        let (mut connection, handle) = subscribed(config, QoS::AtLeastOnce).await;
        let id = handle.publish(message("25.5", QoS::AtLeastOnce)).unwrap();
        let (mut published, mut received) = (false, false);
        while !(published && received) {
            match next(&mut connection).await {
                Event::Published { id: of, result, .. } => {
                    assert_eq!(Some(of), id);
                    result.unwrap();
                    published = true;
                }
                Event::Received { message, .. } => {
                    assert_eq!(&message.payload[..], b"25.5");
                    received = true;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(handle.disconnect(ReasonCode::SUCCESS).unwrap());
        ends(&mut connection).await;
        assert!(connection.next().await.is_none());
    }
    assert!(broker.log().contains("Received PUBACK from a"));
}

#[tokio::test]
async fn with_manual_ack_nothing_is_acknowledged_before_the_application_does() {
    let broker = Broker::start();
    let config = ClientConfig {
        manual_ack: true,
        clean_session: false,
        ..config(broker.port())
    };
    let (mut connection, handle) = subscribed(config, QoS::ExactlyOnce).await;
    handle.publish(message("1", QoS::ExactlyOnce)).unwrap();
    let token = loop {
        if let Event::Received { token, .. } = next(&mut connection).await {
            break token.unwrap();
        }
    };
    // More comes and goes meanwhile.
    handle
        .publish_tracked(message("2", QoS::AtMostOnce))
        .unwrap();
    loop {
        if let Event::Received { message, .. } = next(&mut connection).await {
            assert_eq!(message.qos, QoS::AtMostOnce);
            break;
        }
    }
    assert!(!broker.log().contains("Received PUBREC from a"));
    handle.ack([&token]);
    let release = loop {
        if let Event::Released { token: release, .. } = next(&mut connection).await {
            break release;
        }
    };
    assert!(broker.log().contains("Received PUBREC from a"));
    assert!(!broker.log().contains("Received PUBCOMP from a"));
    handle.release(&release);
    handle.disconnect(ReasonCode::SUCCESS).unwrap();
    ends(&mut connection).await;
    broker.wait_for_log("Received PUBCOMP from a", DEADLINE);
}

#[tokio::test]
async fn an_event_that_nobody_waits_for_any_more_is_not_lost() {
    let broker = Broker::start();
    let (mut connection, handle) = subscribed(config(broker.port()), QoS::AtLeastOnce).await;
    for number in 0..50 {
        handle.publish(message(number, QoS::AtLeastOnce)).unwrap();
    }
    let mut arrived = Vec::new();
    while arrived.len() < 50 {
        // Dropped again and again, in the middle of everything.
        if let Ok(Some(Event::Received { message, .. })) =
            timeout(Duration::from_micros(200), connection.next()).await
        {
            arrived.push(String::from_utf8(message.payload.to_vec()).unwrap());
        }
    }
    let expected: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    assert_eq!(arrived, expected);
}

#[tokio::test]
async fn while_it_does_not_read_it_goes_on_pinging_and_writing() {
    let broker = Broker::start();
    let config = ClientConfig {
        keep_alive: Duration::from_secs(1),
        ..config(broker.port())
    };
    let (mut connection, handle) = subscribed(config, QoS::AtLeastOnce).await;
    connection.set_reading(false);
    handle.publish(message("waits", QoS::AtLeastOnce)).unwrap();
    let pings = || broker.log().matches("Received PINGREQ from a").count();
    // Three keep alives: the broker ends a connection after one and a half.
    while pings() < 3 {
        let event = timeout(Duration::from_millis(100), connection.next()).await;
        assert!(event.is_err(), "{event:?}");
    }
    assert!(broker.log().contains("Received PUBLISH from a"));
    connection.set_reading(true);
    loop {
        match next(&mut connection).await {
            Event::Received { message, .. } => {
                assert_eq!(&message.payload[..], b"waits");
                break;
            }
            Event::Published { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(handle.is_connected());
}

/// It would never get to know, and dial for ever.
#[tokio::test]
async fn while_it_does_not_read_it_still_reconnects() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let (mut connection, handle) = connected(config(net.port())).await;
    connection.set_reading(false);
    net.cut();
    // Only a write can find out that the connection is lost.
    loop {
        let _ = handle.publish(message("x", QoS::AtMostOnce));
        match timeout(Duration::from_millis(20), connection.next()).await {
            Ok(Some(Event::Disconnected(Err(_)))) => break,
            Ok(Some(other)) => panic!("{other:?}"),
            Ok(None) => panic!("the end"),
            Err(_) => {}
        }
    }
    loop {
        match next(&mut connection).await {
            Event::Connected(_) => break,
            Event::ConnectFailed(_) | Event::Disconnected(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_end_that_the_broker_takes_nothing_of_is_given_up() {
    let (mut connection, handle, broker) = scripted(config(0)).await;
    // More than the sockets take of who doesn't read.
    handle
        .publish(message(vec![0; 50_000_000], QoS::AtMostOnce))
        .unwrap();
    let stuck = timeout(Duration::from_millis(100), connection.next()).await;
    assert!(stuck.is_err(), "{stuck:?}");
    handle.disconnect(ReasonCode::SUCCESS).unwrap();
    pause();
    ends(&mut connection).await;
    drop(broker);
}

#[tokio::test]
async fn an_end_that_the_broker_does_not_answer_is_given_up() {
    let (mut connection, handle, mut broker) = scripted(config(0)).await;
    handle.disconnect(ReasonCode::SUCCESS).unwrap();
    pause();
    let before = tokio::time::Instant::now();
    ends(&mut connection).await;
    // By the stopped clock, which only waits advance.
    assert!(before.elapsed() <= Duration::from_millis(101));
    broker.expect(b"\xe0\x00");
}

/// What the broker has in its buffer when it closes the connection.
async fn unconfirmed_if(read: fn(&mut Conversation)) -> u64 {
    let (mut connection, handle, mut broker) = scripted(config(0)).await;
    handle.publish(message("x", QoS::AtMostOnce)).unwrap();
    // Without it, the end of the stream would be waited for only shortly.
    handle.publish(message("y", QoS::AtLeastOnce)).unwrap();
    assert_eq!(handle.unconfirmed(), 1);
    handle.disconnect(ReasonCode::SUCCESS).unwrap();
    let closed = std::thread::spawn(move || {
        read(&mut broker);
        drop(broker);
    });
    ends(&mut connection).await;
    closed.join().unwrap();
    handle.unconfirmed()
}

#[tokio::test]
async fn a_broker_that_closes_the_stream_has_read_everything_unless_it_resets_it() {
    let all = |broker: &mut Conversation| while broker.read_packet()[0] != 0xe0 {};
    assert_eq!(unconfirmed_if(all).await, 0);
    let first = |broker: &mut Conversation| {
        broker.wait_for_bytes(5 + 7 + 2);
        broker.read(1);
    };
    assert_eq!(unconfirmed_if(first).await, 1);
}

#[tokio::test]
async fn disconnect_while_it_dials_or_waits_ends_it() {
    let broker = Broker::reserve();
    let mut connection = Connection::new(ClientConfig {
        reconnect_delay: (Duration::from_hours(1), Duration::from_hours(1)),
        ..config(broker.port())
    })
    .unwrap();
    let event = next(&mut connection).await;
    assert!(matches!(event, Event::ConnectFailed(Error::Connect { .. })));
    let handle = connection.handle();
    let waiting = tokio::spawn(async move { connection.next().await.is_none() });
    tokio::task::yield_now().await;
    assert!(!handle.disconnect(ReasonCode::SUCCESS).unwrap());
    assert!(timeout(DEADLINE, waiting).await.unwrap().unwrap());
}

#[tokio::test]
async fn delays_between_tries_grow() {
    let broker = Broker::reserve();
    let mut connection = Connection::new(ClientConfig {
        reconnect_delay: (Duration::from_millis(40), Duration::from_millis(300)),
        ..config(broker.port())
    })
    .unwrap();
    let start = Instant::now();
    for _ in 0..4 {
        let event = next(&mut connection).await;
        assert!(matches!(event, Event::ConnectFailed(_)), "{event:?}");
    }
    // 40, at least 40 and at least 80 ms: half of each step, and not less than the shortest.
    assert!(start.elapsed() >= Duration::from_millis(160));
}

#[tokio::test]
async fn what_it_is_given_for_qos_1_outlives_connections() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    net.refuse(true);
    let mut connection = Connection::new(config(net.port())).unwrap();
    let handle = connection.handle();
    for number in 0..100 {
        handle.publish(message(number, QoS::AtLeastOnce)).unwrap();
    }
    let mut left = 100;
    while left > 0 {
        match next(&mut connection).await {
            Event::Published { result, .. } => {
                result.unwrap();
                left -= 1;
                if left % 30 == 0 {
                    net.cut();
                }
            }
            Event::Disconnected(_) => net.refuse(false),
            _ => {}
        }
    }
    assert_eq!(handle.unacknowledged(), 0);
}

#[tokio::test]
async fn room_is_reported_after_a_refusal() {
    let broker = Broker::start();
    let (mut connection, handle) = connected(ClientConfig {
        max_queued: 10,
        ..config(broker.port())
    })
    .await;
    let mut accepted = 0;
    while accepted < 200 {
        match handle.publish(message("x", QoS::AtLeastOnce)) {
            Ok(_) => accepted += 1,
            Err(Error::QueueFull { messages: 10, .. }) => {
                while !matches!(next(&mut connection).await, Event::Writable) {}
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A broker that floods us and takes no answers.
#[tokio::test]
async fn a_broker_that_reads_no_answers_is_not_read_without_end() {
    let (mut connection, _handle, mut broker) = scripted(config(0)).await;
    let flood = std::thread::spawn(move || {
        // 60 MB of PUBRECs that nobody waits for, each to be answered.
        let chunk = b"\x50\x02\x00\x07".repeat(100_000);
        for _ in 0..150 {
            broker.send(&chunk);
        }
        broker
    });
    let quiet = timeout(Duration::from_secs(1), connection.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert!(!flood.is_finished());
    drop(connection);
    // The end of the connection lets it go, with an error.
    assert!(flood.join().is_err());
}

/// Of 20 bytes for the whole packet.
#[tokio::test]
async fn a_pubcomp_has_the_properties_that_fit() {
    let peer = ScriptedPeer::listen();
    let mut connection = Connection::new(ClientConfig {
        protocol: Protocol::V5,
        manual_ack: true,
        ..config(peer.port())
    })
    .unwrap();
    connection.connect().await.unwrap();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x08\x00\x00\x05\x27\x00\x00\x00\x14");
    let handle = connection.handle();
    for (text, pubcomp) in [
        ("short", &b"\x70\x0c\x00\x07\x00\x08\x1f\x00\x05short"[..]),
        ("too long for it", b"\x70\x02\x00\x07"),
    ] {
        let explanation = || Properties {
            reason_string: Some(text.into()),
            ..Properties::default()
        };
        broker.send(b"\x34\x07\x00\x01t\x00\x07\x00x");
        loop {
            match next(&mut connection).await {
                Event::Received { token, .. } => {
                    handle.ack(&token);
                    broker.send(b"\x62\x02\x00\x07");
                }
                Event::Released { token, .. } => {
                    handle.release(ReleaseRequest::new(&token, explanation()).unwrap());
                    break;
                }
                Event::Connected(_) => {}
                other => panic!("{other:?}"),
            }
        }
        // What is to be written is written while it is driven.
        let driven = async { while connection.next().await.is_some() {} };
        assert!(timeout(Duration::from_millis(20), driven).await.is_err());
        broker.expect(b"\x50\x02\x00\x07");
        broker.expect(pubcomp);
    }
}
