//! Every transport against a real mosquitto, and against peers that break the rules.

mod others;
mod tls;
mod websocket;

use std::time::Duration;

use iot_core::{
    ClientConfig, Connection, Error, Event, Message, Protocol, QoS, ReasonCode, TopicFilter,
    TopicName,
};
use testkit::DEADLINE;
use tokio::time::timeout;

const EACH_QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
const VERSIONS: [Protocol; 3] = [Protocol::V31, Protocol::V311, Protocol::V5];

fn config(port: u16) -> ClientConfig {
    ClientConfig {
        host: "127.0.0.1".into(),
        port,
        reconnect_delay: (Duration::from_millis(10), Duration::from_millis(50)),
        ..ClientConfig::default()
    }
}

/// The next event, which must come in time.
async fn next(connection: &mut Connection) -> Event {
    timeout(DEADLINE, connection.next())
        .await
        .expect("an event in time")
        .expect("an event before the end")
}

/// Why there is no connection, or none that lasts.
#[track_caller]
fn fails(config: ClientConfig) -> Error {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = Connection::new(config).unwrap();
        match next(&mut connection).await {
            Event::ConnectFailed(error) | Event::Disconnected(Err(error)) => error,
            other => panic!("{other:?}"),
        }
    })
}

/// The line that tells why, which ends with `expected`; another try is of no use where `permanent`.
#[track_caller]
fn fails_with(config: ClientConfig, expected: &str, permanent: bool) {
    let error = fails(config);
    let line = error.to_string();
    assert!(line.ends_with(expected), "{line}");
    assert_eq!(error.is_permanent(), permanent, "{line}");
}

/// Sends payloads to itself, of each QoS, and ends cleanly.
#[track_caller]
fn carries(config: ClientConfig, payloads: &[&[u8]]) {
    carries_at(&EACH_QOS, config, payloads);
}

#[track_caller]
fn carries_at(levels: &[QoS], config: ClientConfig, payloads: &[&[u8]]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(carry(levels, config, payloads));
}

async fn carry(levels: &[QoS], config: ClientConfig, payloads: &[&[u8]]) {
    let (mut connection, handle) = subscribed(config).await;
    let mut sent = Vec::new();
    for payload in payloads {
        for &qos in levels {
            handle.publish(message(payload, qos)).unwrap();
            sent.push((qos, payload.to_vec()));
        }
    }
    let mut received = Vec::new();
    let mut acknowledged = 0;
    let to_acknowledge = sent
        .iter()
        .filter(|(qos, _)| *qos != QoS::AtMostOnce)
        .count();
    while received.len() < sent.len() || acknowledged < to_acknowledge {
        match next(&mut connection).await {
            Event::Received { message, .. } => {
                received.push((message.qos, message.payload.to_vec()));
            }
            Event::Published { result, .. } => {
                result.unwrap();
                acknowledged += 1;
            }
            Event::Released { .. } | Event::Writable | Event::Log { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    // Each QoS keeps its own order.
    for qos in EACH_QOS {
        let of = |list: &[(QoS, Vec<u8>)]| {
            let list = list.iter().filter(|(of, _)| *of == qos);
            list.map(|(_, payload)| payload.clone()).collect::<Vec<_>>()
        };
        assert!(of(&sent) == of(&received), "{qos:?}");
    }
    assert!(handle.disconnect(ReasonCode::SUCCESS).unwrap());
    loop {
        match timeout(DEADLINE, connection.next()).await.expect("in time") {
            Some(Event::Disconnected(result)) => result.unwrap(),
            Some(_) => {}
            None => return,
        }
    }
}

/// A connection that is subscribed to a topic of its own.
async fn subscribed(config: ClientConfig) -> (Connection, iot_core::Handle) {
    let mut connection = Connection::new(config).unwrap();
    let handle = connection.handle();
    let event = next(&mut connection).await;
    assert!(matches!(event, Event::Connected(_)), "{event:?}");
    handle
        .subscribe([(TopicFilter::new("t").unwrap(), QoS::ExactlyOnce)])
        .unwrap();
    let event = next(&mut connection).await;
    assert!(matches!(event, Event::Subscribed(_)), "{event:?}");
    (connection, handle)
}

fn message(payload: &[u8], qos: QoS) -> Message {
    Message::new(TopicName::new("t").unwrap(), payload).with_qos(qos)
}
