//! MQTT 5 properties from the command line: `-D COMMAND NAME VALUE`, with the standard's names in
//! small letters and hyphens, as mosquitto has them.

mod join;
mod known;
mod packet_kind;
mod parse;

use clap::Args;
use iot_core::config::ClientConfig;
use iot_core::connection::Handle;
use iot_core::message::Properties;
use iot_core::reason::ReasonCode;
use iot_core::request::DisconnectRequest;

pub(crate) use join::{join, join_line};
pub use packet_kind::PacketKind;
use parse::Property;

/// The id of the option.
pub(crate) const PROPERTY: &str = "property";

/// The properties of all packets.
#[derive(Debug, Args)]
#[command(next_help_heading = "Properties")]
pub(crate) struct PropertyArgs {
    /// Send MQTT 5 property NAME with each packet COMMAND: connect, publish, subscribe,
    /// unsubscribe, disconnect or will (can be repeated; implies -V mqttv5)
    #[arg(short = 'D', long, env = "IOT_PROPERTY", hide_env_values = true)]
    #[arg(value_name = "COMMAND NAME VALUE", allow_hyphen_values = true)]
    #[arg(hide_short_help = true)]
    property: Vec<Property>,
}

/// The properties of each packet, as far as they are given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PacketProperties {
    /// Of each PUBLISH.
    pub publish: Option<Box<Properties>>,
    /// Of each SUBSCRIBE.
    pub subscribe: Properties,
    /// Of each UNSUBSCRIBE.
    pub unsubscribe: Properties,
    /// Of the DISCONNECT.
    pub disconnect: Option<Properties>,
}

impl PacketProperties {
    /// Ends the connection cleanly, with DISCONNECT's properties.
    pub fn disconnect(&self, handle: &Handle) {
        let plain = DisconnectRequest::from(ReasonCode::SUCCESS);
        let request = match &self.disconnect {
            Some(properties) => plain.clone().with_properties(properties.clone()),
            None => plain.clone(),
        };
        // Properties that the session refuses are left out.
        if handle.disconnect(request).is_err() {
            let _ = handle.disconnect(plain);
        }
    }
}

impl PropertyArgs {
    /// Returns whether there is any.
    pub(crate) fn is_empty(&self) -> bool {
        self.property.is_empty()
    }

    /// Returns the first packet that has properties and that the program never sends.
    pub(crate) fn beyond(&self, sent: &[PacketKind]) -> Option<PacketKind> {
        let packets = self.property.iter().map(|property| property.packet);
        packets.into_iter().find(|packet| !sent.contains(packet))
    }

    fn of(&self, packet: PacketKind) -> Option<Properties> {
        let mut properties = None;
        for property in self.property.iter().filter(|p| p.packet == packet) {
            let properties = properties.get_or_insert_with(Properties::default);
            property.set(properties);
        }
        properties
    }

    /// Returns the will's.
    pub(crate) fn will(&self) -> Option<Properties> {
        self.of(PacketKind::Will)
    }

    /// Returns those of the packets that are sent after CONNECT.
    pub(crate) fn packets(&self) -> PacketProperties {
        PacketProperties {
            publish: self.of(PacketKind::Publish).map(Box::new),
            subscribe: self.of(PacketKind::Subscribe).unwrap_or_default(),
            unsubscribe: self.of(PacketKind::Unsubscribe).unwrap_or_default(),
            disconnect: self.of(PacketKind::Disconnect),
        }
    }

    /// Puts CONNECT's into the configuration.
    pub(crate) fn apply(&self, config: &mut ClientConfig) {
        let Some(given) = self.of(PacketKind::Connect) else {
            return;
        };
        set(&mut config.receive_maximum, given.receive_maximum);
        set(&mut config.topic_alias_maximum, given.topic_alias_maximum);
        set(&mut config.maximum_packet_size, given.maximum_packet_size);
        let flag = |value: Option<u8>| value.map(|value| value > 0);
        set(
            &mut config.request_response_information,
            flag(given.request_response_information),
        );
        set(
            &mut config.request_problem_information,
            flag(given.request_problem_information),
        );
        if given.session_expiry_interval.is_some() {
            config.session_expiry_interval = given.session_expiry_interval;
        }
        config.user_properties = given.user_properties;
        config.property_order = given.order;
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(texts: &[&str]) -> PropertyArgs {
        let property = texts.iter().map(|text| text.parse().unwrap()).collect();
        PropertyArgs { property }
    }

    #[test]
    fn each_property_has_its_place() {
        let args = given(&[
            "connect receive-maximum 7",
            "connect maximum-packet-size 1000",
            "connect topic-alias-maximum 3",
            "connect session-expiry-interval 60",
            "connect request-response-information 1",
            "connect request-problem-information 0",
            "connect user-property a b",
        ]);
        let mut config = ClientConfig::default();
        args.apply(&mut config);
        let expected = ClientConfig {
            receive_maximum: 7,
            maximum_packet_size: 1000,
            topic_alias_maximum: 3,
            session_expiry_interval: Some(60),
            request_response_information: true,
            request_problem_information: false,
            user_properties: vec![("a".into(), "b".into())],
            property_order: vec![0x21, 0x27, 0x22, 0x11, 0x19, 0x17, 0x26],
            ..ClientConfig::default()
        };
        assert!(config == expected);
        let args = given(&[
            "publish content-type text/plain; charset=utf-8",
            "publish user-property b 1",
            "publish user-property a two words",
            "publish user-property a b\u{1f}c d",
            "publish user-property b ",
            "publish message-expiry-interval 1",
            "publish message-expiry-interval 2",
        ]);
        let publish = *args.packets().publish.unwrap();
        assert_eq!(
            publish.content_type.as_deref(),
            Some("text/plain; charset=utf-8")
        );
        let pairs = [("b", "1"), ("a", "two words"), ("a b", "c d"), ("b", "")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(publish.user_properties, pairs);
        assert_eq!(publish.message_expiry_interval, Some(2));
        let order = [0x03, 0x26, 0x26, 0x26, 0x26, 0x02, 0x02];
        assert_eq!(publish.order, order);
    }
}
