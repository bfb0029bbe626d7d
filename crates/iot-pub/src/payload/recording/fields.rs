//! Topic, value and time of a record, from CSV or from JSON.

use bytes::Bytes;
use chrono::{DateTime, FixedOffset, SecondsFormat};
use iot_cli::{ParsedTime, parse_time};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::csv::{Parsed, parse};
use super::mongo_json::{date, plain};
use super::named::Names;

/// What may stand between columns: spreadsheets write semicolons or tabs.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];

/// The positions of the columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    topic: usize,
    value: usize,
    time: usize,
    metric: Option<usize>,
    unit: Option<usize>,
    count: usize,
    pub(super) separator: u8,
}

/// One line of JSON. Other members are ignored.
#[derive(Debug, Deserialize)]
struct Object<'a> {
    #[serde(borrow, default, deserialize_with = "given")]
    topic: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "given")]
    value: Option<&'a RawValue>,
    #[serde(alias = "reg_date", borrow, default, deserialize_with = "given")]
    time: Option<&'a RawValue>,
    metric: Option<Json>,
    unit: Option<Json>,
}

/// Topic, value, time.
pub(super) type Parts = (String, Bytes, DateTime<FixedOffset>);

impl Columns {
    /// Returns the parts of a record with these fields.
    ///
    /// # Errors
    /// What is wrong with the record.
    pub(super) fn parts(self, fields: Vec<Vec<u8>>, with_time: bool) -> Result<Parts, String> {
        if fields.len() != self.count {
            let (found, wanted) = (fields.len(), self.count);
            return Err(format!("{wanted} fields are needed, not {found}"));
        }
        let text = |column: usize, name: &str| {
            let text = str::from_utf8(&fields[column]);
            text.map(str::to_owned)
                .map_err(|_| format!("the {name} is not UTF-8"))
        };
        let (topic, time) = (text(self.topic, "topic")?, text(self.time, "time")?);
        let topic = without_apostrophe(&topic).to_owned();
        let time = moment(&time)?;
        let name = |column: Option<usize>, name| -> Result<_, String> {
            let name = column.map(|at| text(at, name)).transpose()?;
            Ok(name.map(|name| without_apostrophe(&name).to_owned()))
        };
        let shown = with_time.then(|| rfc3339(time));
        let names = Names::new(
            name(self.metric, "metric")?,
            name(self.unit, "unit")?,
            shown,
        );
        let value = if let Some(names) = names {
            let value = text(self.value, "value")?;
            let json = match serde_json::from_str::<&RawValue>(&value) {
                Ok(_) => value,
                Err(_) => Json::from(value).to_string(),
            };
            names.payload(&json).into()
        } else {
            let mut fields = fields;
            std::mem::take(&mut fields[self.value]).into()
        };
        Ok((topic, value, time))
    }
}

/// Returns the moment that a text names, in UTC if it names no time zone.
fn moment(text: &str) -> Result<DateTime<FixedOffset>, String> {
    let parsed = parse_time(text).map(ParsedTime::or_utc);
    parsed.ok_or_else(|| {
        let escaped: String = text.escape_debug().take(100).collect();
        format!("`{escaped}` is not a time, as in 2026-06-21T06:00:00Z")
    })
}

