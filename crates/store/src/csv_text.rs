//! Cells of CSV (RFC 4180) that `iot-pub --replay` reads back unchanged, and that a spreadsheet
//! does not take for formulas.
//!
//! A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`. So a value that is text and
//! begins like that is written as a JSON string, `"=1+1"`; so is text that would be read back as a
//! number or as other JSON. Topics, metrics and units get an apostrophe before such a character, as
//! a person would type it into a spreadsheet. One that begins with an apostrophe gets another one.

use serde_json::value::RawValue;

use crate::python_repr::push_number;
use crate::read::Row;
use crate::time_text::TimeText;
use crate::value::Value;

/// The names of the columns of [`push_csv_row`].
pub const CSV_HEADER: &str = "topic,metric,value,unit,time\n";

/// Appends a stored reading, as a line.
pub fn push_csv_row(row: &Row, time: &mut TimeText, out: &mut Vec<u8>) {
    push_csv_name(&row.key.topic, out);
    out.push(b',');
    push_csv_name(row.key.metric.as_deref().unwrap_or_default(), out);
    out.push(b',');
    push_csv_value(&row.value, out);
    out.push(b',');
    push_csv_name(row.unit.as_deref().unwrap_or_default(), out);
    out.push(b',');
    time.push(row.time, out);
    out.push(b'\n');
}

/// Appends a topic, a metric or a unit.
pub fn push_csv_name(name: &str, out: &mut Vec<u8>) {
    if name.starts_with(is_formula) || name.starts_with('\'') {
        let escaped = format!("'{name}");
        push_csv_cell(&escaped, out);
    } else {
        push_csv_cell(name, out);
    }
}

/// Returns a topic, a metric or a unit that [`push_csv_name`] has written, without its apostrophe.
pub fn csv_name(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(name) if name.starts_with(is_formula) || name.starts_with('\'') => name,
        _ => cell,
    }
}

/// Appends a value: a number, JSON, or text.
pub fn push_csv_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Number(number) => push_number(*number, out),
        Value::Json(json) => push_csv_cell(&json.to_string(), out),
        Value::Text(text) if is_ambiguous(text) => {
            push_csv_cell(&serde_json::Value::from(text.as_str()).to_string(), out);
        }
        Value::Text(text) => push_csv_cell(text, out),
    }
}

/// Appends a cell, in quotes if RFC 4180 wants that or if spaces at its ends would be lost.
pub fn push_csv_cell(text: &str, out: &mut Vec<u8>) {
    let is_plain = |byte: &u8| !matches!(byte, b'"' | b',' | b';' | b'\t' | b'\n' | b'\r');
    let bytes = text.as_bytes();
    let at_ends = [bytes.first(), bytes.last()];
    let has_space = at_ends
        .into_iter()
        .flatten()
        .any(|byte| !byte.is_ascii_graphic() && byte.is_ascii());
    if !has_space && bytes.iter().all(is_plain) {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    for (at, part) in text.split('"').enumerate() {
        if at > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}

/// Returns whether a spreadsheet takes a cell that begins with the character for a formula.
fn is_formula(first: char) -> bool {
    matches!(first, '=' | '+' | '-' | '@' | '\t' | '\r' | '\n')
        // Their wide forms, which some spreadsheets take for the same.
        || matches!(first, '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}')
}

/// Returns whether text has to be written as a JSON string, so that it stays the same text.
fn is_ambiguous(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return true;
    };
    if is_formula(first) {
        return true;
    }
    let trimmed = text.trim();
    let begins_json = trimmed.starts_with(|c: char| {
        c.is_ascii_digit() || matches!(c, '"' | '{' | '[' | '-' | '+' | '.' | 't' | 'f' | 'n')
    });
    if trimmed.is_empty() {
        return true;
    }
    let is_decimal = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    begins_json
        && (serde_json::from_str::<&RawValue>(trimmed).is_ok()
            || (trimmed.chars().all(is_decimal) && trimmed.parse::<f64>().is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(value: &Value) -> String {
        let mut out = Vec::new();
        push_csv_value(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_that_would_be_read_as_something_else_is_a_json_string() {
        for (text, expected) in [
            ("on", "on"),
            ("two words", "two words"),
            (" spaces ", "\" spaces \""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "\"\"\"=1+1\"\"\""),
            ("+49", "\"\"\"+49\"\"\""),
            ("-", "\"\"\"-\"\"\""),
            ("@x", "\"\"\"@x\"\"\""),
            ("\t=x", "\"\"\"\\t=x\"\"\""),
            ("25.30", "\"\"\"25.30\"\"\""),
            ("true", "\"\"\"true\"\"\""),
            ("", "\"\"\"\"\"\""),
            ("20.0 °C", "20.0 °C"),
            ("true story", "true story"),
        ] {
            assert_eq!(value(&Value::Text(text.into())), expected, "{text}");
        }
    }

    #[test]
    fn numbers_and_json_stay_what_they_are() {
        assert_eq!(value(&Value::Number(-3.5)), "-3.5");
        assert_eq!(value(&Value::Number(25.0)), "25.0");
        let json = serde_json::json!({"a": [1, "x"]});
        assert_eq!(value(&Value::Json(json)), "\"{\"\"a\"\":[1,\"\"x\"\"]}\"");
    }

    #[test]
    fn a_name_comes_back_as_it_was() {
        for name in ["iot/a", "=cmd", "'=cmd", "''", "'x", "-", "@a,b", "°C", "%"] {
            let mut out = Vec::new();
            push_csv_name(name, &mut out);
            let cell = String::from_utf8(out).unwrap();
            let cell = cell.strip_prefix('"').unwrap_or(&cell);
            let cell = cell.strip_suffix('"').unwrap_or(cell);
            assert!(!cell.starts_with(is_formula), "{cell}");
            assert_eq!(csv_name(cell), name);
        }
    }
}
