//! `iot-view export` beside `sqlite3 -csv`, of the same readings.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use bench::program;
use chrono::SecondsFormat;

use crate::data::{INTERVAL, LONG_TOPIC, Span, rate};
use crate::programs::timed;

/// Rounds, of which the best counts.
const ROUNDS: usize = 3;
/// Readings of one round.
const READINGS: u64 = 5_000_000;

/// Exports readings of the long series, also as `long.parquet`, and then all of it to a file, whose
/// path it returns.
pub(crate) fn measure(folder: &Path, store: &Path, span: Span) -> Result<PathBuf> {
    let readings = READINGS.min(span.readings);
    let since = span.until() - INTERVAL * i32::try_from(readings)?;
    let since = since.to_rfc3339_opts(SecondsFormat::Millis, true);
    let export = |to: &Path, since: Option<&str>| -> Result<Duration> {
        let mut command = Command::new(program("iot-view")?);
        command
            .args(["export", LONG_TOPIC, "--quiet", "-o"])
            .arg(to)
            .args(["--store", &format!("sqlite:{}", store.display())]);
        if let Some(since) = since {
            command.args(["--since", since]);
        }
        timed(&mut command)
    };
    let query = format!(
        "SELECT topic, metric, value, unit, reg_date FROM sensors
         WHERE topic = '{LONG_TOPIC}' AND metric IS NULL AND reg_date >= '{since}'"
    );
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        ours = ours.min(export(Path::new("/dev/null"), Some(&since))?);
        let mut shell = Command::new("sqlite3");
        shell.arg("-csv").arg(store).arg(&query);
        theirs = theirs.min(timed(&mut shell)?);
    }
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64();
    let each = rate(readings, ours);
    println!(
        "CSV of {readings} readings: {each:.0} rows/s (aim: 1,000,000, {}), sqlite3 -csv {:.0} rows/s: {ratio:.2} times (aim: 2, {})",
        if each >= 1e6 { "reached" } else { "missed" },
        rate(readings, theirs),
        if ratio >= 2.0 { "reached" } else { "missed" },
    );
    let time = export(&folder.join("long.parquet"), Some(&since))?;
    println!("Parquet of the same: {:.0} rows/s", rate(readings, time));
    let csv = folder.join("long.csv");
    let time = export(&csv, None)?;
    println!(
        "CSV of the whole series, {} readings, to a file on the disk: {:.0} rows/s",
        span.readings,
        rate(span.readings, time)
    );
    Ok(csv)
}
