//! Protobuf with a descriptor set: `protobuf:FILE:MESSAGE`.
//!
//! The message becomes JSON with the names of the `.proto` file, and each number and boolean in it
//! a reading, as with `leaves`.

mod error;
mod json;
mod schema;
#[cfg(test)]
mod tests;

use std::path::Path;

use iot_cli::read_small_file;
use iot_sparkplug::{ReadError, check_parts};
use iot_store::{JSON_DEPTH_LIMIT, JSON_NODE_LIMIT};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::Value as Json;

use crate::reason::Reason;
use error::ProtobufError;
use schema::Type;

/// The name of the format.
const NAME: &str = "protobuf";

/// A message type of a descriptor set.
#[derive(Clone, Debug)]
pub(crate) struct Protobuf {
    descriptor: MessageDescriptor,
}

impl Protobuf {
    /// Reads a descriptor set, as `protoc --include_imports --descriptor_set_out=FILE` writes it,
    /// and finds the message with this name, with its package or, if only one is called so,
    /// without.
    ///
    /// # Errors
    /// The file cannot be read or is no descriptor set, or has no such message.
    pub(crate) fn open(file: &Path, message: &str) -> Result<Self, ProtobufError> {
        let bytes = read_small_file(file).map_err(|error| ProtobufError::read(file, &error))?;
        let pool = DescriptorPool::decode(&bytes[..])
            .map_err(|error| ProtobufError::no_set(file, &error.to_string()))?;
        let descriptor =
            find(&pool, message).ok_or_else(|| ProtobufError::no_message(file, message, &pool))?;
        Ok(Self { descriptor })
    }

    /// Returns a type that is in no file.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(descriptor: MessageDescriptor) -> Self {
        Self { descriptor }
    }

    /// Returns the message in a payload as JSON. Fields with the default value are there, because
    /// a sensor measures 0 as well; fields that may be absent, and are, are not.
    ///
    /// # Errors
    /// The payload is not this message, or exceeds the limits of JSON.
    pub(crate) fn json(&self, payload: &[u8]) -> Result<Json, Reason> {
        let malformed = |why: &str| {
            let name = self.descriptor.full_name();
            Reason::malformed(NAME, format!("not a message `{name}`: {why}"))
        };
        let mut fields = JSON_NODE_LIMIT;
        check_parts(
            payload,
            &Type(self.descriptor.clone()),
            JSON_DEPTH_LIMIT,
            &mut fields,
        )
        .map_err(|error| match error {
            ReadError::TooDeep => Reason::TooDeep,
            ReadError::TooManyParts => Reason::TooManyNodes,
            ReadError::Malformed(why) => malformed(&why),
        })?;
        let message = DynamicMessage::decode(self.descriptor.clone(), payload)
            .map_err(|error| malformed(&error.to_string()))?;
        json::json_of(&message)
    }
}

fn find(pool: &DescriptorPool, name: &str) -> Option<MessageDescriptor> {
    let name = name.trim_start_matches('.');
    if let Some(descriptor) = pool.get_message_by_name(name) {
        return Some(descriptor);
    }
    let mut named = pool.all_messages().filter(|it| it.name() == name);
    let found = named.next()?;
    named.next().is_none().then_some(found)
}
