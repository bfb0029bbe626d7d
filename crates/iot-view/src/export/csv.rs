//! CSV: what `iot-pub --replay` and spreadsheets read.

use anyhow::Result;
use iot_store::{CSV_HEADER, TimeText, push_csv_name, push_csv_row, push_csv_value};

use super::encoder::Encoder;
use super::record::{Cell, Layout, Record, names};

/// Lines that end with a newline, the first with the names of the columns.
#[derive(Debug)]
pub(super) struct Csv {
    layout: Layout,
    time: TimeText,
}

impl Csv {
    pub(super) fn new(layout: Layout) -> Self {
        Self {
            layout,
            time: TimeText::default(),
        }
    }
}

impl Encoder for Csv {
    fn begin(&mut self, out: &mut Vec<u8>) {
        match &self.layout {
            Layout::Long => out.extend_from_slice(CSV_HEADER.as_bytes()),
            Layout::Steps(aggregates) => {
                let names = names(aggregates).join(",");
                out.extend_from_slice(format!("topic,metric,{names},unit,time\n").as_bytes());
            }
            Layout::Wide(columns) => {
                out.extend_from_slice(b"time");
                for column in columns {
                    out.push(b',');
                    push_csv_name(&column.name, out);
                }
                out.push(b'\n');
            }
        }
    }

    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<()> {
        match record {
            Record::Reading(row) => {
                push_csv_row(row, &mut self.time, out);
                return Ok(());
            }
            Record::Step(step) => {
                push_csv_name(&step.key.topic, out);
                out.push(b',');
                push_csv_name(step.key.metric.as_deref().unwrap_or_default(), out);
                for cell in &step.cells {
                    out.push(b',');
                    push_cell(cell, out);
                }
                out.push(b',');
                push_csv_name(step.unit.map(|unit| &**unit).unwrap_or_default(), out);
                out.push(b',');
                self.time.push(step.time, out);
            }
            Record::Wide { time, cells } => {
                self.time.push(*time, out);
                for cell in *cells {
                    out.push(b',');
                    if let Some(cell) = cell {
                        push_cell(cell, out);
                    }
                }
            }
        }
        out.push(b'\n');
        Ok(())
    }

    fn end(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

fn push_cell(cell: &Cell, out: &mut Vec<u8>) {
    match cell {
        Cell::Value(value) => push_csv_value(value, out),
        Cell::Count(count) => out.extend_from_slice(count.to_string().as_bytes()),
    }
}
