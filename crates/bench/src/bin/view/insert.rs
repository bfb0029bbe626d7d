//! What rollups cost while readings are stored.

use std::time::Duration;
use std::time::Instant;

use anyhow::Result;
use chrono::{TimeDelta, Utc};
use iot_store::sqlite::SqliteStore;

use crate::data::{INTERVAL, Source, rate};

/// Rounds, of which the best counts: others use the machine at times.
const ROUNDS: usize = 3;
const COMMITS: u64 = 300;
/// Readings of one commit.
const BATCH: usize = 5_000;

/// Readings as they come.
struct Arrival {
    name: &'static str,
    series: usize,
    step: TimeDelta,
    /// How long ago they begin.
    ago: TimeDelta,
}

pub(crate) fn measure() -> Result<()> {
    let year = TimeDelta::days(365);
    let second = TimeDelta::seconds(1);
    for arrival in [
        Arrival {
            name: "live, 5,000 series",
            series: 5_000,
            step: second,
            ago: second * 300,
        },
        Arrival {
            name: "live, 100 series",
            series: 100,
            step: TimeDelta::milliseconds(20),
            ago: second * 300,
        },
        Arrival {
            name: "replayed, one series",
            series: 1,
            step: INTERVAL,
            ago: year,
        },
        Arrival {
            name: "replayed, 100 series",
            series: 100,
            step: INTERVAL,
            ago: year,
        },
        Arrival {
            name: "replayed, 1,000 series",
            series: 1_000,
            step: INTERVAL,
            ago: year,
        },
    ] {
        let (mut with, mut without) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            with = with.min(run(&arrival, true)?);
            without = without.min(run(&arrival, false)?);
        }
        let ratio = without.as_secs_f64() / with.as_secs_f64();
        let readings = COMMITS * BATCH as u64;
        println!(
            "inserting, {}: {:.0}/s with rollups, {:.0}/s without: {ratio:.2} (aim: 0.85, {})",
            arrival.name,
            rate(readings, with),
            rate(readings, without),
            if ratio >= 0.85 { "reached" } else { "missed" }
        );
    }
    Ok(())
}

fn run(arrival: &Arrival, rollups: bool) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let mut store = SqliteStore::open(&folder.path().join("iot.db"))?;
    store.keep_rollups(rollups)?;
    let mut source = Source::beginning(Utc::now() - arrival.ago);
    let mut time = Duration::ZERO;
    for _ in 0..COMMITS {
        let entries = source.rounds(arrival.series, arrival.step, BATCH);
        let start = Instant::now();
        store.commit_with(&entries, &[])?;
        time += start.elapsed();
    }
    Ok(time)
}
