//! Configurations, messages and packets that the tests use.

use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::{Message, PacketId, Properties, QoS};
use crate::packet::{Auth, ConnAck, Incoming, Publish};
use crate::protocol::Protocol;
use crate::reason::{ConnectCode, ReasonCode};
use crate::topic::{TopicFilter, TopicName};

pub(super) fn v311() -> ClientConfig {
    ClientConfig {
        client_id: "bench".into(),
        clean_session: false,
        ..ClientConfig::default()
    }
}

pub(super) fn v31() -> ClientConfig {
    ClientConfig {
        protocol: Protocol::V31,
        ..v311()
    }
}

pub(super) fn v5() -> ClientConfig {
    ClientConfig {
        protocol: Protocol::V5,
        ..v311()
    }
}

pub(super) fn manual(config: ClientConfig) -> ClientConfig {
    ClientConfig {
        manual_ack: true,
        ..config
    }
}

pub(super) fn id(id: u16) -> PacketId {
    PacketId::new(id).expect("not 0")
}

/// A held message that [`publish`] makes, as an earlier process has stored it.
pub(super) fn held(number: u16, payload: &str) -> (PacketId, u64) {
    (id(number), message(2, payload).fingerprint())
}

pub(super) fn connack(session_present: bool) -> ConnAck {
    ConnAck {
        session_present,
        code: ConnectCode::ACCEPTED,
        properties: None,
    }
}

/// An AUTH with a reason and a method.
pub(super) fn auth(reason: u8, method: Option<&str>) -> Incoming {
    let properties = method.map(|method| {
        Box::new(Properties {
            authentication_method: Some(method.into()),
            ..Properties::default()
        })
    });
    Incoming::Auth(Auth {
        reason: ReasonCode(reason),
        properties,
    })
}

/// A PUBLISH from the broker to topic `t`; with QoS 0 `number` is ignored.
pub(super) fn publish(qos: u8, number: u16, payload: &str) -> Publish {
    Publish {
        topic: Some(TopicName::new("t").unwrap()),
        payload: payload.to_owned().into(),
        qos: QoS::try_from(qos).unwrap(),
        retain: false,
        dup: false,
        packet_id: PacketId::new(number).filter(|_| qos > 0),
        properties: None,
    }
}

pub(super) fn message(qos: u8, payload: &str) -> Message {
    Message::new(TopicName::new("t").unwrap(), payload).with_qos(QoS::try_from(qos).unwrap())
}

pub(super) fn named(qos: u8, topic: &str) -> Message {
    Message::new(TopicName::new(topic).unwrap(), "1").with_qos(QoS::try_from(qos).unwrap())
}

pub(super) fn filter(text: &str) -> TopicFilter {
    TopicFilter::new(text).unwrap()
}

pub(super) fn text(reason_string: &str) -> Properties {
    Properties {
        reason_string: Some(reason_string.into()),
        ..Properties::default()
    }
}

pub(super) fn user() -> Properties {
    Properties {
        user_properties: vec![("k".into(), "v".into())],
        ..Properties::default()
    }
}

#[track_caller]
pub(super) fn config_error<T: std::fmt::Debug>(result: Result<T, Error>, expected: &str) {
    match result {
        Err(error @ Error::Config(_)) => assert_eq!(error.to_string(), expected),
        other => panic!("{other:?}"),
    }
}
