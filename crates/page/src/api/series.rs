//! The series of the store.

use iot_store::read::{ReadError, Reader, Series, SeriesFilter};
use serde::Serialize;

use crate::live::ShownValue;

/// Limit of the series in an answer.
const MAX_SERIES: usize = 100_000;

#[derive(Serialize)]
pub(super) struct Answer {
    series: Vec<Item>,
    /// How many are left out.
    left_out: usize,
}

#[derive(Serialize)]
struct Item {
    topic: String,
    metric: Option<String>,
    unit: Option<String>,
    name: Option<String>,
    /// Milliseconds since 1970, as `last`.
    first: Option<i64>,
    last: Option<i64>,
    count: u64,
    value: Option<ShownValue>,
}

pub(super) fn find(reader: &mut dyn Reader) -> Result<Answer, ReadError> {
    let mut all = reader.series(&SeriesFilter::default())?;
    let left_out = all.len().saturating_sub(MAX_SERIES);
    all.truncate(MAX_SERIES);
    Ok(Answer {
        series: all.into_iter().map(item).collect(),
        left_out,
    })
}

fn item(series: Series) -> Item {
    let last = series.last;
    Item {
        topic: series.key.topic.to_string(),
        metric: series.key.metric.map(|metric| metric.to_string()),
        unit: series.unit.map(|unit| unit.to_string()),
        name: series.name.map(|name| name.to_string()),
        first: series.first.map(|first| first.timestamp_millis()),
        last: last.as_ref().map(|last| last.time.timestamp_millis()),
        count: series.count,
        value: last.map(|last| ShownValue::of(&last.value)),
    }
}
