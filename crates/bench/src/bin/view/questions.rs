//! Questions, and how long their answers take.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use iot_store::read::{Division, Reader, SeriesFilter, SeriesKey, TimeRange};

use crate::data::{LONG_TOPIC, Span};

pub(crate) const BUCKETS: u32 = 1_000;
/// Ranges of the long series that are downsampled.
const RANGES: u32 = 200;

fn ask(reader: &mut dyn Reader, range: TimeRange) -> Result<(Duration, u64)> {
    let key = SeriesKey::of_topic(LONG_TOPIC);
    let start = Instant::now();
    let buckets = reader.all_buckets(&key, range, Division::Into(BUCKETS))?;
    let time = start.elapsed();
    let count = buckets.iter().map(|bucket| bucket.count).sum();
    ensure!(count > 0, "no readings");
    Ok((time, count))
}

/// Returns the time of the long series.
pub(crate) fn span(reader: &mut dyn Reader) -> Result<Span> {
    let series = reader.series(&SeriesFilter::of(&SeriesKey::of_topic(LONG_TOPIC)))?;
    let series = series.first().context("there is no long series")?;
    Ok(Span {
        since: series.first.context("the long series is empty")?,
        readings: series.count,
    })
}

/// Returns ranges of all lengths, from all of a series to some minutes, at places that no unit of
/// time divides.
pub(crate) fn ranges(span: Span) -> Vec<TimeRange> {
    let all = span.until() - span.since;
    let range = |index: u32| {
        let part = 0.5_f64.powf(f64::from(index) * 17.0 / f64::from(RANGES));
        let length = TimeDelta::from_std(all.to_std().unwrap_or_default().mul_f64(part));
        let length = length.unwrap_or(all);
        let since = span.since
            + (all - length) * i32::try_from(index * 37 % RANGES).unwrap_or(0)
                / i32::try_from(RANGES).unwrap_or(1);
        TimeRange {
            since: Some(since),
            until: Some(since + length),
        }
    };
    (0..RANGES).map(range).collect()
}

/// Downsamples ranges of the long series.
pub(crate) fn buckets(reader: &mut dyn Reader, span: Span, aim: u128) -> Result<()> {
    let mut times = Vec::new();
    for range in ranges(span) {
        // The better of two, as others use the machine at times.
        let (time, count) = ask(reader, range)?.min(ask(reader, range)?);
        let length = range
            .until
            .zip(range.since)
            .map(|(until, since)| until - since);
        times.push((time, length.unwrap_or_default(), count));
    }
    times.sort_unstable();
    let shown = |(time, length, count): (Duration, TimeDelta, u64)| {
        let hours = length.as_seconds_f64() / 3_600.0;
        format!(
            "{:.1} ms ({hours:.1} h, {count} readings)",
            time.as_secs_f64() * 1e3
        )
    };
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "{RANGES} ranges in {BUCKETS} buckets: median {}, longest {} (aim: {aim} ms, {})",
        shown(median),
        shown(worst),
        if worst.0.as_millis() <= aim {
            "reached"
        } else {
            "missed"
        }
    );
    let (time, _) = ask(reader, TimeRange::default())?;
    println!("the whole series: {:.1} ms", time.as_secs_f64() * 1e3);
    Ok(())
}

/// Downsamples the whole series once, before anything is cached.
pub(crate) fn first_time(reader: &mut dyn Reader) -> Result<()> {
    let (time, count) = ask(reader, TimeRange::default())?;
    println!(
        "the first chart of {count} readings, which makes what is cached: {:.1} s",
        time.as_secs_f64()
    );
    Ok(())
}

/// Asks for the latest values of all series.
pub(crate) fn latest(name: &str, reader: &mut dyn Reader) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..9 {
        let start = Instant::now();
        let series = reader.latest(&SeriesFilter::default())?;
        times.push(start.elapsed());
        ensure!(series.len() == 10_000, "{} series", series.len());
    }
    times.sort_unstable();
    let median = times[times.len() / 2];
    println!(
        "{name}: 10,000 series with their latest values: {:.1} ms (aim: 100 ms, {})",
        median.as_secs_f64() * 1e3,
        if median.as_millis() <= 100 {
            "reached"
        } else {
            "missed"
        }
    );
    Ok(())
}
