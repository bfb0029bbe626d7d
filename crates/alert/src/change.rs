//! A step of an alert's state, to be written to disk before it is reported.

use iot_store::alerts::{CurrentState, Event};

/// State of one alert of one series. Times are milliseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The condition does not hold.
    Ok,
    /// The condition holds, but not yet for long enough.
    Pending {
        /// When it began to hold.
        since: i64,
    },
    /// It was reported.
    Firing {
        /// When the condition began to hold.
        since: i64,
        /// When it was last reported.
        reported: i64,
    },
}

impl Phase {
    /// Returns the state as a store keeps it, and since when it holds; `None` if it is ok.
    pub(crate) fn current(self) -> Option<(CurrentState, i64)> {
        match self {
            Self::Ok => None,
            Self::Pending { since } => Some((CurrentState::Pending, since)),
            Self::Firing { since, .. } => Some((CurrentState::Firing, since)),
        }
    }
}

/// A new state of an alert, and the report of it, if it is one to report.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Name of the alert.
    pub name: String,
    /// Topic of the series.
    pub topic: String,
    /// Metric of the series, if it has one.
    pub metric: Option<String>,
    /// Its new state.
    pub phase: Phase,
    /// Why it is in this state, in words; empty if it is ok.
    pub reason: String,
    /// What is reported.
    pub event: Option<Event>,
}
