//! Output: readings on stdout, messages for people on stderr. Neither delays storing.

mod format;
mod json;
mod messages;
mod readings;
mod repeats;
mod status;
mod time;
#[cfg_attr(not(feature = "watch"), path = "output/without_watch.rs")]
mod watch;

use std::io::{IsTerminal, Write};

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use iot_cli::{Printer, make_printable};
use iot_core::Message;
use iot_store::Reading;

use crate::decode::explain::{Verdict, explain};

pub(crate) use self::format::Format;
use self::format::Shown;
use self::messages::FLUSH_TIMEOUT;
pub(crate) use self::messages::{COUNT_INTERVAL, Messages};
use self::time::Clock;
use self::watch::Watch;
pub(crate) use self::watch::restore as restore_terminal;

/// What a line of stdout shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// A reading as ` {topic} {value}`, as the tutorial's subscriber prints it.
    #[default]
    Tutorial,
    /// A reading as an object.
    Json,
    /// A reading as columns.
    Csv,
    /// A message as `mosquitto_sub` prints it.
    Message(MessageStyle),
    /// The number of messages in the last second.
    Rate,
    /// How a message would be stored.
    Explain,
}

/// How `mosquitto_sub` prints a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageStyle {
    pub(crate) format: Option<Format>,
    /// Without a format, the topic is printed before the payload.
    pub(crate) verbose: bool,
    /// A newline follows it.
    pub(crate) newline: bool,
    /// JSON with line breaks.
    pub(crate) pretty: bool,
}

/// What to print, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OutputPlan {
    pub(crate) style: Style,
    /// On a terminal, a table of all series has the whole screen.
    pub(crate) watch: bool,
    /// Columns of readings have a metric and a unit.
    pub(crate) named: bool,
}

/// Lines on stdout.
#[derive(Debug)]
pub(crate) struct Output {
    readings: Printer,
    style: Style,
    named: bool,
    watch: Option<Watch>,
    /// A terminal shows the lines: what it would obey is escaped.
    is_on_terminal: bool,
    clock: Clock,
    /// Lines of the current batch, and their number.
    lines: Vec<u8>,
    count: u64,
    /// Messages since the rate was last printed.
    rate: u64,
    /// It was reported that printing has failed.
    is_failure_reported: bool,
}

impl Output {
    /// Returns an output for readings from `broker`.
    ///
    /// # Errors
    /// The terminal cannot be used, or a thread cannot be started.
    pub(crate) fn new(plan: OutputPlan, broker: &str, messages: &Messages) -> Result<Self> {
        let mut lines = Vec::new();
        if plan.style == Style::Csv {
            let header = if plan.named {
                readings::CSV_HEADER_NAMED
            } else {
                readings::CSV_HEADER
            };
            lines.extend(header.as_bytes());
        }
        let is_on_terminal = std::io::stdout().is_terminal();
        let watches = plan.watch && is_on_terminal;
        let watch = watches.then(|| messages.watch(broker)).transpose()?;
        let count = u64::from(!lines.is_empty());
        let mut output = Self {
            readings: Printer::new(std::io::stdout())?,
            style: plan.style,
            named: plan.named,
            watch,
            is_on_terminal,
            clock: Clock::default(),
            lines,
            count,
            rate: 0,
            is_failure_reported: false,
        };
        output.flush();
        Ok(output)
    }

    /// Whether messages are printed as they are, instead of readings.
    pub(crate) fn shows_messages(&self) -> bool {
        matches!(self.style, Style::Message(_) | Style::Rate)
    }

    /// Prints a message with the next [`flush`](Self::flush), if messages are printed.
    pub(crate) fn message(&mut self, message: &Message, now: DateTime<Utc>, messages: &Messages) {
        let style = match &self.style {
            Style::Message(style) => style,
            Style::Rate => {
                self.rate += 1;
                return;
            }
            _ => return,
        };
        if let (Some(watch), None) = (&mut self.watch, &style.format) {
            watch.text(message.topic.as_str(), &message.payload);
            return;
        }
        let start = self.lines.len();
        let shown = Shown {
            now,
            is_pretty: style.pretty,
            is_on_terminal: self.is_on_terminal,
        };
        let problem = style.print(message, shown, &mut self.clock, &mut self.lines);
        if let Some(problem) = problem {
            let topic = message.topic.as_str();
            let line = format_args!("`{topic}`: {problem}");
            messages.report_once(problem, topic, &line);
        }
        self.finish_line(message.topic.as_str(), start);
    }

    /// Prints a reading with the next [`flush`](Self::flush), if readings are printed.
    pub(crate) fn reading(&mut self, reading: &Reading) {
        if let (Some(watch), Style::Tutorial) = (&mut self.watch, &self.style) {
            watch.reading(reading);
            return;
        }
        let start = self.lines.len();
        match self.style {
            Style::Tutorial => {
                readings::tutorial(reading, &mut self.lines);
                self.end_tutorial_line(start);
            }
            Style::Json => readings::json(reading, &mut self.lines),
            Style::Csv => readings::csv(reading, self.named, &mut self.lines),
            Style::Message(_) | Style::Rate | Style::Explain => return,
        }
        if self.is_on_terminal {
            make_printable(&mut self.lines, start, true);
        }
        self.finish_line(&reading.topic, start);
    }

