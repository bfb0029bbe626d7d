//! An alert of a series that is not ok.

use serde::{Deserialize, Serialize};

use crate::read::SeriesKey;

/// How far an alert that is not ok has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CurrentState {
    /// It was reported.
    Firing,
    /// The condition holds, but not yet for long enough.
    Pending,
}

impl CurrentState {
    /// Returns its name: `firing` or `pending`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Pending => "pending",
        }
    }

    /// Returns the state of this name.
    #[cfg(any(feature = "sqlite", feature = "mongodb"))]
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        match name {
            "firing" => Some(Self::Firing),
            "pending" => Some(Self::Pending),
            _ => None,
        }
    }
}

/// An alert of a series that is not ok.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentAlert {
    /// Name of the alert.
    pub name: String,
    /// The series.
    pub key: SeriesKey,
    /// How far it has come.
    pub state: CurrentState,
    /// When the condition began to hold, in milliseconds since 1970, UTC.
    pub since: i64,
    /// Why, in words.
    pub reason: String,
}

impl CurrentAlert {
    /// Sorts alerts: those that are firing first, and of these the latest.
    pub fn sort(alerts: &mut [Self]) {
        alerts.sort_by(|a, b| {
            let order = |a: &Self, b: &Self| (&a.key, &a.name).cmp(&(&b.key, &b.name));
            { a.state.cmp(&b.state) }
                .then(b.since.cmp(&a.since))
                .then_with(|| order(a, b))
        });
    }
}

/// A new state of an alert of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// Name of the alert.
    pub name: String,
    /// The series.
    pub key: SeriesKey,
    /// The state; `None` if the alert is ok.
    pub current: Option<CurrentAlert>,
}
