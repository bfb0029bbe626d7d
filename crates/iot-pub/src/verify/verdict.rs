//! What the verifier found, for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::report::latency::Latency;

/// What the verifier found.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) received: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) out_of_order: u64,
    pub(crate) corrupted: u64,
    pub(crate) latency: Latency,
}

impl Verdict {
    pub(super) fn new() -> Self {
        Self {
            received: 0,
            lost: 0,
            duplicated: 0,
            out_of_order: 0,
            corrupted: 0,
            latency: Latency::new(),
        }
    }

    /// Returns what is wrong, in one line; `None` if nothing is.
    pub(crate) fn complaint(&self) -> Option<String> {
        let found: Vec<_> = self
            .findings()
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        (!found.is_empty()).then(|| found.join(", "))
    }

    fn findings(&self) -> [(u64, &'static str); 4] {
        [
            (self.lost, "lost"),
            (self.duplicated, "duplicated"),
            (self.out_of_order, "out of order"),
            (self.corrupted, "corrupted"),
        ]
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "received": self.received,
            "lost": self.lost,
            "duplicated": self.duplicated,
            "out_of_order": self.out_of_order,
            "corrupted": self.corrupted,
            "latency_ms": self.latency.to_json(),
        })
    }

    pub(crate) fn to_text(&self) -> String {
        let findings = self
            .findings()
            .map(|(count, what)| format!("{count} {what}"));
        let mut text = format!(
            "arrived:       {}; {}\n",
            self.received,
            findings.join(", ")
        );
        if let Some(latency) = self.latency.to_text() {
            let _ = writeln!(text, "end to end:    {latency}");
        }
        text
    }
}
