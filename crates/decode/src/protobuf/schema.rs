//! What a message may hold, by its descriptor.

use iot_sparkplug::{Field, Schema};
use prost_reflect::{Kind, MessageDescriptor};

/// A message type.
pub(super) struct Type(pub(super) MessageDescriptor);

impl Schema for Type {
    fn field(&self, number: u64) -> Field<Self> {
        let number = u32::try_from(number).ok();
        let Some(field) = number.and_then(|number| self.0.get_field(number)) else {
            return Field::Leaf;
        };
        match field.kind() {
            Kind::Message(message) => Field::Message(Self(message)),
            Kind::String | Kind::Bytes => Field::Leaf,
            Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => Field::Numbers(8),
            Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => Field::Numbers(4),
            _ => Field::Numbers(1),
        }
    }
}
