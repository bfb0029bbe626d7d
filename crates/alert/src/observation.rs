//! A reading, as the engine sees it.

use crate::sample::Sample;

/// A reading, as the engine sees it. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    /// Topic of the series.
    pub topic: &'a str,
    /// Metric of the series.
    pub metric: Option<&'a str>,
    /// Unit of the value.
    pub unit: Option<&'a str>,
    /// The value; `None` if it is an array, an object or null.
    pub sample: Option<Sample>,
    /// When it was measured.
    pub time: i64,
    /// The broker had kept the message: when it was measured is unknown, so it is no sign of life.
    pub retained: bool,
}
