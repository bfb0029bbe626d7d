//! What is reported: an alert of a series has begun, or it is over.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Whether an alert has begun or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// It has begun, or goes on.
    Firing,
    /// It is over.
    Ok,
}

impl AlertState {
    /// Returns its name: `firing` or `ok`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Ok => "ok",
        }
    }

    /// Returns the state of this name.
    #[cfg(any(feature = "sqlite", feature = "mongodb"))]
    pub(crate) fn of_name(name: &str) -> Self {
        match name {
            "firing" => Self::Firing,
            _ => Self::Ok,
        }
    }
}

/// A report. Its JSON is what destinations get.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// 24 hex digits, ascending. A report that is delivered again keeps its id.
    pub id: String,
    /// Name of the alert.
    pub name: String,
    /// Topic of the series.
    pub topic: String,
    /// Metric of the series, if it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub metric: Option<String>,
    /// Whether it has begun or is over.
    pub state: AlertState,
    /// Set if it was reported before and still goes on.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub repeated: bool,
    /// The value that decided, if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<Json>,
    /// Unit of the value, if it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit: Option<String>,
    /// When the condition began to hold, in milliseconds since 1970, UTC.
    pub since: i64,
    /// When this was decided, in milliseconds since 1970, UTC.
    pub time: i64,
    /// Why, in words.
    pub reason: String,
}
