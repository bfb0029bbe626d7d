//! What is printed: readings on stdout, everything for people on stderr. Neither holds up what is stored.

use std::fmt::Display;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use iot_core::cli::{Printer, debug_line, is_quiet};
use iot_core::{Event, Handle};

use crate::reading::{Reading, Rejection};

/// How long the last lines may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Readings on stdout.
#[derive(Debug)]
pub(crate) struct Output {
    readings: Printer,
    /// Lines of the batch at hand, and how many there are.
    lines: Vec<u8>,
    count: u64,
}

impl Output {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            readings: Printer::new(std::io::stdout())?,
            lines: Vec::new(),
            count: 0,
        })
    }

    /// Prints ` {topic} {value}`, as the tutorial's subscriber does, with the next [`flush`](Self::flush).
    pub(crate) fn reading(&mut self, reading: &Reading) {
        // Writing to memory doesn't fail.
        let _ = writeln!(self.lines, " {} {}", reading.topic, reading.value);
        self.count += 1;
    }

    /// Hands on the lines of a batch, together.
    pub(crate) fn flush(&mut self) {
        if self.count > 0 {
            self.readings.print_lines(&mut self.lines, self.count);
            self.count = 0;
        }
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
    pub(crate) fn finish(&self, messages: &Messages) {
        let left_out = self.readings.finish(PATIENCE);
        if left_out > 0 && !self.readings.is_closed() {
            messages.say(&format_args!(
                "{left_out} readings were not printed: stdout was too slow"
            ));
        }
    }
}

/// Lines for people, on stderr. Clones write to the same place.
#[derive(Debug, Clone)]
pub(crate) struct Messages {
    lines: Arc<Printer>,
}

impl Messages {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            lines: Arc::new(Printer::new(std::io::stderr())?),
        })
    }

    /// Prints a line with the program's name before it.
    pub(crate) fn say(&self, line: &dyn Display) {
        if is_quiet() {
            return;
        }
        self.lines.print(|out| {
            let _ = writeln!(out, "iot-sub: {line}");
        });
    }

    /// Prints what the tutorial's subscriber prints once it is connected.
    pub(crate) fn connected(&self, code: u8) {
        if is_quiet() {
            return;
        }
        self.lines.print(|out| {
            let _ = writeln!(out, "Connected with result code {code}");
        });
    }

    /// Prints the packet that an event tells of, where `--debug` asks for it.
    pub(crate) fn debug(&self, handle: &Handle, event: &Event) {
        if let Some(line) = debug_line(handle, event) {
            self.lines.print(|out| {
                let _ = writeln!(out, "{line}");
            });
        }
    }

    pub(crate) fn rejection(&self, rejection: &Rejection) {
        let Rejection { topic, reason, .. } = rejection;
        self.say(&format_args!("rejected a message on `{topic}`: {reason}"));
    }

    /// Prints what waits.
    pub(crate) fn finish(&self) {
        self.lines.finish(PATIENCE);
    }
}
