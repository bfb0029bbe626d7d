//! CONNECT, SUBSCRIBE and UNSUBSCRIBE, written by rumqttc's codecs. The only file that names it.

use bytes::BytesMut;
use rumqttc::mqttbytes as v3;
use rumqttc::v5::mqttbytes as v5;

use super::{Connect, Subscription};
use crate::config::{Protocol, Will};
use crate::message::{PacketId, Properties, QoS};
use crate::topic::TopicFilter;

/// Appends what `write` writes. It gets a buffer of its own, for rumqttc patches the flags of a
/// CONNECT at an offset from the buffer's start.
fn append<E: std::fmt::Debug>(
    out: &mut BytesMut,
    write: impl FnOnce(&mut BytesMut) -> Result<usize, E>,
) {
    let mut packet = BytesMut::new();
    write(&mut packet).expect("lengths are checked where configurations and topics are made");
    out.extend_from_slice(&packet);
}

pub(super) fn connect(protocol: Protocol, connect: &Connect, out: &mut BytesMut) {
    let username = connect.username.clone().unwrap_or_default();
    let password = connect.password.clone().unwrap_or_default();
    let login = !(username.is_empty() && password.is_empty());
    match protocol {
        Protocol::V311 => append(out, |out| {
            v3::v4::Connect {
                protocol: v3::Protocol::V4,
                keep_alive: connect.keep_alive,
                client_id: connect.client_id.clone(),
                clean_session: connect.clean_start,
                last_will: connect.will.as_ref().map(|will| v3::v4::LastWill {
                    topic: will.topic.to_string(),
                    message: will.payload.clone(),
                    qos: qos_v3(will.qos),
                    retain: will.retain,
                }),
                login: login.then_some(v3::v4::Login { username, password }),
            }
            .write(out)
        }),
        Protocol::V5 => append(out, |out| {
            let packet = v5::v5::Connect {
                keep_alive: connect.keep_alive,
                client_id: connect.client_id.clone(),
                clean_start: connect.clean_start,
                properties: Some(connect_properties(&connect.properties)),
            };
            let will = connect.will.as_ref().map(last_will);
            packet.write(
                &will,
                &login.then_some(v5::v5::Login { username, password }),
                out,
            )
        }),
    }
}

fn connect_properties(properties: &Properties) -> v5::v5::ConnectProperties {
    v5::v5::ConnectProperties {
        session_expiry_interval: properties.session_expiry_interval,
        receive_maximum: properties.receive_maximum,
        max_packet_size: properties.maximum_packet_size,
        topic_alias_max: properties.topic_alias_maximum,
        request_response_info: properties.request_response_information,
        request_problem_info: properties.request_problem_information,
        user_properties: properties.user_properties.clone(),
        authentication_method: None,
        authentication_data: None,
    }
}

fn last_will(will: &Will) -> v5::v5::LastWill {
    let properties = will.properties.as_ref();
    v5::v5::LastWill {
        topic: will.topic.to_string().into(),
        message: will.payload.clone(),
        qos: qos_v5(will.qos),
        retain: will.retain,
        properties: properties.map(|properties| v5::v5::LastWillProperties {
            delay_interval: properties.will_delay_interval,
            payload_format_indicator: properties.payload_format_indicator,
            message_expiry_interval: properties.message_expiry_interval,
            content_type: properties.content_type.clone(),
            response_topic: properties.response_topic.clone(),
            correlation_data: properties.correlation_data.clone(),
            user_properties: properties.user_properties.clone(),
        }),
    }
}

pub(super) fn subscribe(
    protocol: Protocol,
    id: PacketId,
    subscriptions: &[Subscription],
    out: &mut BytesMut,
) {
    match protocol {
        Protocol::V311 => append(out, |out| {
            v3::v4::Subscribe {
                pkid: id.get(),
                filters: subscriptions
                    .iter()
                    .map(|s| v3::v4::SubscribeFilter::new(s.filter.to_string(), qos_v3(s.qos)))
                    .collect(),
            }
            .write(out)
        }),
        Protocol::V5 => append(out, |out| {
            v5::v5::Subscribe {
                pkid: id.get(),
                filters: subscriptions.iter().map(filter).collect(),
                properties: None,
            }
            .write(out)
        }),
    }
}

fn filter(subscription: &Subscription) -> v5::v5::Filter {
    use v5::v5::RetainForwardRule::{Never, OnEverySubscribe, OnNewSubscribe};
    v5::v5::Filter {
        path: subscription.filter.to_string(),
        qos: qos_v5(subscription.qos),
        nolocal: subscription.no_local,
        preserve_retain: subscription.retain_as_published,
        retain_forward_rule: match subscription.retain_handling {
            0 => OnEverySubscribe,
            1 => OnNewSubscribe,
            _ => Never,
        },
    }
}

pub(super) fn unsubscribe(
    protocol: Protocol,
    id: PacketId,
    filters: &[TopicFilter],
    out: &mut BytesMut,
) {
    let filters = filters.iter().map(ToString::to_string).collect();
    match protocol {
        Protocol::V311 => append(out, |out| {
            v3::v4::Unsubscribe {
                pkid: id.get(),
                topics: filters,
            }
            .write(out)
        }),
        Protocol::V5 => append(out, |out| {
            v5::v5::Unsubscribe {
                pkid: id.get(),
                filters,
                properties: None,
            }
            .write(out)
        }),
    }
}

fn qos_v3(qos: QoS) -> v3::QoS {
    match qos {
        QoS::AtMostOnce => v3::QoS::AtMostOnce,
        QoS::AtLeastOnce => v3::QoS::AtLeastOnce,
        QoS::ExactlyOnce => v3::QoS::ExactlyOnce,
    }
}

fn qos_v5(qos: QoS) -> v5::QoS {
    match qos {
        QoS::AtMostOnce => v5::QoS::AtMostOnce,
        QoS::AtLeastOnce => v5::QoS::AtLeastOnce,
        QoS::ExactlyOnce => v5::QoS::ExactlyOnce,
    }
}
