//! Decodes messages of one format.

use iot_store::Value;
use serde_json::Value as Json;

use crate::binary::{read_cbor, read_msgpack};
use crate::decoded::{Decoded, Measured};
use crate::format::{Format, Tree};
use crate::known::Known;
use crate::leaves::{Leaves, Path, leaves, walk_tree};
use crate::measure::measure;
use crate::message::Message;
use crate::names::Names;
use crate::plain::{document, json_value};
use crate::protobuf::Protobuf;
use crate::reason::Reason;
use crate::senml::{senml, senml_document};
use crate::settings::Settings;
use crate::sparkplug::Sparkplug;
use crate::state::KeepsState;

/// Decodes messages of one format. It remembers what earlier messages have told it, within limits.
#[derive(Debug)]
pub struct Decoder {
    format: Format,
    settings: Settings,
    names: Names,
    known: Known,
    sparkplug: Sparkplug,
    /// The message type, if the format is protobuf.
    protobuf: Option<Protobuf>,
}

impl Decoder {
    /// Returns a decoder for `format`.
    ///
    /// # Errors
    /// A file that the format names cannot be read. The text is one line.
    pub fn new(format: Format, settings: Settings) -> Result<Self, String> {
        let protobuf = match &format {
            Format::Protobuf { file, message } => {
                let found = Protobuf::open(file, message);
                Some(found.map_err(|error| error.to_string())?)
            }
            _ => None,
        };
        Ok(Self {
            sparkplug: Sparkplug::default(),
            protobuf,
            format,
            settings,
            names: Names::default(),
            known: Known::default(),
        })
    }

    /// Returns the format.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// Returns what `message` is.
    ///
    /// # Errors
    /// The message is not what the format takes.
    pub fn decode(&mut self, message: &Message<'_>) -> Result<Decoded, Reason> {
        let payload = message.payload;
        let name = self.format.name();
        match &self.format {
            Format::Plain(plain) => Ok(Decoded::value(name, plain.value(payload)?)),
            Format::Measure => {
                let (number, unit) = measure(payload, self.settings.decimal_comma)?;
                let unit = unit.map(|unit| self.names.share(&unit));
                let reading = Measured {
                    unit,
                    ..Measured::new(Value::Number(number))
                };
                Ok(Decoded {
                    readings: vec![reading],
                    ..Decoded::new(name)
                })
            }
            Format::State(words) => {
                let state = words.value(payload)?;
                Ok(Decoded::value(name, Value::Json(Json::Bool(state))))
            }
            Format::Leaves => Ok(Decoded {
                readings: leaves(payload, &mut self.names, self.settings.leaves_text)?,
                ..Decoded::new(name)
            }),
            Format::Cbor(tree) => {
                let value = read_cbor(payload)?;
                self.tree(name, value, *tree)
            }
            Format::MsgPack(tree) => {
                let value = read_msgpack(payload)?;
                self.tree(name, value, *tree)
            }
            Format::Senml => Ok(Decoded {
                readings: senml(payload, message.received, &mut self.names)?,
                ..Decoded::new(name)
            }),
            Format::Known if Sparkplug::knows(message.topic) => self.sparkplug.decode(message),
            Format::Known => self.known.decode(message, &self.settings, &mut self.names),
            Format::Sparkplug => self.sparkplug.decode(message),
            Format::Protobuf { .. } => {
                let json = match &self.protobuf {
                    Some(protobuf) => protobuf.json(payload)?,
                    None => Json::Null,
                };
                self.tree(name, json, Tree::Leaves)
            }
        }
    }

    /// Returns the document in a payload, as JSON: what pointers such as `/a/b` point into.
    ///
    /// # Errors
    /// The payload is not what the format takes.
    pub fn document(&self, payload: &[u8]) -> Result<Json, Reason> {
        match (&self.format, &self.protobuf) {
            (Format::Cbor(_), _) => read_cbor(payload),
            (Format::MsgPack(_), _) => read_msgpack(payload),
            (Format::Senml, _) => senml_document(payload),
            (Format::Protobuf { .. }, Some(protobuf)) => protobuf.json(payload),
            _ => document(payload),
        }
    }

    fn tree(&mut self, name: &'static str, value: Json, tree: Tree) -> Result<Decoded, Reason> {
        match tree {
            Tree::Whole => Ok(Decoded::value(name, json_value(value))),
            Tree::Leaves => {
                let mut leaves = Leaves::new(&mut self.names, self.settings.leaves_text);
                walk_tree(&value, &mut Path::default(), &mut leaves)?;
                Ok(Decoded {
                    readings: leaves.finish(),
                    ..Decoded::new(name)
                })
            }
        }
    }
}

impl KeepsState for Decoder {
    fn restore(&mut self, key: &str, value: &[u8]) {
        self.sparkplug.restore(key, value);
    }
}
