//! Questions, and how long their answers take.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use chrono::{DateTime, Utc};
use iot_store::read::{Division, Reader, SeriesFilter, SeriesKey, TimeRange};

use crate::data::Source;

const BUCKETS: u32 = 1_000;

fn ask(reader: &mut dyn Reader, key: &SeriesKey, range: TimeRange) -> Result<(Duration, u64)> {
    let start = Instant::now();
    let buckets = reader.all_buckets(key, range, Division::Into(BUCKETS))?;
    let time = start.elapsed();
    let count = buckets.iter().map(|bucket| bucket.count).sum();
    ensure!(count > 0, "no readings");
    Ok((time, count))
}

/// Downsamples ranges of the long series: the whole, and others of all lengths.
pub(crate) fn buckets(reader: &mut dyn Reader, source: &Source, aim: u128) -> Result<()> {
    let key = SeriesKey::of_topic(source.long().as_ref());
    let all = (source.now - source.start).num_milliseconds();
    let mut times = Vec::new();
    for index in 0..200_i64 {
        // From all of it to a few minutes, at places that no unit of time divides.
        let length = all >> (index % 17);
        let offset = (all - length) / 199 * index;
        let since: DateTime<Utc> = source.start + chrono::Duration::milliseconds(offset);
        let range = TimeRange {
            since: Some(since),
            until: Some(since + chrono::Duration::milliseconds(length)),
        };
        let (time, count) = ask(reader, &key, range)?;
        times.push((time, length, count));
    }
    times.sort_unstable();
    let shown = |(time, length, count): (Duration, i64, u64)| {
        let days = chrono::Duration::milliseconds(length).num_hours();
        format!(
            "{:.1} ms ({days} h, {count} readings)",
            time.as_secs_f64() * 1e3
        )
    };
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    println!(
        "200 ranges in {BUCKETS} buckets: median {}, longest {} (aim: {aim} ms, {})",
        shown(median),
        shown(worst),
        if worst.0.as_millis() <= aim {
            "reached"
        } else {
            "missed"
        }
    );
    let (time, _) = ask(reader, &key, TimeRange::default())?;
    println!("the whole series: {:.1} ms", time.as_secs_f64() * 1e3);
    Ok(())
}

/// Downsamples the whole series once, before anything is cached.
pub(crate) fn first_time(reader: &mut dyn Reader, source: &Source) -> Result<()> {
    let key = SeriesKey::of_topic(source.long().as_ref());
    let (time, count) = ask(reader, &key, TimeRange::default())?;
    println!(
        "the first chart of {count} readings, which makes what is cached: {:.1} s",
        time.as_secs_f64()
    );
    Ok(())
}

/// Asks for the latest values of all series.
pub(crate) fn latest(name: &str, reader: &mut dyn Reader) -> Result<()> {
    let mut times = Vec::new();
    for _ in 0..5 {
        let start = Instant::now();
        let series = reader.latest(&SeriesFilter::default())?;
        times.push(start.elapsed());
        ensure!(series.len() == 10_000, "{} series", series.len());
    }
    times.sort_unstable();
    println!(
        "{name}: 10,000 series with their latest values: {:.1} ms (aim: 100 ms)",
        times[times.len() / 2].as_secs_f64() * 1e3
    );
    Ok(())
}
