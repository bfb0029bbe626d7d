//! Reads the lines of a recording, and goes on after a bad one.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::str;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use chrono::{DateTime, FixedOffset};
use iot_cli::io_reason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::csv::{Parsed, parse};
use super::{Item, Map, Record};
use crate::payload::clock::parse_time;

/// The largest record that is taken, so that a line without an end or a quote that is never closed doesn't fill memory.
pub(super) const LIMIT: usize = if cfg!(test) { 64 } else { 16 * 1024 } * 1024;

const HEADER: &str = "a recording is CSV whose first line names its columns, topic,value,time, or JSON lines: \
                      {\"topic\": …, \"value\": …, \"time\": \"2026-06-21T06:00:00Z\"}";

/// Reads records one after another.
pub(super) struct Reader<R> {
    name: String,
    lines: Lines<R>,
    form: Form,
    /// The first one's time.
    first: Option<DateTime<FixedOffset>>,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Csv(Columns),
    Json,
}

/// Where the header has them.
#[derive(Debug, Clone, Copy)]
struct Columns {
    topic: usize,
    value: usize,
    time: usize,
    count: usize,
}

/// One line of JSON; what else is in it doesn't matter.
#[derive(Debug, Deserialize)]
struct Object<'a> {
    topic: String,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(alias = "reg_date")]
    time: String,
}

/// Topic, value, time.
type Parts = (String, Bytes, String);

impl<R: BufRead> Reader<R> {
    /// Returns a reader that has looked at the first line.
    ///
    /// # Errors
    /// The system's; and where that line is no header of a recording.
    pub(super) fn new(name: &str, input: R) -> Result<Self> {
        let mut reader = Self {
            name: name.to_owned(),
            lines: Lines {
                input,
                number: 0,
                again: VecDeque::new(),
            },
            form: Form::Json,
            first: None,
        };
        let Some(mut line) = reader.line()? else {
            return Ok(reader);
        };
        if let Some(text) = line.text.strip_prefix(b"\xef\xbb\xbf") {
            line.text = text.to_vec();
        }
        if line.text.trim_ascii_start().starts_with(b"{") {
            reader.lines.again.push_front(line);
            return Ok(reader);
        }
        match columns(&line.text) {
            Ok(columns) => reader.form = Form::Csv(columns),
            Err(why) => bail!("{name}:{}: {why}: {HEADER}", line.number),
        }
        Ok(reader)
    }

    /// Returns the next record or bad line; `None` at the end. A record's time is that after the first one, and none if
    /// it was before.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn next(&mut self, map: &Map) -> Result<Option<Item>> {
        let Some(line) = self.line()? else {
            return Ok(None);
        };
        let number = line.number;
        let parts = match self.form {
            _ if line.is_cut => Err(format!("longer than {LIMIT} bytes")),
            Form::Json => json(&line.text),
            Form::Csv(columns) => self.csv(line)?.and_then(|fields| columns.parts(fields)),
        };
        let record = parts.and_then(|(topic, payload, time)| {
            let time = parse_time(&time).ok_or_else(|| {
                format!("`{}` is no time, as in 2026-06-21T06:00:00Z", shown(&time))
            })?;
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

    /// Returns the fields of the record that begins with this line. If it is bad, only this line is: those that an open
    /// quote has swallowed are read again.
    fn csv(&mut self, first: Line) -> Result<Result<Vec<Vec<u8>>, String>> {
        let quotes_in = |text: &[u8]| text.split(|byte| *byte == b'"').count() - 1;
        let mut quotes = quotes_in(&first.text);
        let mut text = first.text;
        let mut more = Vec::new();
        let why = loop {
            // A whole record has an even number of quotes. Others are not even tried: a long one would be, again and again.
            if more.is_empty() || quotes.is_multiple_of(2) {
                match parse(&text) {
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
            self.lines.again.push_front(line);
        }
        Ok(Err(why.into()))
    }
}

impl Columns {
    fn parts(self, fields: Vec<Vec<u8>>) -> Result<Parts, String> {
        if fields.len() != self.count {
            let (found, wanted) = (fields.len(), self.count);
            let what = if found < wanted { "only" } else { "more:" };
            return Err(format!(
                "{wanted} fields are wanted, and there are {what} {found}"
            ));
        }
        let text = |column: usize, name: &str| {
            let text = str::from_utf8(&fields[column]);
            text.map(str::to_owned)
                .map_err(|_| format!("the {name} is not UTF-8"))
        };
        let (topic, time) = (text(self.topic, "topic")?, text(self.time, "time")?);
        let mut fields = fields;
        let value = std::mem::take(&mut fields[self.value]);
        Ok((topic, value.into(), time))
    }
}

fn columns(header: &[u8]) -> Result<Columns, String> {
    let Parsed::Fields(names) = parse(header) else {
        return Err("this is no header".into());
    };
    let find = |name: &str| {
        names
            .iter()
            .position(|field| field.trim_ascii() == name.as_bytes())
    };
    let column = |name: &str| find(name).ok_or_else(|| format!("there is no column `{name}`"));
    Ok(Columns {
        topic: column("topic")?,
        value: column("value")?,
        time: find("reg_date").map_or_else(|| column("time"), Ok)?,
        count: names.len(),
    })
}

fn json(text: &[u8]) -> Result<Parts, String> {
    let object: Object = serde_json::from_slice(text).map_err(|error| {
        let text = error.to_string();
        // Each line is a text of its own to the parser.
        let why = &text[..text.find(" at line ").unwrap_or(text.len())];
        if error.is_data() {
            why.to_owned()
        } else {
            format!("the line is not JSON: {why}")
        }
    })?;
    let raw = object.value.get();
    let value = if raw.starts_with('"') {
        serde_json::from_str(raw).map_err(|error| error.to_string())?
    } else {
        raw.to_owned()
    };
    Ok((object.topic, value.into(), object.time))
}

/// The beginning of a text, on one line.
fn shown(text: &str) -> String {
    let escaped = text.escape_debug();
    escaped.take(100).collect()
}

#[derive(Debug)]
struct Line {
    number: u64,
    text: Vec<u8>,
    /// It is longer than the limit, and this is its beginning.
    is_cut: bool,
}

/// The lines of a text, those that are to be read again first.
struct Lines<R> {
    input: R,
    number: u64,
    again: VecDeque<Line>,
}

impl<R: BufRead> Lines<R> {
    /// Returns the next line, with its end.
    fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.again.pop_front() {
            return Ok(Some(line));
        }
        let mut text = Vec::new();
        let limit = LIMIT as u64;
        let mut limited = (&mut self.input).take(limit);
        if limited.read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        let is_cut = text.len() == LIMIT && !text.ends_with(b"\n");
        if is_cut {
            self.skip_line()?;
        }
        self.number += 1;
        Ok(Some(Line {
            number: self.number,
            text,
            is_cut,
        }))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.input.fill_buf()?;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (used, is_end) = match (end, bytes.len()) {
                (Some(end), _) => (end + 1, true),
                (None, 0) => (0, true),
                (None, all) => (all, false),
            };
            self.input.consume(used);
            if is_end {
                return Ok(());
            }
        }
    }
}
