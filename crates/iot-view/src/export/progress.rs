//! How far an export has come, on stderr.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use iot_cli::{is_quiet, notify};
use iot_store::read::TimeRange;

/// Between two lines.
const INTERVAL: Duration = Duration::from_millis(200);

/// Counts what is written to a file, and shows it on a terminal.
#[derive(Debug)]
pub(super) struct Progress {
    /// `None` for stdout, of which nothing is reported.
    path: Option<PathBuf>,
    is_shown: bool,
    since: Option<DateTime<Utc>>,
    until: DateTime<Utc>,
    rows: u64,
    bytes: u64,
    started: Instant,
    shown: Instant,
}

impl Progress {
    pub(super) fn new(path: Option<&Path>, range: TimeRange, now: DateTime<Utc>) -> Self {
        let started = Instant::now();
        Self {
            path: path.map(Path::to_owned),
            is_shown: path.is_some() && io::stderr().is_terminal() && !is_quiet(),
            since: range.since,
            until: range.until.unwrap_or(now),
            rows: 0,
            bytes: 0,
            started,
            shown: started,
        }
    }

    /// Counts a row.
    pub(super) fn count(&mut self) {
        self.rows += 1;
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn add_bytes(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Shows the state, whose last row has this time, if it is time for that.
    pub(super) fn show(&mut self, time: Option<DateTime<Utc>>) {
        if !self.is_shown || self.shown.elapsed() < INTERVAL {
            return;
        }
        self.shown = Instant::now();
        let part = time.and_then(|time| self.part(time));
        let part = part.map_or_else(String::new, |part| format!(", {part:.0} %"));
        let line = format!("{}{part}", self.amount());
        let _ = io::stderr().write_all(format!("\r{line}\x1b[K").as_bytes());
    }

    /// Returns how much is done, in percent: rows come in order of time.
    fn part(&self, time: DateTime<Utc>) -> Option<f64> {
        let whole = (self.until - self.since?).as_seconds_f64();
        let part = (time - self.since?).as_seconds_f64();
        (whole > 0.0).then(|| (part / whole * 100.0).clamp(0.0, 100.0))
    }

    fn amount(&self) -> String {
        #[expect(clippy::cast_precision_loss, reason = "it is rounded")]
        let megabytes = self.bytes as f64 / 1e6;
        format!("{} rows, {megabytes:.1} MB", self.rows)
    }

    /// Removes the line.
    pub(super) fn clear(&self) {
        if self.is_shown {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }

    /// Reports the whole.
    pub(super) fn finish(&self) {
        self.clear();
        if let Some(path) = &self.path {
            let seconds = self.started.elapsed().as_secs_f64();
            let (amount, path) = (self.amount(), path.display());
            notify(
                "iot-view",
                &format!("{amount} in `{path}` ({seconds:.1} s)"),
            );
        }
    }
}
