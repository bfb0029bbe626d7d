//! Other programs, on the same readings: `sqlite3` without rollups, and `DuckDB`.

use std::env;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::data::{LONG_TOPIC, Span};
use crate::programs::timed;
use crate::questions::{BUCKETS, ranges};

/// Downsamples the whole long series by the hour, from its readings.
pub(crate) fn sqlite3(store: &Path) -> Result<()> {
    let query = format!(
        "SELECT substr(reg_date, 1, 13), count(*), min(value), max(value), avg(value) FROM sensors
         WHERE topic = '{LONG_TOPIC}' AND metric IS NULL GROUP BY 1"
    );
    let time = timed(Command::new("sqlite3").arg(store).arg(query))?;
    println!(
        "sqlite3, the whole series by the hour: {:.0} ms",
        time.as_secs_f64() * 1e3
    );
    Ok(())
}

/// Has `DuckDB` read the CSV, and answer the same questions.
pub(crate) fn duckdb(folder: &Path, csv: &Path, span: Span) -> Result<()> {
    let Some(python) = env::var_os("BENCH_PYTHON") else {
        println!("DuckDB: BENCH_PYTHON is not set");
        return Ok(());
    };
    let mut questions = String::new();
    for range in ranges(span) {
        let (since, until) = range.since.zip(range.until).context("a range")?;
        let (since, until) = (since.timestamp_millis(), until.timestamp_millis());
        writeln!(questions, "{since} {until}")?;
    }
    let file = folder.join("ranges");
    std::fs::write(&file, questions)?;
    let status = Command::new(python)
        .args(["-I", "scripts/peers/readings_in_duckdb.py"])
        .args([folder, csv, file.as_path()])
        .arg(BUCKETS.to_string())
        .status()
        .context("cannot start Python")?;
    ensure!(status.success(), "DuckDB failed: {status}");
    Ok(())
}
