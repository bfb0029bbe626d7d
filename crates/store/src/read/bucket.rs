//! A part of a range, downsampled.

use chrono::{DateTime, Utc};

/// What a series did in one part of a range. Only values that are numbers count
/// ([`Value::as_number`](crate::Value::as_number)): a boolean is 1 or 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Where the part begins.
    pub start: DateTime<Utc>,
    /// Where it ends; a reading of this time belongs to the next one.
    pub end: DateTime<Utc>,
    /// How many numbers there are, at least one.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// Their arithmetic mean. The order of addition is not fixed, so the last digits may differ
    /// from those of another program.
    pub mean: f64,
    /// The first, by time and then id.
    pub first: f64,
    /// The last.
    pub last: f64,
}
