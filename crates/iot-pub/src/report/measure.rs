//! Measures a run, and prints the report at its end.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use iot_cli::stdout_failure;
use iot_core::{Message, QoS};

use super::latency::Latency;
use super::memory::{Gauge, Memory};
use super::text::Report;
use crate::engine::observer::Observer;
use crate::engine::outcome::Outcome;
use crate::plan::ReportFormat;
use crate::schedule::rate::Rate;

/// Measures how fast and how late the messages are.
pub(crate) struct Measurement {
    format: ReportFormat,
    /// The rate that was asked for.
    asked: Option<Rate>,
    start: Instant,
    /// When the last message was written or acknowledged.
    last_done: Instant,
    /// How many times a connection was lost.
    losses: u64,
    gauge: Gauge,
    /// Of the connections before anything was published.
    memory: Option<Memory>,
    /// From when a message was due to its acknowledgement.
    latency: Latency,
    /// From when a message was due to its publication.
    lateness: Latency,
}

impl Measurement {
    /// Returns one that reports in this format.
    pub(crate) fn new(format: ReportFormat, asked: Option<Rate>) -> Self {
        let now = Instant::now();
        Self {
            format,
            asked,
            start: now,
            last_done: now,
            losses: 0,
            gauge: Gauge::default(),
            memory: None,
            latency: Latency::new(),
            lateness: Latency::new(),
        }
    }
}

impl Observer for Measurement {
    fn connected(&mut self, made: usize) {
        self.gauge.first_connected(made);
    }

    fn started(&mut self, connections: usize, now: Instant) {
        self.memory = self.gauge.all_connected(connections);
        self.start = now;
    }

    fn published(&mut self, _: &Message, _: Option<&str>, lateness: Duration) {
        self.lateness.record(lateness);
    }

    fn acknowledged(&mut self, qos: QoS, due: Instant, now: Instant) {
        if qos != QoS::AtMostOnce {
            self.latency.record(now.saturating_duration_since(due));
        }
        self.last_done = now;
    }

    fn lost(&mut self) {
        self.losses += 1;
    }

    fn done(&mut self, outcome: &Outcome, _: Duration) -> Result<()> {
        let done = self.last_done.saturating_duration_since(self.start);
        let planned = self.asked.map(|rate| rate.due(outcome.counts.messages));
        let report = Report {
            outcome,
            losses: self.losses,
            memory: self.memory,
            elapsed: planned.map_or(done, |planned| planned.max(done)),
            asked: self.asked,
            latency: &self.latency,
            lateness: &self.lateness,
        };
        let mut stdout = io::stdout().lock();
        let text = report.text(self.format);
        let written = stdout.write_all(text.as_bytes());
        match written.and_then(|()| stdout.flush()) {
            Ok(()) => Ok(()),
            // If nobody reads it any more, the exit code still says how it went.
            Err(error) => stdout_failure(&error).map_or(Ok(()), |failure| bail!(failure)),
        }
    }
}
