//! Storing into SQLite, and a query of the result.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bench::peer::topic;
use rusqlite::Connection;

use crate::figures::{aim, rate};
use crate::subject::{MILLION, Subject, WINDOW};

pub(crate) fn measure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let mut subject = Subject::start(folder.path(), &["--store", &store])?;
    let run = subject.guest.send_count(MILLION, WINDOW)?;
    let cost = subject.cost(run.messages)?;
    subject.terminate()?;
    println!(
        "into SQLite: {:.0} readings/s, {cost:.2} µs of processor time each (aim: 100,000/s, {})",
        rate(run),
        aim(rate(run) >= 100_000.0)
    );

    let connection = Connection::open(&file)?;
    let count: i64 = connection.query_row("SELECT count(*) FROM readings", [], |row| row.get(0))?;
    ensure!(
        u64::try_from(count)? == run.messages,
        "{count} of {} are stored",
        run.messages
    );
    // A second in the middle of one topic.
    let middle: String = connection.query_row(
        "SELECT reg_date FROM sensors WHERE topic = ? LIMIT 1 OFFSET 5000",
        [topic(7)],
        |row| row.get(0),
    )?;
    // A topic may have several metrics, whose readings are sorted together.
    for (which, one_series) in [("", ""), (", plain values only", "AND metric IS NULL")] {
        let query = format!(
            "SELECT value, reg_date FROM sensors
             WHERE topic = ?1 {one_series} AND reg_date >= ?2 LIMIT 100"
        );
        let median = median(&connection, &query, &middle)?;
        println!(
            "a query of it by topic and time{which}, 100 rows of {count}: {:.3} ms (aim: 1 ms, {})",
            median.as_secs_f64() * 1e3,
            aim(median < Duration::from_millis(1))
        );
    }
    println!();
    Ok(())
}

/// Returns the median time of a query for 100 topics.
fn median(connection: &Connection, query: &str, middle: &str) -> Result<Duration> {
    let mut query = connection.prepare(query)?;
    let mut times = Vec::new();
    for n in 0..100 {
        let start = Instant::now();
        let rows = query.query_map((topic(n), middle), |_| Ok(()))?.count();
        times.push(start.elapsed());
        ensure!(rows > 0, "no rows");
    }
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
