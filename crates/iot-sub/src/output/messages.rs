//! Messages for people, on stderr.

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use iot_cli::{Printer, debug_line, is_quiet, printable_line};
use iot_core::{Event, Handle};
use iot_store::Rejection;

use super::repeats::Repeats;
use super::status::Status;
use super::watch::Watch;

/// Timeout for printing the last lines.
pub(super) const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// Delay between two counts of what has repeated.
pub(crate) const COUNT_INTERVAL: Duration = Duration::from_mins(1);

/// Messages for people, on stderr. Text from others in them is made printable. Clones share one
/// printer.
#[derive(Debug, Clone)]
pub(crate) struct Messages {
    stderr: Printer,
    status: Arc<Status>,
    repeats: Arc<Mutex<Repeats>>,
}

impl Messages {
    pub(crate) fn new() -> Result<Self> {
        let stderr = Printer::new(std::io::stderr())?;
        Ok(Self {
            status: Arc::new(Status::new(stderr.clone())),
            stderr,
            repeats: Arc::default(),
        })
    }

    /// Prints a line that begins with the program's name.
    pub(crate) fn report(&self, line: &dyn Display) {
        if is_quiet() {
            return;
        }
        let line = line.to_string();
        self.status
            .print(&format!("iot-sub: {}", printable_line(&line)));
    }

    /// Prints a line about a topic, if it is the first of its kind there. `reason` begins with what
    /// lines of one kind have in common.
    pub(crate) fn report_once(&self, reason: &str, topic: &str, line: &dyn Display) {
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = repeats.is_first(reason, topic, Instant::now());
        drop(repeats);
        if is_first {
            self.report(line);
        }
    }

    /// Prints how many lines have repeated since the last call.
    pub(crate) fn report_repeats(&self) {
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = repeats.take();
        drop(repeats);
        for line in lines {
            self.report(&line);
        }
    }

    /// Prints the tutorial subscriber's line about a new connection.
    pub(crate) fn connected(&self, code: u8) {
        if !is_quiet() {
            self.status
                .print(&format!("Connected with result code {code}"));
        }
    }

    /// Prints the packet of an event, with `--debug`.
    pub(crate) fn debug(&self, handle: &Handle, event: &Event) {
        if let Some(line) = debug_line(handle, event) {
            self.status.print(&line);
        }
    }

    /// Reports the format that was recognised on a topic, with `--debug`.
    pub(crate) fn recognised(&self, topic: &str, format: &str) {
        self.report(&format_args!("`{topic}`: format {format}"));
    }

    pub(crate) fn rejection(&self, rejection: &Rejection) {
        let Rejection { topic, reason, .. } = rejection;
        self.report_rejection(topic, reason, has_decimal_comma(&rejection.payload));
    }

    /// A message is kept as rejected.
    pub(crate) fn rejected(&self, topic: &str, reason: &str) {
        self.report_rejection(topic, reason, false);
    }

    fn report_rejection(&self, topic: &str, reason: &str, has_decimal_comma: bool) {
        let help = match reason {
            "not a number or JSON" if has_decimal_comma => {
                " (to read a comma as the decimal point: --decode known --decimal-comma)"
            }
            "not a number or JSON" => {
                " (--decode text accepts any text, --map takes it apart; --explain shows how a message is read)"
            }
            _ => "",
        };
        let line = format_args!("rejected a message on `{topic}`: {reason}{help}");
        self.report_once(reason, topic, &line);
    }

    /// Takes the screen for a table. What is printed meanwhile is shown below it.
    ///
    /// # Errors
    /// The terminal cannot be used so.
    pub(super) fn watch(&self, broker: &str) -> Result<Watch> {
        // What waits belongs to the screen before.
        self.stderr.finish(FLUSH_TIMEOUT);
        Watch::begin(broker, &self.status)
    }

    /// Prints the waiting lines.
    pub(crate) fn finish(&self) {
        self.report_repeats();
        self.stderr.finish(FLUSH_TIMEOUT);
    }
}

/// Whether a payload has one comma, between digits, as in `23,5 °C`.
fn has_decimal_comma(payload: &[u8]) -> bool {
    let is_one = |w: &[u8]| w[0].is_ascii_digit() && w[1] == b',' && w[2].is_ascii_digit();
    let commas = payload.split(|&byte| byte == b',').count() - 1;
    commas == 1 && payload.windows(3).any(is_one)
}
