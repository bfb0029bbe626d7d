//! What became of the messages, for people and for programs.

pub(crate) mod latency;
pub(crate) mod memory;
pub(crate) mod progress;

use std::fmt::Write;
use std::time::Duration;

use iot_core::QoS;
use serde_json::{Value, json};

use crate::engine::state::Counts;
use crate::plan::ReportFormat;
use crate::report::latency::Latency;
use crate::report::memory::Memory;
use crate::schedule::rate::Rate;
use crate::verify::verifier::Verdict;

/// All that is known at the end of a run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) connections: usize,
    pub(crate) devices: usize,
    /// Times a connection was lost.
    pub(crate) losses: u64,
    pub(crate) memory: Option<Memory>,
    /// The highest of the devices.
    pub(crate) qos: QoS,
    pub(crate) counts: Counts,
    /// How many were taken up to be sent.
    pub(crate) messages: u64,
    /// From the first message's due time until the last one was done and its time was over.
    pub(crate) elapsed: Duration,
    pub(crate) asked: Option<Rate>,
    pub(crate) latency: Latency,
    pub(crate) lateness: Latency,
    pub(crate) verdict: Option<Verdict>,
}

impl Report {
    /// Returns the report with its last line's end.
    pub(crate) fn text(&self, format: ReportFormat) -> String {
        match format {
            ReportFormat::Json => format!("{}\n", self.to_json()),
            ReportFormat::Text => self.to_text(),
        }
    }

    /// How many a second were written (QoS 0) or acknowledged (QoS 1 and 2).
    fn reached(&self) -> Option<f64> {
        let done = match self.qos {
            QoS::AtMostOnce => self.counts.sent,
            QoS::AtLeastOnce | QoS::ExactlyOnce => self.counts.acknowledged,
        };
        let seconds = self.elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
        let reached = done as f64 / seconds;
        (seconds > 0.0 && done > 0).then(|| rounded(reached))
    }

    /// With QoS 0 nothing is acknowledged, and what is pending is not sent.
    fn unacknowledged(&self) -> u64 {
        self.counts.pending
    }

    fn to_json(&self) -> Value {
        let counts = &self.counts;
        json!({
            "connections": self.connections,
            "connections_lost": self.losses,
            "memory": self.memory.map(Memory::to_json),
            "devices": self.devices,
            "qos": self.qos as u8,
            "seconds": rounded(self.elapsed.as_secs_f64()),
            "messages": self.messages,
            "sent": counts.sent,
            "acknowledged": counts.acknowledged,
            "unacknowledged": self.unacknowledged(),
            "failed": counts.failed,
            "dropped": counts.dropped,
            "skipped": counts.skipped,
            "rate_asked": self.asked.map(Rate::per_second),
            "rate_reached": self.reached(),
            "acknowledgement_ms": self.latency.to_json(),
            "lateness_ms": self.lateness.to_json(),
            "verify": self.verdict.as_ref().map(Verdict::to_json),
        })
    }

    fn to_text(&self) -> String {
        let counts = &self.counts;
        let mut text = format!(
            "messages:      {}; {} sent, {} acknowledged, {} unacknowledged, {} failed, {} dropped, {} skipped\n",
            self.messages,
            counts.sent,
            counts.acknowledged,
            self.unacknowledged(),
            counts.failed,
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
            ("acknowledged:  ", &self.latency),
            ("late:          ", &self.lateness),
        ] {
            if let Some(figures) = latency.to_text() {
                let _ = writeln!(text, "{name}{figures}");
            }
        }
        if self.connections > 1 || self.losses > 0 {
            let _ = writeln!(
                text,
                "connections:   {}, lost {} times",
                self.connections, self.losses
            );
        }
        if let Some(memory) = self.memory {
            let _ = writeln!(text, "memory:        {}", memory.to_text());
        }
        if let Some(verdict) = &self.verdict {
            text += &verdict.to_text();
        }
        text
    }
}

/// To three digits after the point.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