fn rfc3339(time: DateTime<FixedOffset>) -> String {
    let time = time.to_utc();
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Returns a cell without the apostrophe that an export has put before it, so that a spreadsheet
/// does not take it for a formula.
fn without_apostrophe(cell: &str) -> &str {
    let is_escaped = |topic: &&str| {
        topic.starts_with(['=', '+', '-', '@', '\'', '\t', '\r', '\n'])
            || topic.starts_with(['\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'])
    };
    cell.strip_prefix('\'').filter(is_escaped).unwrap_or(cell)
}

/// Finds the columns of a header, and what separates them.
///
/// # Errors
/// What is wrong with the header.
pub(super) fn columns(header: &[u8]) -> Result<Columns, String> {
    let tried = SEPARATORS.map(|separator| columns_between(header, separator));
    let [with_commas, ..] = &tried;
    let why = with_commas.clone();
    tried.into_iter().find_map(Result::ok).map_or(why, Ok)
}

fn columns_between(header: &[u8], separator: u8) -> Result<Columns, String> {
    let Parsed::Fields(names) = parse(header, separator) else {
        return Err("this is not a header".into());
    };
    let find = |name: &str| {
        names
            .iter()
            .position(|field| field.trim_ascii().eq_ignore_ascii_case(name.as_bytes()))
    };
    let column = |name: &str| find(name).ok_or_else(|| format!("there is no column `{name}`"));
    Ok(Columns {
        topic: column("topic")?,
        value: column("value")?,
        time: find("reg_date").map_or_else(|| column("time"), Ok)?,
        metric: find("metric"),
        unit: find("unit"),
        count: names.len(),
        separator,
    })
}

/// Returns the parts of a line of JSON.
///
/// # Errors
/// What is wrong with the line.
pub(super) fn json(text: &[u8], with_time: bool) -> Result<Parts, String> {
    let object = object(text)?;
    let there = |member: Option<_>, name| member.ok_or_else(|| format!("there is no `{name}`"));
    let topic: &RawValue = there(object.topic, "topic")?;
    let topic = serde_json::from_str(topic.get()).map_err(|_| "the topic is not a text")?;
    let recorded = there(object.value, "value")?;
    // What is not a text is another program's.
    let text = |name: Option<Json>| match name {
        Some(Json::String(name)) => Some(name),
        _ => None,
    };
    let time = time(there(object.time, "time")?)?;
    let shown = with_time.then(|| rfc3339(time));
    let payload = match Names::new(text(object.metric), text(object.unit), shown) {
        Some(names) => names.payload(&plain(recorded.get())?),
        None => value(recorded)?,
    };
    Ok((topic, payload.into(), time))
}

/// Reads the members of a line.
fn object(text: &[u8]) -> Result<Object<'_>, String> {
    let object = if text.trim_ascii_start().starts_with(b"{") {
        serde_json::from_slice(text)
    } else {
        match serde_json::from_slice(text) {
            Ok(IgnoredAny) => return Err("the line is not a JSON object".into()),
            Err(error) => Err(error),
        }
    };
    object.map_err(|error| match error.classify() {
        Category::Eof => "the line is not JSON: it ends too early".into(),
        Category::Data => {
            let why = error.to_string();
            // To the parser, each line is line 1.
            why[..why.find(" at line ").unwrap_or(why.len())].to_owned()
        }
        _ => format!("the line is not JSON (see column {})", error.column()),
    })
}

/// Reads a member that is there. `null` is a value, too.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Returns the payload of a recorded value: a text as it is, unless it would then be another value.
fn value(raw: &RawValue) -> Result<String, String> {
    let raw = raw.get();
    if !raw.starts_with('"') {
        return plain(raw);
    }
    let text: String = serde_json::from_str(raw).map_err(|error| error.to_string())?;
    Ok(if is_value(&text) {
        raw.to_owned()
    } else {
        text
    })
}

/// Returns whether a text is read as a number or as JSON, or is empty: as a payload, it needs its
/// quotes to stay a text.
fn is_value(text: &str) -> bool {
    let text = text.trim();
    let is_decimal = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    let is_number = text.chars().all(is_decimal) && text.parse::<f64>().is_ok();
    text.is_empty() || is_number || serde_json::from_str::<&RawValue>(text).is_ok()
}

fn time(raw: &RawValue) -> Result<DateTime<FixedOffset>, String> {
    let raw = raw.get();
    match raw.as_bytes().first() {
        Some(b'"') => {
            let text: String = serde_json::from_str(raw).map_err(|error| error.to_string())?;
            moment(&text)
        }
        Some(b'{') => date(raw),
        _ => moment(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_of_an_export_comes_back_as_it_was() {
        for (cell, topic) in [
            ("iot/a", "iot/a"),
            ("'=cmd", "=cmd"),
            ("''x", "'x"),
            ("'x", "'x"),
        ] {
            assert_eq!(without_apostrophe(cell), topic);
        }
    }
}
