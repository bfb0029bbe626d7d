//! The points of series in a range: each reading if there are few, or else buckets with mean,
//! minimum and maximum.

use std::ops::ControlFlow;

use iot_store::read::{
    Division, ReadError, Reader, RowQuestion, SeriesFilter, SeriesKey, TimeRange,
};
use serde::Serialize;

use super::parameters::Parameters;

/// Up to so many readings are sent as they are.
const MAX_ROWS: u64 = 1_500;

#[derive(Serialize)]
pub(super) struct Answer {
    series: Vec<Points>,
}

/// The points of a series, column by column. Times are milliseconds since 1970.
#[derive(Default, Serialize)]
struct Points {
    /// All readings up to this time are in the answer, if they are in the range.
    through: Option<i64>,
    /// Length of a bucket in milliseconds; 0 if each point is a reading.
    width: i64,
    time: Vec<i64>,
    mean: Vec<f64>,
    /// `None` if each point is a reading, as for `max` and `count`.
    min: Option<Vec<f64>>,
    max: Option<Vec<f64>>,
    count: Option<Vec<u64>>,
}

pub(super) fn find(reader: &mut dyn Reader, parameters: &Parameters) -> Result<Answer, ReadError> {
    let keys = parameters.series.iter();
    let series: Result<_, ReadError> = keys.map(|key| points(reader, key, parameters)).collect();
    Ok(Answer { series: series? })
}

fn points(
    reader: &mut dyn Reader,
    key: &SeriesKey,
    parameters: &Parameters,
) -> Result<Points, ReadError> {
    // Asked for first: what is stored meanwhile is in the answer, too.
    let through = through(reader, key)?;
    let range = parameters.range();
    let mut points = buckets(reader, key, range, parameters.points)?;
    let all: u64 = points.count.iter().flatten().sum();
    if all <= MAX_ROWS {
        points = rows(reader, key, range)?;
    } else {
        let length = (parameters.to - parameters.from).num_milliseconds();
        points.width = (length / i64::from(parameters.points)).max(1);
    }
    points.through = through;
    Ok(points)
}

/// Returns the time of the latest stored reading, but none of the future.
fn through(reader: &mut dyn Reader, key: &SeriesKey) -> Result<Option<i64>, ReadError> {
    let now = iot_store::now();
    let latest = reader.latest(&SeriesFilter::of(key))?;
    let last = latest.into_iter().find_map(|series| series.last);
    Ok(last.map(|last| last.time.min(now).timestamp_millis()))
}

fn buckets(
    reader: &mut dyn Reader,
    key: &SeriesKey,
    range: TimeRange,
    count: u32,
) -> Result<Points, ReadError> {
    let mut points = Points::default();
    let (mut low, mut high, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    reader.buckets(key, range, Division::Into(count), &mut |bucket| {
        points.time.push(bucket.start.timestamp_millis());
        points.mean.push(bucket.mean);
        low.push(bucket.min);
        high.push(bucket.max);
        counts.push(bucket.count);
        ControlFlow::Continue(())
    })?;
    (points.min, points.max, points.count) = (Some(low), Some(high), Some(counts));
    Ok(points)
}

fn rows(reader: &mut dyn Reader, key: &SeriesKey, range: TimeRange) -> Result<Points, ReadError> {
    let mut points = Points::default();
    let question = RowQuestion::new(SeriesFilter::of(key), range);
    reader.rows(&question, &mut |row| {
        if let Some(number) = row.value.as_number() {
            points.time.push(row.time.timestamp_millis());
            points.mean.push(number);
        }
        ControlFlow::Continue(())
    })?;
    Ok(points)
}
