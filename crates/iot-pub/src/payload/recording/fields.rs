//! Topic, value and time of a record, from CSV or from JSON.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::csv::{Parsed, parse};

/// The positions of the columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    topic: usize,
    value: usize,
    time: usize,
    count: usize,
}

/// One line of JSON. Other members are ignored.
#[derive(Debug, Deserialize)]
struct Object<'a> {
    topic: String,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(alias = "reg_date")]
    time: String,
}

/// Topic, value, time.
pub(super) type Parts = (String, Bytes, String);

impl Columns {
    /// Returns the parts of a record with these fields.
    ///
    /// # Errors
    /// What is wrong with the record.
    pub(super) fn parts(self, fields: Vec<Vec<u8>>) -> Result<Parts, String> {
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

/// Finds the columns of a header.
///
/// # Errors
/// What is wrong with the header.
pub(super) fn columns(header: &[u8]) -> Result<Columns, String> {
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

/// Returns the parts of a line of JSON.
///
/// # Errors
/// What is wrong with the line.
pub(super) fn json(text: &[u8]) -> Result<Parts, String> {
    let object: Object = serde_json::from_slice(text).map_err(|error| {
        let text = error.to_string();
        // To the parser, each line is line 1.
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
