//! `--every`: what each series was in each step of time.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use iot_cli::Timezone;
use iot_store::Value;
use iot_store::read::{Bucket, Division, Reader, Series, TimeRange};

use super::output::{Output, Stopped};
use super::record::{Cell, Record, Step};
use crate::args::Aggregate;
use crate::grid::{Grid, edges, next_edges};

/// Buckets in memory at once.
const BUCKETS: usize = 200_000;
/// Steps that are read at once, at most.
const STEPS: usize = 10_000;

/// Parts of a range of which those without readings are skipped, as long as they are longer than
/// the second.
const PARTS: i32 = 1_000;
const NEAR: TimeDelta = TimeDelta::minutes(1);

/// The first time, and the one behind the last.
type Bounds = (DateTime<Utc>, DateTime<Utc>);

/// Writes steps.
#[derive(Debug)]
pub(super) struct Steps<'a> {
    pub(super) every: Duration,
    pub(super) aggregates: &'a [Aggregate],
    pub(super) wide: bool,
    pub(super) zone: &'a Timezone,
    pub(super) range: TimeRange,
}

impl Steps<'_> {
    /// Writes the steps of these series, in the order of time.
    pub(super) fn write(
        &self,
        reader: &mut dyn Reader,
        series: &[Series],
        output: &mut Output,
    ) -> Result<(), Stopped> {
        let Some((since, until)) = self.bounds(reader, series)? else {
            return Ok(());
        };
        let grid = Grid::new(self.every, since, until, self.zone);
        let at_once = (BUCKETS / series.len().max(1)).clamp(1, STEPS);
        let mut ahead = edges(&grid, since).peekable();
        while let Some(chunk) = next_edges(&mut ahead, until, at_once) {
            output.check_interrupt()?;
            let chunk = Chunk::read(reader, series, &grid, chunk, self.range)?;
            if chunk.is_empty() {
                let Some(next) = next_reading(reader, series, chunk.end(), until)? else {
                    return Ok(());
                };
                ahead = edges(&grid, next.max(chunk.end())).peekable();
            } else {
                self.write_chunk(series, &chunk, output)?;
            }
        }
        Ok(())
    }

    /// Returns from when until when there are readings, or rollups of what they were.
    fn bounds(
        &self,
        reader: &mut dyn Reader,
        series: &[Series],
    ) -> Result<Option<Bounds>, Stopped> {
        let mut first = self.range.since;
        if first.is_none() {
            for one in series {
                reader.buckets(&one.key, self.range, Division::Into(1), &mut |bucket| {
                    first = Some(first.map_or(bucket.start, |first| first.min(bucket.start)));
                    ControlFlow::Continue(())
                })?;
            }
        }
        let last = series
            .iter()
            .filter_map(|one| Some(one.last.as_ref()?.time));
        let end = last.max().map(|last| last + TimeDelta::milliseconds(1));
        let (Some(since), Some(end)) = (first, end) else {
            return Ok(None);
        };
        let until = self.range.until.map_or(end, |until| until.min(end));
        Ok((since < until).then_some((since, until)))
    }

    fn write_chunk(
        &self,
        series: &[Series],
        chunk: &Chunk,
        output: &mut Output,
    ) -> Result<(), Stopped> {
        let mut cells = Vec::new();
        for (step, &time) in chunk.edges[..chunk.edges.len() - 1].iter().enumerate() {
            let buckets = chunk
                .buckets
                .iter()
                .map(|of_series| of_series[step].as_ref());
            if self.wide {
                cells.clear();
                for bucket in buckets {
                    let wanted = self.aggregates.iter();
                    cells.extend(wanted.map(|wanted| bucket.map(|bucket| cell(bucket, *wanted))));
                }
                if cells.iter().any(Option::is_some) {
                    let cells = &cells;
                    output.write(&Record::Wide { time, cells })?;
                }
                continue;
            }
            for (one, bucket) in series.iter().zip(buckets) {
                let Some(bucket) = bucket else { continue };
                output.write(&Record::Step(&Step {
                    key: &one.key,
                    unit: one.unit.as_ref(),
                    time,
                    cells: (self.aggregates.iter())
                        .map(|wanted| cell(bucket, *wanted))
                        .collect(),
                }))?;
            }
        }
        Ok(())
    }
}

