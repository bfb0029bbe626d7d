//! The line protocol of `InfluxDB`, which other databases read, too.

use anyhow::Result;
use chrono::{DateTime, Utc};
use iot_store::{Value, push_number};
use serde_json::Value as Json;

use super::encoder::Encoder;
use super::record::{Cell, Layout, Record, names};

/// `sensors,topic=T,metric=M,unit=U value=V NANOSECONDS`. A value that is no number is the field
/// `text`, because a field has one type in all lines.
#[derive(Debug)]
pub(super) struct LineProtocol {
    layout: Layout,
}

impl LineProtocol {
    pub(super) fn new(layout: Layout) -> Self {
        Self { layout }
    }
}

impl Encoder for LineProtocol {
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<()> {
        match (record, &self.layout) {
            (Record::Reading(row), _) => {
                if is_not_finite(&row.value) {
                    return Ok(());
                }
                let (metric, unit) = (row.key.metric.as_deref(), row.unit.as_deref());
                push_tags(&row.key.topic, metric, unit, out);
                push_field("value", &row.value, out);
                push_time(row.time, out);
            }
            (Record::Step(step), Layout::Steps(aggregates)) => {
                let metric = step.key.metric.as_deref();
                push_tags(&step.key.topic, metric, step.unit.map(|unit| &**unit), out);
                for (at, (name, cell)) in names(aggregates).into_iter().zip(&step.cells).enumerate()
                {
                    if at > 0 {
                        out.push(b',');
                    }
                    match cell {
                        Cell::Value(value) => push_field(name, value, out),
                        Cell::Count(count) => {
                            out.extend_from_slice(format!("{name}={count}i").as_bytes());
                        }
                    }
                }
                push_time(step.time, out);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

fn is_not_finite(value: &Value) -> bool {
    matches!(value, Value::Number(number) if !number.is_finite())
}

fn push_tags(topic: &str, metric: Option<&str>, unit: Option<&str>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"sensors");
    let tags = [("topic", Some(topic)), ("metric", metric), ("unit", unit)];
    for (name, text) in tags {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            continue;
        };
        out.push(b',');
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        push_tag(text, out);
    }
    out.push(b' ');
}

/// A tag has no line breaks, and no backslash at its end: there it would escape what follows.
fn push_tag(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b',' | b'=' | b' ' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ => out.push(byte),
        }
    }
    if out.ends_with(b"\\") {
        out.pop();
        out.push(b'_');
    }
}

fn push_field(name: &str, value: &Value, out: &mut Vec<u8>) {
    let number = match value {
        Value::Number(number) => Some(*number),
        Value::Json(Json::Bool(state)) => Some(f64::from(u8::from(*state))),
        _ => None,
    };
    if let Some(number) = number {
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        push_number(number, out);
        return;
    }
    let text = match value {
        Value::Json(Json::String(text)) => text.clone(),
        value => value.to_string(),
    };
    out.extend_from_slice(b"text=\"");
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

fn push_time(time: DateTime<Utc>, out: &mut Vec<u8>) {
    let nanoseconds = i128::from(time.timestamp_millis()) * 1_000_000;
    out.extend_from_slice(format!(" {nanoseconds}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_escapes_what_separates() {
        let mut out = Vec::new();
        push_tags("a b,c=d\n\\", Some("m"), Some("%"), &mut out);
        let expected = r"sensors,topic=a\ b\,c\=d\n_,metric=m,unit=% ";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_is_no_number_is_another_field() {
        for (value, expected) in [
            (Value::Number(-2.5), "value=-2.5"),
            (Value::Json(true.into()), "value=1.0"),
            (Value::Text("say \"x\\\"".into()), r#"text="say \"x\\\"""#),
            (Value::Json(serde_json::json!([1])), r#"text="[1]""#),
        ] {
            let mut out = Vec::new();
            push_field("value", &value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
