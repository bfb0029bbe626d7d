//! JSON lines: what `iot-pub --replay` and `jq` read.

use anyhow::Result;
use iot_store::{TimeText, Value, push_number};

use super::encoder::Encoder;
use super::record::{Cell, Layout, Record, names};

/// An object a line. What is not known is left out.
#[derive(Debug)]
pub(super) struct Json {
    layout: Layout,
    time: TimeText,
}

impl Json {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            time: TimeText::default(),
        }
    }

    fn push_key(topic: &str, metric: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"topic\":");
        push_string(topic, out);
        if let Some(metric) = metric {
            out.extend_from_slice(b",\"metric\":");
            push_string(metric, out);
        }
    }

    fn push_unit(unit: Option<&str>, out: &mut Vec<u8>) {
        if let Some(unit) = unit {
            out.extend_from_slice(b",\"unit\":");
            push_string(unit, out);
        }
    }
}

impl Encoder for Json {
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<()> {
        match (record, &self.layout) {
            (Record::Reading(row), _) => {
                Self::push_key(&row.key.topic, row.key.metric.as_deref(), out);
                out.extend_from_slice(b",\"value\":");
                push_value(&row.value, out);
                Self::push_unit(row.unit.as_deref(), out);
                out.extend_from_slice(b",\"time\":\"");
                self.time.push(row.time, out);
                out.extend_from_slice(b"\"}\n");
            }
            (Record::Step(step), Layout::Steps(aggregates)) => {
                Self::push_key(&step.key.topic, step.key.metric.as_deref(), out);
                for (name, cell) in names(aggregates).into_iter().zip(&step.cells) {
                    out.push(b',');
                    push_string(name, out);
                    out.push(b':');
                    push_cell(cell, out);
                }
                Self::push_unit(step.unit.map(|unit| &**unit), out);
                out.extend_from_slice(b",\"time\":\"");
                self.time.push(step.time, out);
                out.extend_from_slice(b"\"}\n");
            }
            (Record::Wide { time, cells }, Layout::Wide(columns)) => {
                out.extend_from_slice(b"{\"time\":\"");
                self.time.push(*time, out);
                out.push(b'"');
                for (column, cell) in columns.iter().zip(*cells) {
                    let Some(cell) = cell else { continue };
                    out.push(b',');
                    push_string(&column.name, out);
                    out.push(b':');
                    push_cell(cell, out);
                }
                out.extend_from_slice(b"}\n");
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

fn push_cell(cell: &Cell, out: &mut Vec<u8>) {
    match cell {
        Cell::Value(value) => push_value(value, out),
        Cell::Count(count) => out.extend_from_slice(count.to_string().as_bytes()),
    }
}

fn push_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Number(number) if number.is_finite() => push_number(*number, out),
        // JSON has no such numbers.
        Value::Number(_) => out.extend_from_slice(b"null"),
        Value::Text(text) => push_string(text, out),
        // Writing to memory doesn't fail.
        Value::Json(json) => {
            let _ = serde_json::to_writer(&mut *out, json);
        }
    }
}

fn push_string(text: &str, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(&mut *out, text);
}
