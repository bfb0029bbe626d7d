//! The metrics of one message, as readings.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use iot_sparkplug::{DataType, Payload};

use super::budget::Budget;
use super::names::{NAME, is_control};
use super::table::{Table, unit_of};
use super::value::{time_of, value_of};
use crate::decoded::{Decoded, Measured};
use crate::reason::{METRIC_LIMIT_BYTES, Reason};

/// Metrics that could not be named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unknown {
    pub(super) count: usize,
    /// The alias of the first one, if it has one.
    alias: Option<u64>,
    /// The BIRTH of the node or device is missing.
    pub(super) is_unborn: bool,
}

impl Unknown {
    /// Adds that the BIRTH is missing.
    pub(super) fn or_no_birth(self) -> Self {
        Self {
            is_unborn: true,
            ..self
        }
    }

    /// Returns why metrics of this node are not stored, if some are not.
    pub(super) fn reason(self, node: &str) -> Option<Reason> {
        if self.count == 0 {
            return None;
        }
        let why = match self.alias {
            Some(alias) => format!("alias {alias} of {node} is unknown until its next BIRTH"),
            None => "a metric without a name or an alias".into(),
        };
        Some(Reason::malformed(NAME, why))
    }
}

/// Adds the readings of a message to `decoded`, with the names that the table of its node or device
/// knows. Returns what it does not know.
///
/// # Errors
/// A value that cannot be read, and a name that is too long.
pub(super) fn read_metrics(
    (topic, table): (&Arc<str>, &Table),
    payload: Payload,
    decoded: &mut Decoded,
) -> Result<Unknown, Reason> {
    let mut unknown = Unknown::default();
    let mut budget = Budget::new();
    let sent = payload.timestamp.and_then(time_of);
    decoded.readings.reserve(payload.metrics.len());
    for metric in payload.metrics {
        let definition = table.find(&metric);
        let name = match (definition, &metric.name) {
            (Some(definition), _) => Arc::clone(&definition.name),
            (None, Some(name)) => Arc::from(name.as_str()),
            (None, None) => {
                if unknown.count == 0 {
                    unknown.alias = metric.alias;
                }
                unknown.count += 1;
                continue;
            }
        };
        if name.len() > METRIC_LIMIT_BYTES {
            return Err(Reason::LongMetric);
        }
        if metric.is_null == Some(true) || is_control(&name) {
            continue;
        }
        let unit = match &metric.properties {
            Some(_) => unit_of(&metric),
            None => None,
        };
        let unit = unit.or_else(|| definition.and_then(|it| it.unit.clone()));
        let data_type = match metric.datatype.map(DataType::of) {
            None | Some(DataType::Unknown) => definition.map(|it| it.data_type),
            data_type => data_type,
        };
        let Some(value) = metric.value else { continue };
        let data_type = data_type.unwrap_or(DataType::Unknown);
        let Some(value) = value_of(data_type, value, &mut budget)? else {
            continue;
        };
        decoded.readings.push(Measured {
            topic: Some(Arc::clone(topic)),
            metric: Some(name),
            value,
            unit,
            time: metric.timestamp.and_then(time_of).or(sent),
        });
    }
    keep_last(&mut decoded.readings);
    Ok(unknown)
}

/// Of several readings of one metric with the same time, keeps the last one.
fn keep_last(readings: &mut Vec<Measured>) {
    let mut last: HashMap<(&str, Option<DateTime<Utc>>), usize> =
        HashMap::with_capacity(readings.len());
    for (at, reading) in readings.iter().enumerate() {
        last.insert(
            (reading.metric.as_deref().unwrap_or_default(), reading.time),
            at,
        );
    }
    if last.len() == readings.len() {
        return;
    }
    let mut kept: Vec<usize> = last.into_values().collect();
    kept.sort_unstable();
    let mut at = 0;
    let mut kept = kept.into_iter().peekable();
    readings.retain(|_| {
        let is_kept = kept.next_if_eq(&at).is_some();
        at += 1;
        is_kept
    });
}
