//! One property, read from its words.

use std::fmt;
use std::str::FromStr;

use iot_core::message::Properties;

use crate::property::known::{KNOWN, Value};
use crate::property::packet_kind::{PACKETS, PacketKind};

/// One property, checked.
#[derive(Clone)]
pub(crate) struct Property {
    pub(crate) packet: PacketKind,
    id: u8,
    set: fn(&mut Properties, Value),
    value: Value,
}

impl Property {
    pub(crate) fn set(&self, properties: &mut Properties) {
        (self.set)(properties, self.value.clone());
        properties.order.push(self.id);
    }
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.packet, self.value)
    }
}

impl FromStr for Property {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.splitn(3, ' ');
        let (packet, name) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let value = words.next();
        let Some((_, packet)) = PACKETS.iter().find(|(known, _)| *known == packet) else {
            return Err(format!(
                "unknown packet `{packet}` (known: {})",
                list(PACKETS.iter().map(|(name, _)| *name))
            ));
        };
        if name.starts_with("authentication-") {
            return Err("enhanced authentication is not supported".into());
        }
        let known = KNOWN.iter().find(|known| known.name == name);
        let Some(known) = known.filter(|known| known.packets.contains(packet)) else {
            let of = |packet| {
                let known = KNOWN.iter().filter(move |one| one.packets.contains(packet));
                list(known.map(|one| one.name))
            };
            return Err(match known {
                Some(known) => format!(
                    "{name} is not a property of {packet} (but of {})",
                    list(known.packets.iter().map(PacketKind::to_string))
                ),
                None => format!(
                    "unknown property `{name}` of {packet} (known: {})",
                    of(packet)
                ),
            });
        };
        let Some(value) = value else {
            return Err(format!("{name} needs a value"));
        };
        Ok(Self {
            packet: *packet,
            id: known.id,
            set: known.set,
            value: known.kind.parse(name, value)?,
        })
    }
}

fn list(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut list = String::new();
    for name in names {
        if !list.is_empty() {
            list += ", ";
        }
        list += name.as_ref();
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(text.parse::<Property>().unwrap_err(), expected);
    }

    #[test]
    fn what_is_wrong_is_named() {
        refused(
            "pubrel user-property a b",
            "unknown packet `pubrel` (known: connect, publish, subscribe, unsubscribe, disconnect, will)",
        );
        refused(
            "connect content-type x",
            "content-type is not a property of connect (but of publish, will)",
        );
        refused(
            "unsubscribe colour red",
            "unknown property `colour` of unsubscribe (known: user-property)",
        );
        refused("publish content-type", "content-type needs a value");
        refused(
            "publish user-property a",
            "user-property needs a name and a value",
        );
        refused(
            "publish topic-alias 0",
            "topic-alias is a whole number from 1 to 65535",
        );
        refused(
            "connect receive-maximum 65536",
            "receive-maximum is a whole number from 1 to 65535",
        );
        refused(
            "will will-delay-interval -1",
            "will-delay-interval is a whole number from 0 to 4294967295",
        );
        refused(
            "publish payload-format-indicator 2",
            "payload-format-indicator is 0 or 1",
        );
        refused(
            "publish response-topic a/+",
            "topic name `a/+` contains the wildcard `+` (only topic filters have wildcards)",
        );
        refused(
            "publish content-type a\0",
            "content-type holds a NUL character",
        );
        refused(
            "connect authentication-method x",
            "enhanced authentication is not supported",
        );
        refused(
            "",
            "unknown packet `` (known: connect, publish, subscribe, unsubscribe, disconnect, will)",
        );
    }
}
