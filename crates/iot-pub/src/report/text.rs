//! The report of a run, for people and for programs.

use std::fmt::Write;
use std::time::Duration;

use iot_cli::counted;
use iot_core::QoS;
use serde_json::{Value, json};

use super::latency::Latency;
use super::memory::Memory;
use crate::engine::outcome::Outcome;
use crate::plan::ReportFormat;
use crate::schedule::rate::Rate;
use crate::verify::verdict::Verdict;

/// What is known at the end of a run.
pub(super) struct Report<'a> {
    pub(super) outcome: &'a Outcome,
    /// How many times a connection was lost.
    pub(super) losses: u64,
    pub(super) memory: Option<Memory>,
    /// From the first message's due time until the last one was done and its time was over.
    pub(super) elapsed: Duration,
    pub(super) asked: Option<Rate>,
    pub(super) latency: &'a Latency,
    pub(super) lateness: &'a Latency,
}

impl Report<'_> {
    /// Returns the report with its last line's end.
    pub(super) fn text(&self, format: ReportFormat) -> String {
        match format {
            ReportFormat::Json => format!("{}\n", self.to_json()),
            ReportFormat::Text => self.to_text(),
        }
    }

    /// Returns how many a second were written (QoS 0) or acknowledged (QoS 1 and 2).
    fn reached(&self) -> Option<f64> {
        let counts = &self.outcome.counts;
        let done = match self.outcome.qos {
            QoS::AtMostOnce => counts.sent,
            QoS::AtLeastOnce | QoS::ExactlyOnce => counts.acknowledged,
        };
        let seconds = self.elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let reached = done as f64 / seconds;
        (seconds > 0.0 && done > 0).then(|| rounded(reached))
    }

    fn to_json(&self) -> Value {
        let counts = &self.outcome.counts;
        json!({
            "connections": self.outcome.connections,
            "connections_lost": self.losses,
            "memory": self.memory.map(Memory::to_json),
            "devices": self.outcome.devices,
            "qos": self.outcome.qos as u8,
            "seconds": rounded(self.elapsed.as_secs_f64()),
            "messages": counts.messages,
            "sent": counts.sent,
            "acknowledged": counts.acknowledged,
            "unacknowledged": counts.pending,
            "failed": counts.rejected,
            "dropped": counts.dropped,
            "skipped": counts.skipped,
            "rate_asked": self.asked.map(Rate::per_second),
            "rate_reached": self.reached(),
            "acknowledgement_ms": self.latency.to_json(),
            "lateness_ms": self.lateness.to_json(),
            "verify": self.outcome.verdict.as_ref().map(Verdict::to_json),
        })
    }

    fn to_text(&self) -> String {
        let counts = &self.outcome.counts;
        let mut text = format!(
            "messages:      {}; {} sent, {} acknowledged, {} unacknowledged, {} failed, {} dropped, {} skipped\n",
            counts.messages,
            counts.sent,
            counts.acknowledged,
            counts.pending,
            counts.rejected,
            counts.dropped,
            counts.skipped,
        );
        if let Some(reached) = self.reached() {
            let asked = self
                .asked
                .map(|asked| format!(" of {asked} asked for"))
                .unwrap_or_default();
            let seconds = rounded(self.elapsed.as_secs_f64());
            let _ = writeln!(text, "rate:          {reached}/s{asked}, over {seconds} s");
        }
        for (name, latency) in [
            ("acknowledged:  ", self.latency),
            ("late:          ", self.lateness),
        ] {
            if let Some(figures) = latency.to_text() {
                let _ = writeln!(text, "{name}{figures}");
            }
        }
        if self.outcome.connections > 1 || self.losses > 0 {
            let _ = writeln!(
                text,
                "connections:   {}, lost {}",
                self.outcome.connections,
                counted(self.losses, "time")
            );
        }
        if let Some(memory) = self.memory {
            let _ = writeln!(text, "memory:        {}", memory.to_text());
        }
        if let Some(verdict) = &self.outcome.verdict {
            text += &verdict.to_text();
        }
        text
    }
}

/// Returns a number with three digits after the point.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
