//! The alerts of the store: which are not ok, and what was reported.

use iot_store::alerts::{CurrentAlert, CurrentState, Event};
use iot_store::read::{ReadError, Reader, SeriesFilter, TimeRange};
use serde::Serialize;

/// Limit of the alerts in an answer.
const MAX_CURRENT: usize = 1_000;
/// Limit of the reports in an answer.
const MAX_HISTORY: usize = 200;

#[derive(Serialize)]
pub(super) struct Answer {
    /// How many are firing.
    firing: usize,
    current: Vec<Current>,
    /// The latest first.
    history: Vec<Event>,
}

#[derive(Serialize)]
struct Current {
    name: String,
    topic: String,
    metric: Option<String>,
    state: &'static str,
    /// In milliseconds since 1970.
    since: i64,
    reason: String,
}

pub(super) fn find(reader: &mut dyn Reader) -> Result<Answer, ReadError> {
    let all = SeriesFilter::default();
    let current = reader.alerts(&all)?;
    let history = reader.alert_history(&all, TimeRange::default(), MAX_HISTORY)?;
    let is_firing = |alert: &&CurrentAlert| alert.state == CurrentState::Firing;
    Ok(Answer {
        firing: current.iter().filter(is_firing).count(),
        current: { current.into_iter().take(MAX_CURRENT) }
            .map(|alert| Current {
                name: alert.name,
                topic: alert.key.topic.to_string(),
                metric: alert.key.metric.as_deref().map(str::to_owned),
                state: alert.state.name(),
                since: alert.since,
                reason: alert.reason,
            })
            .collect(),
        history,
    })
}
