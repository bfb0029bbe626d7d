//! What is printed: readings on stdout, rejections on stderr. Neither holds up what is stored.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use iot_core::cli::Printer;

use crate::reading::{Reading, Rejection};

/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Both streams, each with a thread of its own.
#[derive(Debug)]
pub(crate) struct Output {
    readings: Printer,
    rejections: Printer,
}

impl Output {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            readings: Printer::new(std::io::stdout())?,
            rejections: Printer::new(std::io::stderr())?,
        })
    }

    /// Prints ` {topic} {value}`, as the tutorial's subscriber does.
    pub(crate) fn reading(&self, reading: &Reading) {
        self.readings.print(|out| {
            // Writing to memory doesn't fail.
            let _ = writeln!(out, " {} {}", reading.topic, reading.value);
        });
    }

    pub(crate) fn rejection(&self, rejection: &Rejection) {
        self.rejections.print(|out| {
            let Rejection { topic, reason, .. } = rejection;
            let _ = writeln!(out, "iot-sub: rejected a message on `{topic}`: {reason}");
        });
    }

    /// Whether nobody reads stdout any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.readings.is_closed()
    }

    /// Whether the next reading would not be printed.
    pub(crate) fn is_full(&self) -> bool {
        self.readings.is_full()
    }

    /// Waits until something was printed, or nobody reads any more.
    pub(crate) async fn progress(&self) {
        self.readings.progress().await;
    }

    /// Prints what waits, and says how much was left out because the reader was too slow.
    pub(crate) fn finish(self) {
        let was_closed = self.readings.is_closed();
        let left_out = self.readings.finish(PATIENCE);
        self.rejections.finish(PATIENCE);
        if left_out > 0 && !was_closed {
            eprintln!("iot-sub: {left_out} readings were not printed: stdout was too slow");
        }
    }
}
