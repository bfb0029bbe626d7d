//! What a message is made of: the values of a device at one time.

use chrono::{DateTime, FixedOffset};

use crate::payload::made::Sample;
use crate::payload::number::{push_number, rounded};

/// A model of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) name: String,
    pub(crate) unit: Option<String>,
}

/// The values of a device at one time.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    pub(crate) device: &'a str,
    pub(crate) values: &'a [Value],
    /// One for each value; `None` is a sensor that has dropped out.
    pub(crate) readings: &'a [Option<f64>],
    /// In the zone of the simulated clock, or of this machine.
    pub(crate) time: DateTime<FixedOffset>,
    pub(crate) precision: Option<usize>,
}

impl<'a> Snapshot<'a> {
    /// Returns each value with its reading.
    pub(super) fn readings(&self) -> impl Iterator<Item = (&'a Value, Option<f64>)> + use<'a> {
        self.values.iter().zip(self.readings.iter().copied())
    }

    /// Returns the readings as numbers, rounded.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (&'a Value, Option<f64>)> + use<'a> {
        let precision = self.precision;
        let round = move |reading: Option<f64>| reading.map(|it| rounded(it, precision));
        self.readings()
            .map(move |(value, reading)| (value, round(reading)))
    }

    /// Appends a reading as JSON.
    pub(super) fn push(&self, text: &mut String, reading: Option<f64>) {
        match reading {
            Some(reading) => push_number(text, reading, self.precision),
            None => text.push_str("null"),
        }
    }

    /// Returns the unit of the value with this name.
    pub(super) fn unit(&self, name: &str) -> Option<&'a str> {
        let value = self.values.iter().find(|value| value.name == name)?;
        value.unit.as_deref()
    }

    pub(super) fn sample(&self, round: impl Fn(f64) -> f64) -> Sample {
        let values = self.readings.iter().map(|reading| reading.map(&round));
        Sample {
            values: values.collect(),
            timestamp: self.time.timestamp_millis().try_into().unwrap_or_default(),
        }
    }
}
