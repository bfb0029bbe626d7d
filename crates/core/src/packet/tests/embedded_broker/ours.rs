//! Our packets as text.

use std::collections::BTreeMap;

use super::*;

/// The text of a received packet.
pub(super) fn ours(packet: &Incoming) -> String {
    let ack = |name, ack: &Ack| {
        let properties = our_properties(ack.properties.as_deref(), any);
        format!("{name} {} {} {properties}", ack.id, ack.reason.0)
    };
    let answer = |name, answer: &SubscribeAck| {
        let codes: Vec<u8> = answer.reasons.iter().map(|reason| reason.0).collect();
        let properties = our_properties(answer.properties.as_deref(), any);
        format!("{name} {} {codes:?} {properties}", answer.id)
    };
    match packet {
        Incoming::ConnAck(ack) => format!(
            "CONNACK {} {} {}",
            ack.session_present,
            ack.code.0,
            our_properties(ack.properties.as_deref(), any)
        ),
        Incoming::Publish(publish) => format!(
            "PUBLISH {:?} {:?} {} {} {} {:?} {}",
            publish.topic.as_ref().map_or("", |topic| topic.as_str()),
            publish.packet_id.map(PacketId::get),
            publish.qos as u8,
            publish.retain,
            publish.dup,
            &publish.payload[..],
            our_properties(publish.properties.as_deref(), any)
        ),
        Incoming::PubAck(of) => ack("PUBACK", of),
        Incoming::PubRec(of) => ack("PUBREC", of),
        Incoming::PubRel(of) => ack("PUBREL", of),
        Incoming::PubComp(of) => ack("PUBCOMP", of),
        Incoming::SubAck(of) => answer("SUBACK", of),
        Incoming::UnsubAck(of) => answer("UNSUBACK", of),
        Incoming::PingResp => "PINGRESP".into(),
        Incoming::Disconnect(Disconnect { reason, properties }) => {
            format!(
                "DISCONNECT {} {}",
                reason.0,
                our_properties(properties.as_deref(), any)
            )
        }
        Incoming::Auth(Auth { reason, properties }) => {
            format!(
                "AUTH {} {}",
                reason.0,
                our_properties(properties.as_deref(), any)
            )
        }
        Incoming::Oversized(_) | Incoming::LongPublish(_) => panic!("there is no limit"),
    }
}

/// The text of a packet to send. Before MQTT 5 packets have neither reasons nor properties.
pub(super) fn meant(protocol: Protocol, packet: &Outgoing) -> String {
    let is_v5 = protocol == Protocol::V5;
    let properties_text = |properties: Option<&Properties>, may_have| {
        our_properties(properties.filter(|_| is_v5), may_have)
    };
    let ack = |name, ack: &Ack| {
        let reason = if is_v5 { ack.reason.0 } else { 0 };
        let allowed: fn(u8) -> bool = |id| matches!(id, 0x1f | 0x26);
        format!(
            "{name} {} {reason} {}",
            ack.id,
            properties_text(ack.properties.as_deref(), allowed)
        )
    };
    let of_publish: fn(u8) -> bool = |id| matches!(id, 1..=3 | 8 | 9 | 0x23 | 0x26);
    let publish = |message: &Message, topic: &str, properties: Option<&Properties>| {
        let id = message.packet_id.filter(|_| message.qos != QoS::AtMostOnce);
        format!(
            "PUBLISH {topic:?} {:?} {} {} {} {:?} {}",
            id.map(PacketId::get),
            message.qos as u8,
            message.retain,
            message.dup,
            &message.payload[..],
            properties_text(properties, of_publish)
        )
    };
    match packet {
        Outgoing::Connect(of) => connect_text(is_v5, of),
        Outgoing::Publish(message) => publish(
            message,
            message.topic.as_str(),
            message.properties.as_deref(),
        ),
        Outgoing::PublishAliased {
            message,
            alias,
            known,
        } => {
            let mut properties = message.properties.as_deref().cloned().unwrap_or_default();
            properties.topic_alias = Some(*alias);
            let topic = if *known { "" } else { message.topic.as_str() };
            publish(message, topic, Some(&properties))
        }
        Outgoing::PubAck(of) => ack("PUBACK", of),
        Outgoing::PubRec(of) => ack("PUBREC", of),
        Outgoing::PubRel(of) => ack("PUBREL", of),
        Outgoing::PubComp(of) => ack("PUBCOMP", of),
        Outgoing::Subscribe(id, list, properties) => {
            let list: Vec<_> = list
                .iter()
                .map(|one| {
                    let flags = (one.no_local && is_v5, one.retain_as_published && is_v5);
                    let handling = if is_v5 { one.retain_handling } else { 0 };
                    (one.filter.as_str(), one.qos as u8, flags, handling)
                })
                .collect();
            let properties = properties_text(properties.as_deref(), |id| matches!(id, 0x0b | 0x26));
            format!("SUBSCRIBE {id} {list:?} {properties}")
        }
        Outgoing::Unsubscribe(id, filters, properties) => {
            let filters: Vec<_> = filters.iter().map(TopicFilter::as_str).collect();
            let properties = properties_text(properties.as_deref(), |id| id == 0x26);
            format!("UNSUBSCRIBE {id} {filters:?} {properties}")
        }
        Outgoing::PingReq => "PINGREQ".into(),
        Outgoing::Disconnect(of) => {
            let reason = if is_v5 { of.reason.0 } else { 0 };
            let allowed: fn(u8) -> bool = |id| matches!(id, 0x11 | 0x1c | 0x1f | 0x26);
            format!(
                "DISCONNECT {reason} {}",
                properties_text(of.properties.as_deref(), allowed)
            )
        }
        Outgoing::Auth(of) => {
            let allowed: fn(u8) -> bool = |id| matches!(id, 0x15 | 0x16 | 0x1f | 0x26);
            format!(
                "AUTH {} {}",
                of.reason.0,
                properties_text(of.properties.as_deref(), allowed)
            )
        }
    }
}

