//! Reads a recording in a thread of its own, once or again and again.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use iot_cli::io_reason;
use tokio::sync::mpsc::Sender;

use super::reader::Reader;
use super::record::{Item, Map};
use super::utf16;

/// Reads a recording once, or again and again.
pub(super) struct Rounds {
    pub(super) name: String,
    /// `-` is standard input.
    pub(super) path: PathBuf,
    pub(super) map: Map,
    /// Start again at the end.
    pub(super) repeat: bool,
    /// An empty value is a bad line.
    pub(super) retain: bool,
    /// Payloads have the recorded times.
    pub(super) with_times: bool,
}

impl Rounds {
    pub(super) fn is_standard_input(&self) -> bool {
        self.path == Path::new("-")
    }

    /// Opens the recording, and reads its first line.
    ///
    /// # Errors
    /// The recording can't be read, or its first line is no header.
    pub(super) fn open(&self) -> Result<Reader<Box<dyn BufRead + Send>>> {
        let input: Box<dyn BufRead + Send> = if self.is_standard_input() {
            Box::new(BufReader::new(io::stdin()))
        } else {
            let file = File::open(&self.path).map_err(|error| anyhow!(io_reason(&error)));
            let file = file.with_context(|| format!("cannot read recording `{}`", self.name))?;
            Box::new(BufReader::new(file))
        };
        let input = utf16::as_utf8(input)
            .map_err(|error| anyhow!(io_reason(&error)))
            .with_context(|| format!("cannot read `{}`", self.name))?;
        Ok(Reader::new(&self.name, input)?.with_times(self.with_times))
    }

    /// Sends everything, until the receiver is closed.
    pub(super) fn read(
        &self,
        mut first: Option<Reader<Box<dyn BufRead + Send>>>,
        sender: &Sender<Item>,
    ) -> Result<()> {
        let mut base = Duration::ZERO;
        let mut is_first = true;
        loop {
            let mut reader = match first.take() {
                Some(reader) => reader,
                None => self.open()?,
            };
            let mut records: u32 = 0;
            let mut last = Duration::ZERO;
            while let Some(item) = reader.next(&self.map)? {
                let item = match item {
                    Item::Record(record) if self.retain && record.payload.is_empty() => {
                        let (topic, line) = (&record.topic, reader.number());
                        Item::Bad(format!(
                            "{}:{line}: the value is empty, which would delete the retained message of `{topic}` (-n does)",
                            self.name
                        ))
                    }
                    item => item,
                };
                let item = match item {
                    Item::Record(mut record) => {
                        records = records.saturating_add(1);
                        // A record that is older than the one before follows it at once.
                        last = last.max(record.at);
                        record.at = base + last;
                        Item::Record(record)
                    }
                    // It was reported in the first round.
                    Item::Bad(_) if !is_first => continue,
                    item => item,
                };
                if sender.blocking_send(item).is_err() {
                    return Ok(());
                }
            }
            if records == 0 {
                bail!("`{}` has no line that can be replayed", self.name);
            }
            if !self.repeat {
                return Ok(());
            }
            is_first = false;
            base += last + pause(last, records);
        }
    }
}

/// Returns the time between the last message of a round and the first of the next: the mean time
/// between two messages.
fn pause(last: Duration, records: u32) -> Duration {
    match last.checked_div(records - 1) {
        Some(mean) if !mean.is_zero() => mean,
        _ => Duration::from_secs(1),
    }
}