    /// Prints how a message of `topic` would be stored, and what is known of it.
    pub(crate) fn explain(
        &mut self,
        topic: &str,
        verdict: &Verdict,
        known: &Verdict,
        other: Option<&(String, Verdict)>,
    ) {
        let start = self.lines.len();
        explain(topic, verdict, known, other, &mut self.lines);
        self.finish_line(topic, start);
    }

    /// Prints a payload that is no reading as the tutorial's subscriber would; returns whether it
    /// does.
    pub(crate) fn payload(&mut self, topic: &str, payload: &[u8]) -> bool {
        if self.style != Style::Tutorial {
            return false;
        }
        if let Some(watch) = &mut self.watch {
            watch.text(topic, payload);
            return true;
        }
        let start = self.lines.len();
        let _ = write!(self.lines, " {topic} ");
        self.lines.extend_from_slice(payload);
        self.end_tutorial_line(start);
        self.finish_line(topic, start);
        true
    }

    /// Ends the line that begins at `start`: on a terminal, no message makes two lines of it.
    fn end_tutorial_line(&mut self, start: usize) {
        if self.is_on_terminal {
            make_printable(&mut self.lines, start, false);
        }
        self.lines.push(b'\n');
    }

    /// Finishes the line that begins at `start`; with `--watch` it moves to the topic's row.
    fn finish_line(&mut self, topic: &str, start: usize) {
        if self.lines.len() == start {
            return;
        }
        if let Some(watch) = &mut self.watch {
            let text = self.lines.split_off(start);
            watch.text(topic, &text);
            return;
        }
        self.count += 1;
    }

    /// Whether the rate is printed each second.
    pub(crate) fn prints_rate(&self) -> bool {
        self.style == Style::Rate
    }

    /// Prints the number of messages since the last call.
    pub(crate) fn print_rate(&mut self) {
        let _ = writeln!(self.lines, "{} msgs/s", self.rate);
        self.rate = 0;
        self.count += 1;
        self.flush();
    }

    /// Prints the lines of a batch, in one step.
    pub(crate) fn flush(&mut self) {
        if self.count > 0 {
            self.readings.print_lines(&mut self.lines, self.count);
            self.count = 0;
        }
    }

    /// Whether stdout was closed by its reader.
    pub(crate) fn is_closed(&self) -> bool {
        self.readings.is_closed()
    }

    /// Whether the next reading would not be printed.
    pub(crate) fn is_full(&self) -> bool {
        self.readings.is_full()
    }

    /// Returns the printer, which notifies when something was printed or stdout was closed.
    pub(crate) fn printer(&self) -> Printer {
        self.readings.clone()
    }

    /// Reports once that stdout cannot be written any more, while storing goes on.
    pub(crate) fn report_failure(&mut self, messages: &Messages) {
        if self.is_failure_reported {
            return;
        }
        if let Some(failure) = self.readings.failure() {
            self.is_failure_reported = true;
            messages.report(&format_args!(
                "{failure}; printing stops, storing continues"
            ));
        }
    }

    /// Prints the waiting lines, and reports how many were left out because the reader was too
    /// slow.
    ///
    /// # Errors
    /// Stdout could not be written.
    pub(crate) fn finish(&self, messages: &Messages) -> Result<()> {
        let left_out = self.readings.finish(FLUSH_TIMEOUT);
        if let Some(failure) = self.readings.failure() {
            bail!(failure);
        }
        if left_out > 0 && !self.readings.is_closed() {
            messages.report(&format_args!(
                "{left_out} {} not printed: stdout was too slow",
                if left_out == 1 {
                    "reading was"
                } else {
                    "readings were"
                }
            ));
        }
        Ok(())
    }
}

impl MessageStyle {
    /// Appends the message; returns what could not be printed.
    fn print(
        &self,
        message: &Message,
        shown: Shown,
        clock: &mut Clock,
        out: &mut Vec<u8>,
    ) -> Option<&'static str> {
        let payload = &message.payload[..];
        let mut problem = None;
        if let Some(format) = &self.format {
            problem = format.print(message, shown, clock, out);
        } else if self.verbose && payload.is_empty() {
            if self.newline {
                topic(message, shown, out);
                out.extend(b" (null)\n");
            }
            return None;
        } else if payload.is_empty() {
            return None;
        } else {
            if self.verbose {
                topic(message, shown, out);
                out.push(b' ');
            }
            let start = out.len();
            out.extend_from_slice(payload);
            if shown.is_on_terminal {
                make_printable(out, start, true);
            }
        }
        if self.newline {
            out.push(b'\n');
        }
        problem
    }
}

fn topic(message: &Message, shown: Shown, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(message.topic.as_str().as_bytes());
    if shown.is_on_terminal {
        make_printable(out, start, false);
    }
}
