//! What rollups cost while readings are stored.

use std::time::{Duration, Instant};

use anyhow::Result;
use iot_store::sqlite::SqliteStore;

use crate::data::Source;

/// Rounds, of which the best counts: others use the machine at times.
const ROUNDS: usize = 3;
const COMMITS: usize = 400;

pub(crate) fn measure() -> Result<()> {
    for (name, others) in [("one series", 0), ("100 series", 100)] {
        let (mut with, mut without) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            with = with.min(run(others, true)?);
            without = without.min(run(others, false)?);
        }
        let ratio = without.as_secs_f64() / with.as_secs_f64();
        println!(
            "inserting readings every 2 s of {name}: {:.0}/s with rollups, {:.0}/s without: {ratio:.2} (aim: 0.85)",
            rate(with),
            rate(without)
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "it is shown with few digits")]
fn rate(time: Duration) -> f64 {
    (COMMITS * crate::data::BATCH) as f64 / time.as_secs_f64()
}

fn run(others: u64, rollups: bool) -> Result<Duration> {
    let folder = tempfile::tempdir()?;
    let mut store = SqliteStore::open(&folder.path().join("iot.db"))?;
    store.keep_rollups(rollups)?;
    let mut source = Source::ending_now(20_000_000);
    let mut time = Duration::ZERO;
    for _ in 0..COMMITS {
        let entries = source.step(others, u64::MAX);
        let start = Instant::now();
        store.commit_with(&entries, &[])?;
        time += start.elapsed();
    }
    Ok(time)
}
