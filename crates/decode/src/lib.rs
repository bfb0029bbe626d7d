//! Decodes the messages of real devices into readings.
//!
//! A [`Decoder`] of one [`Format`] is given a [`Message`] and answers what it became: [`Decoded`],
//! with zero, one or several readings, or a [`Reason`] for its rejection. It knows no broker and no
//! database: identifiers and the time of a reading without a time of its own are the caller's.

mod binary;
mod decoded;
mod decoder;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod json_time;
mod known;
mod leaves;
#[cfg_attr(not(feature = "map"), path = "without_map.rs")]
mod map;
mod measure;
mod message;
mod names;
mod plain;
#[cfg_attr(not(feature = "protobuf"), path = "without_protobuf.rs")]
mod protobuf;
mod reason;
mod request;
mod senml;
mod settings;
mod single;
mod sparkplug;
mod state;
mod state_words;

pub use decoded::{Decoded, Measured, SeriesFacts};
pub use decoder::Decoder;
pub use format::{Format, Tree};
pub use json_time::{TimeError, read_time};
pub use known::{VICTRON_KEEPALIVE_INTERVAL, victron_keepalive};
pub use map::Map;
#[cfg(feature = "map")]
pub use map::MapLimits;
pub use message::{Message, Properties};
pub use plain::PlainFormat;
pub use reason::{METRIC_LIMIT_BYTES, PAYLOAD_LIMIT_BYTES, Reason};
pub use request::Request;
pub use settings::Settings;
pub use sparkplug::{NODES_LIMIT_BYTES, Sparkplug};
pub use state::{KeepsState, STATE_KEY_LIMIT, STATE_VALUE_LIMIT, StateChange};
pub use state_words::StateWords;
