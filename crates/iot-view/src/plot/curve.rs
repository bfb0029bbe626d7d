//! A series as a curve: mean, minimum and maximum in each part of the picture, with its gaps.

use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use iot_store::read::{Division, ReadError, Reader, Series, SeriesKey, TimeRange};

/// A gap is so many times the usual distance.
const GAP: i32 = 4;

/// A curve.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    pub(crate) key: SeriesKey,
    pub(crate) unit: Option<Arc<str>>,
    /// In order of time, each without a gap in it. Not empty, and none of them is.
    pub(crate) pieces: Vec<Vec<Point>>,
}

/// What the series was in one part of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Point {
    pub(crate) time: DateTime<Utc>,
    pub(crate) mean: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Curve {
    pub(crate) fn points(&self) -> impl Iterator<Item = &Point> {
        self.pieces.iter().flatten()
    }
}

/// Reads a series, in so many parts. `None` if it has no numbers in that range.
///
/// # Errors
/// The store can't be read.
pub(super) fn read(
    reader: &mut dyn Reader,
    series: &Series,
    range: TimeRange,
    parts: usize,
) -> Result<Option<Curve>, ReadError> {
    let parts = u32::try_from(parts.max(1)).unwrap_or(u32::MAX);
    let mut points = Vec::new();
    reader.buckets(&series.key, range, Division::Into(parts), &mut |bucket| {
        points.push(Point {
            time: bucket.start + (bucket.end - bucket.start) / 2,
            mean: bucket.mean,
            min: bucket.min,
            max: bucket.max,
        });
        ControlFlow::Continue(())
    })?;
    points.retain(|point| point.min.is_finite() && point.max.is_finite());
    let pieces = pieces(points);
    Ok((!pieces.is_empty()).then(|| Curve {
        key: series.key.clone(),
        unit: series.unit.clone(),
        pieces,
    }))
}

/// Splits points where their distance is several times the usual one.
fn pieces(points: Vec<Point>) -> Vec<Vec<Point>> {
    let mut distances: Vec<TimeDelta> = points
        .windows(2)
        .map(|pair| pair[1].time - pair[0].time)
        .collect();
    distances.sort_unstable();
    let usual = distances.get(distances.len() / 2).copied();
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    for point in points {
        let is_near =
            |last: &Point| usual.is_none_or(|usual| point.time - last.time <= usual * GAP);
        match pieces.last_mut() {
            Some(piece) if piece.last().is_some_and(is_near) => piece.push(point),
            _ => pieces.push(vec![point]),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_several_times_the_usual_distance() {
        let point = |seconds| Point {
            time: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds),
            mean: 0.0,
            min: 0.0,
            max: 0.0,
        };
        let found = pieces([0, 10, 20, 55, 100, 110].map(point).to_vec());
        let lengths: Vec<usize> = found.iter().map(Vec::len).collect();
        assert_eq!(lengths, [4, 2]);
        assert!(pieces(Vec::new()).is_empty());
    }
}
