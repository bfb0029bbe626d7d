//! Reads the records of a recording, and goes on after a bad line.

use std::io::BufRead;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use chrono::{DateTime, FixedOffset};
use iot_cli::io_reason;

use super::csv::{Parsed, parse};
use super::fields::{Columns, columns, json};
use super::line::{LIMIT, Line, Lines};
use super::record::{Item, Map, Record};

const HEADER: &str = "a recording is CSV whose first line names its columns, topic,value,time, or JSON lines: \
                      {\"topic\": …, \"value\": …, \"time\": \"2026-06-21T06:00:00Z\"}";

/// Reads records one after another.
pub(super) struct Reader<R> {
    name: String,
    lines: Lines<R>,
    form: Form,
    /// The number of the line that was read last.
    number: u64,
    /// The time of the first record.
    first: Option<DateTime<FixedOffset>>,
    /// Payloads have the recorded times.
    with_times: bool,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Csv(Columns),
    Json,
}

impl<R: BufRead> Reader<R> {
    /// Returns a reader that has read the first line.
    ///
    /// # Errors
    /// The input cannot be read, or its first line is no header of a recording.
    pub(super) fn new(name: &str, input: R) -> Result<Self> {
        let mut reader = Self {
            name: name.to_owned(),
            lines: Lines::new(input),
            form: Form::Json,
            number: 0,
            first: None,
            with_times: false,
        };
        let Some(mut line) = reader.line()? else {
            return Ok(reader);
        };
        if let Some(text) = line.text.strip_prefix(b"\xef\xbb\xbf") {
            line.text = text.to_vec();
        }
        if line.text.trim_ascii_start().starts_with(b"{") {
            reader.lines.put_back(line);
            return Ok(reader);
        }
        match columns(&line.text) {
            Ok(columns) => reader.form = Form::Csv(columns),
            Err(why) => {
                let found = String::from_utf8_lossy(&line.text);
                let (number, found) = (line.number, shown(found.trim_end()));
                bail!("{name}:{number}: {why} in `{found}`: {HEADER}")
            }
        }
        Ok(reader)
    }

    /// Has payloads that are JSON, with the recorded times.
    pub(super) fn with_times(self, with_times: bool) -> Self {
        Self { with_times, ..self }
    }

    /// Returns the next record or bad line; `None` at the end. The time of a record is that after
    /// the first one, or zero if it was before.
    ///
    /// # Errors
    /// The input cannot be read.
    pub(super) fn next(&mut self, map: &Map) -> Result<Option<Item>> {
        let Some(line) = self.line()? else {
            return Ok(None);
        };
        let number = line.number;
        self.number = number;
        let parts = match self.form {
            _ if line.is_cut => Err(format!("longer than {LIMIT} bytes")),
            Form::Json => json(&line.text, self.with_times),
            Form::Csv(columns) => self
                .csv(line, columns.separator)?
                .and_then(|fields| columns.parts(fields, self.with_times)),
        };
        let record = parts.and_then(|(topic, payload, time)| {
            let topic = map(&topic)?;
            let first = *self.first.get_or_insert(time);
            let at = (time - first).to_std().unwrap_or(Duration::ZERO);
            Ok(Record { topic, payload, at })
        });
        Ok(Some(match record {
            Ok(record) => Item::Record(record),
            Err(why) => Item::Bad(format!("{}:{number}: {why}", self.name)),
        }))
    }

    /// Returns the number of the first line of the last record.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the next line that is not blank.
    fn line(&mut self) -> Result<Option<Line>> {
        loop {
            match self.lines.next() {
                Ok(Some(line)) if line.text.trim_ascii().is_empty() => {}
                Ok(line) => return Ok(line),
                Err(error) => {
                    let why = anyhow!(io_reason(&error));
                    return Err(why).with_context(|| format!("cannot read `{}`", self.name));
                }
            }
        }
    }

    /// Returns the fields of the record that begins with this line. If the record is bad, only this
    /// line is skipped: the others are read again.
    fn csv(&mut self, first: Line, separator: u8) -> Result<Result<Vec<Vec<u8>>, String>> {
        let quotes_in = |text: &[u8]| text.split(|byte| *byte == b'"').count() - 1;
        let mut quotes = quotes_in(&first.text);
        let mut text = first.text;
        let mut more = Vec::new();
        let why = loop {
            // A whole record has an even number of quotes. Parsing others would take too long in a
            // long record.
            if more.is_empty() || quotes.is_multiple_of(2) {
                match parse(&text, separator) {
                    Parsed::Fields(fields) => return Ok(Ok(fields)),
                    Parsed::Bad(why) => break why,
                    Parsed::Open => {}
                }
            }
            let next = match text.len() {
                0..LIMIT => self.lines.next(),
                _ => break "a quote is not closed",
            };
            let next = next.map_err(|error| anyhow!(io_reason(&error)));
            let Some(line) = next.with_context(|| format!("cannot read `{}`", self.name))? else {
                break "a quote is not closed";
            };
            quotes += quotes_in(&line.text);
            text.extend_from_slice(&line.text);
            more.push(line);
        };
        for line in more.into_iter().rev() {
            self.lines.put_back(line);
        }
        Ok(Err(why.into()))
    }
}

/// Returns the beginning of a text, on one line.
fn shown(text: &str) -> String {
    let escaped = text.escape_debug();
    escaped.take(100).collect()
}