/// Some steps of all series.
struct Chunk {
    /// Where the steps begin, and where the last one ends.
    edges: Vec<DateTime<Utc>>,
    /// Of each series, of each step.
    buckets: Vec<Vec<Option<Bucket>>>,
}

impl Chunk {
    fn read(
        reader: &mut dyn Reader,
        series: &[Series],
        grid: &Grid<'_>,
        edges: Vec<DateTime<Utc>>,
        range: TimeRange,
    ) -> Result<Self, Stopped> {
        let steps = edges.len() - 1;
        let mut buckets = Vec::with_capacity(series.len());
        for one in series {
            let mut of_series = vec![None; steps];
            if has_readings(one, edges[0]) {
                for part in grid.parts(&edges) {
                    let part = within(part, range);
                    let division = grid.division();
                    reader.buckets(&one.key, part, division, &mut |bucket| {
                        let step = edges.partition_point(|edge| *edge <= bucket.start);
                        if let Some(place) = of_series.get_mut(step.saturating_sub(1)) {
                            *place = Some(bucket);
                        }
                        ControlFlow::Continue(())
                    })?;
                }
            }
            buckets.push(of_series);
        }
        Ok(Self { edges, buckets })
    }

    fn is_empty(&self) -> bool {
        self.buckets.iter().flatten().all(Option::is_none)
    }

    /// Returns where the last step ends.
    fn end(&self) -> DateTime<Utc> {
        self.edges.last().copied().unwrap_or_default()
    }
}

/// Returns a time from `since` on before which there is no reading, and soon after which there is
/// one: decades without readings are not read step by step. `None` if there is none.
fn next_reading(
    reader: &mut dyn Reader,
    series: &[Series],
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Stopped> {
    let (mut from, mut to, mut found) = (since, until, None);
    while let Some(next) = first_part(reader, series, from, to)? {
        found = Some(next.max(since));
        let part = (to - from) / PARTS;
        if part <= NEAR {
            break;
        }
        // The store may round where parts begin.
        (from, to) = (next.max(since), next.max(since) + part * 2);
    }
    Ok(found)
}

/// Returns where the first part of a range begins that has readings.
fn first_part(
    reader: &mut dyn Reader,
    series: &[Series],
    since: DateTime<Utc>,
    mut until: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, Stopped> {
    let mut first = None;
    for one in series.iter().filter(|one| has_readings(one, since)) {
        if since >= until {
            break;
        }
        let range = TimeRange {
            since: Some(since),
            until: Some(until),
        };
        let parts = Division::Into(PARTS.unsigned_abs());
        reader.buckets(&one.key, range, parts, &mut |bucket| {
            first = Some(bucket.start);
            ControlFlow::Break(())
        })?;
        // Of the next series, no later one is wanted.
        until = first.unwrap_or(until);
    }
    Ok(first)
}

/// Returns the part of the range.
fn within(part: TimeRange, range: TimeRange) -> TimeRange {
    TimeRange {
        since: part.since.max(range.since),
        until: match (part.until, range.until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        },
    }
}

/// Its first reading says nothing about that: rollups may outlive readings.
fn has_readings(series: &Series, since: DateTime<Utc>) -> bool {
    let last = series.last.as_ref().map(|last| last.time);
    last.is_some_and(|last| last >= since)
}

fn cell(bucket: &Bucket, wanted: Aggregate) -> Cell {
    let number = match wanted {
        Aggregate::Mean => bucket.mean,
        Aggregate::Min => bucket.min,
        Aggregate::Max => bucket.max,
        Aggregate::First => bucket.first,
        Aggregate::Last => bucket.last,
        Aggregate::Count => return Cell::Count(bucket.count),
    };
    Cell::Value(Value::Number(number))
}
