//! The formats of simulated readings: all models of a device in one message, as real devices send
//! it.

mod binary;
mod json;
mod senml;
mod snapshot;
mod tasmota;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use clap::ValueEnum;

use super::made::Made;
use super::number::rounded;
pub(crate) use snapshot::{Snapshot, Value};

/// A format of payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// An object with the name of each model
    Json,
    /// The same in CBOR (RFC 8949)
    #[cfg(feature = "cbor")]
    Cbor,
    /// The same in `MessagePack`
    #[value(name = "msgpack")]
    MsgPack,
    /// `SenML` in JSON (RFC 8428)
    Senml,
    /// `SenML` in CBOR
    #[cfg(feature = "cbor")]
    SenmlCbor,
    /// Sparkplug B: edge nodes with devices, with BIRTH, DATA and DEATH
    Sparkplug,
    /// tele/DEVICE/SENSOR, as Tasmota sends it
    Tasmota,
    /// zigbee2mqtt/DEVICE, as `Zigbee2MQTT` sends it
    #[value(name = "zigbee2mqtt")]
    Zigbee2Mqtt,
}

impl Format {
    /// Returns the topic for devices without one.
    pub(crate) fn default_topic(self) -> Option<&'static str> {
        match self {
            Self::Sparkplug => Some("spBv1.0/iot/home2/sensor{device}"),
            Self::Tasmota => Some("tele/sensor{device}/SENSOR"),
            Self::Zigbee2Mqtt => Some("zigbee2mqtt/sensor{device}"),
            _ => None,
        }
    }

    /// Returns whether its messages have units.
    pub(crate) fn has_units(self) -> bool {
        match self {
            Self::Senml | Self::Sparkplug | Self::Tasmota => true,
            #[cfg(feature = "cbor")]
            Self::SenmlCbor => true,
            _ => false,
        }
    }

    /// Returns the format that an option or a scenario names.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let formats = Self::value_variants().iter();
        let names = formats.filter_map(|format| Some((format.to_possible_value()?, *format)));
        let names: Vec<_> = names
            .map(|(name, it)| (name.get_name().to_owned(), it))
            .collect();
        let found = names.iter().find(|(name, _)| name == text);
        found.map(|(_, format)| *format).ok_or_else(|| {
            let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
            format!("not a format; the formats are {}", names.join(", "))
        })
    }

    /// Returns the message with these values. The edge node makes that of Sparkplug.
    pub(super) fn message(self, snapshot: &Snapshot<'_>) -> Made {
        let text = |text: String| Made::new(text.into());
        let binary = |payload: Vec<u8>| Made {
            payload: Bytes::from(payload),
            shown: Some(json::object(snapshot)),
            sample: None,
        };
        match self {
            Self::Json => text(json::object(snapshot)),
            Self::Zigbee2Mqtt => text(json::zigbee2mqtt(snapshot)),
            Self::Tasmota => text(tasmota::sensor(snapshot)),
            Self::Senml => text(senml::json(snapshot)),
            #[cfg(feature = "cbor")]
            Self::Cbor => binary(binary::cbor(snapshot)),
            Self::MsgPack => binary(binary::msgpack(snapshot)),
            #[cfg(feature = "cbor")]
            Self::SenmlCbor => binary(senml::cbor(snapshot)),
            Self::Sparkplug => Made {
                payload: Bytes::new(),
                shown: Some(json::object(snapshot)),
                sample: Some(snapshot.sample(|number| rounded(number, snapshot.precision))),
            },
        }
    }
}