fn connect_text(is_v5: bool, of: &Connect) -> String {
    let properties = |properties: Option<&Properties>, may_have| {
        our_properties(properties.filter(|_| is_v5), may_have)
    };
    let will = of.will.as_ref();
    format!(
        "CONNECT {} {} {} {:?} {:?} {:?} {:?} {} {}",
        if is_v5 { 5 } else { 4 },
        of.clean_start,
        of.keep_alive,
        of.client_id,
        of.username,
        of.password.as_ref().map(String::as_bytes),
        will.map(|will| (
            will.topic.as_str(),
            &will.payload[..],
            will.qos as u8,
            will.retain
        )),
        properties(Some(&of.properties), |id| matches!(
            id,
            0x11 | 0x15..=0x17 | 0x19 | 0x21 | 0x22 | 0x26 | 0x27
        )),
        properties(
            will.and_then(|will| will.properties.as_ref()),
            |id| matches!(id, 1..=3 | 8 | 9 | 0x18 | 0x26)
        )
    )
}

fn our_properties(properties: Option<&Properties>, may_have: fn(u8) -> bool) -> String {
    let mut all = BTreeMap::<u8, Vec<String>>::new();
    let Some(p) = properties else {
        return format!("{all:?}");
    };
    let text = |text: &Option<String>| text.as_ref().map(|text| format!("{text:?}"));
    let data = |data: &Option<Bytes>| data.as_ref().map(|data| format!("{:?}", &data[..]));
    for (id, one) in [
        (0x01, p.payload_format_indicator.map(|n| n.to_string())),
        (0x02, p.message_expiry_interval.map(|n| n.to_string())),
        (0x03, text(&p.content_type)),
        (0x08, text(&p.response_topic)),
        (0x09, data(&p.correlation_data)),
        (0x11, p.session_expiry_interval.map(|n| n.to_string())),
        (0x12, text(&p.assigned_client_identifier)),
        (0x13, p.server_keep_alive.map(|n| n.to_string())),
        (0x15, text(&p.authentication_method)),
        (0x16, data(&p.authentication_data)),
        (0x17, p.request_problem_information.map(|n| n.to_string())),
        (0x18, p.will_delay_interval.map(|n| n.to_string())),
        (0x19, p.request_response_information.map(|n| n.to_string())),
        (0x1a, text(&p.response_information)),
        (0x1c, text(&p.server_reference)),
        (0x1f, text(&p.reason_string)),
        (0x21, p.receive_maximum.map(|n| n.to_string())),
        (0x22, p.topic_alias_maximum.map(|n| n.to_string())),
        (0x23, p.topic_alias.map(|n| n.to_string())),
        (0x24, p.maximum_qos.map(|n| n.to_string())),
        (0x25, p.retain_available.map(|n| n.to_string())),
        (0x27, p.maximum_packet_size.map(|n| n.to_string())),
        (
            0x28,
            p.wildcard_subscription_available.map(|n| n.to_string()),
        ),
        (
            0x29,
            p.subscription_identifier_available.map(|n| n.to_string()),
        ),
        (0x2a, p.shared_subscription_available.map(|n| n.to_string())),
    ] {
        all.extend(one.filter(|_| may_have(id)).map(|one| (id, vec![one])));
    }
    let identifiers = p.subscription_identifiers.iter();
    let users = p.user_properties.iter();
    for (id, many) in [
        (0x0b, identifiers.map(u32::to_string).collect::<Vec<_>>()),
        (
            0x26,
            users
                .map(|(name, value)| format!("{name:?}={value:?}"))
                .collect(),
        ),
    ] {
        if !many.is_empty() && may_have(id) {
            all.insert(id, many);
        }
    }
    format!("{all:?}")
}

/// A received packet may have any property.
fn any(_: u8) -> bool {
    true
}
