//! What a message became: readings without identifiers, and what the decoder learned or asks for.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use iot_store::Value;

use crate::reason::Reason;
use crate::request::Request;
use crate::state::StateChange;

/// What a message became.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded {
    /// What was recognised, such as `leaves` or `tasmota`, for people and for counting.
    pub format: &'static str,
    /// None is a valid answer: the message was metadata, or all values were null. Several can have
    /// the same metric, with different times, or with different units (RFC 8428 §5.1.2).
    pub readings: Vec<Measured>,
    /// What is known of series, which need not be those of the readings.
    pub series: Vec<SeriesFacts>,
    /// What the decoder asks for.
    pub requests: Vec<Request>,
    /// What is to be remembered beyond the end of the process.
    pub state: Vec<StateChange>,
    /// Why the message, or a part of it, could not be decoded, if the decoder has learned from it
    /// all the same or asks for something. Without readings, the message is rejected for this
    /// reason; with readings, something is missing.
    pub rejection: Option<Reason>,
    /// The device sent a local time, and no setting says of which time zone: the time of receipt
    /// counts.
    pub lacks_timezone: bool,
}

impl Decoded {
    /// Returns an empty answer.
    pub fn new(format: &'static str) -> Self {
        Self {
            format,
            ..Self::default()
        }
    }

    /// Returns one reading of the message's topic, without a metric.
    pub fn value(format: &'static str, value: Value) -> Self {
        Self {
            format,
            readings: vec![Measured::new(value)],
            ..Self::default()
        }
    }
}

/// One measured value.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The topic of the series, if it is not the message's.
    pub topic: Option<Arc<str>>,
    /// Its name within the message, if there is more than one value.
    pub metric: Option<Arc<str>>,
    /// What was measured; a state is a JSON boolean.
    pub value: Value,
    /// The unit, if it is known, such as `°C`.
    pub unit: Option<Arc<str>>,
    /// The device's own time, if it sent one; otherwise the time of receipt counts.
    pub time: Option<DateTime<Utc>>,
}

impl Measured {
    /// Returns a value of the message's topic, of which nothing more is known.
    pub fn new(value: Value) -> Self {
        Self {
            topic: None,
            metric: None,
            value,
            unit: None,
            time: None,
        }
    }
}

/// What is known of a series beside its readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesFacts {
    /// The topic of its readings, if it is not the message's.
    pub topic: Option<Arc<str>>,
    /// The metric of its readings.
    pub metric: Option<Arc<str>>,
    /// A name for people, such as `Kitchen temperature`.
    pub name: Option<Arc<str>>,
    /// Its unit.
    pub unit: Option<Arc<str>>,
    /// The device that measures it.
    pub device: Option<Arc<str>>,
    /// What is measured, in Home Assistant's words, such as `temperature`.
    pub device_class: Option<Arc<str>>,
}
