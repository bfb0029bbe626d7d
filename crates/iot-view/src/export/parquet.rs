//! Parquet: columns with types, compressed with Snappy. Row groups are written as they are full, so
//! that memory stays bounded.

mod column;

use std::sync::Arc;

use anyhow::{Context, Result};
use parquet::basic::{Compression, Repetition};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use self::column::{Column, Kind};
use super::encoder::Encoder;
use super::record::{Cell, Layout, Record, names};
use crate::args::Aggregate;

/// Values of a row group, in all columns together.
const GROUP: usize = 1_000_000;

/// A file with a row for each row of the export.
pub(super) struct Parquet {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Vec<Column>,
    rows: usize,
}

impl Parquet {
    /// Returns an encoder of these rows.
    ///
    /// # Errors
    /// Parquet has no such columns.
    pub(super) fn new(layout: &Layout) -> Result<Self> {
        let columns = columns(layout);
        let fields: Result<Vec<_>, _> = columns.iter().map(Column::field).collect();
        let schema = Type::group_type_builder("readings")
            .with_fields(fields?)
            .with_repetition(Repetition::REQUIRED)
            .build();
        let schema = schema.context("these columns are not possible in Parquet")?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("iot-view".to_owned())
            .build();
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties));
        Ok(Self {
            writer: writer.context("cannot make a Parquet file")?,
            columns,
            rows: 0,
        })
    }

    fn write_group(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.rows > 0 {
            let mut group = self.writer.next_row_group()?;
            let mut columns = self.columns.iter_mut();
            while let Some(mut writer) = group.next_column()? {
                if let Some(column) = columns.next() {
                    column.write(&mut writer)?;
                }
                writer.close()?;
            }
            group.close()?;
            self.rows = 0;
        }
        self.take(out)
    }

    /// Moves what was written to `out`.
    fn take(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.writer.flush()?;
        out.append(self.writer.inner_mut());
        Ok(())
    }
}

impl Encoder for Parquet {
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<()> {
        match record {
            Record::Reading(row) => {
                let [topic, metric, value, text, unit, time] = &mut self.columns[..] else {
                    return Ok(());
                };
                topic.push_text(Some(&row.key.topic));
                metric.push_text(row.key.metric.as_deref());
                let number = row.value.as_number();
                value.push_number(number);
                match number {
                    Some(_) => text.push_text(None),
                    None => text.push_text(Some(&row.value.to_string())),
                }
                unit.push_text(row.unit.as_deref());
                time.push_time(row.time);
            }
            Record::Step(step) => {
                let [topic, metric, cells @ .., unit, time] = &mut self.columns[..] else {
                    return Ok(());
                };
                topic.push_text(Some(&step.key.topic));
                metric.push_text(step.key.metric.as_deref());
                for (column, cell) in cells.iter_mut().zip(&step.cells) {
                    push_cell(column, Some(cell));
                }
                unit.push_text(step.unit.map(|unit| &**unit));
                time.push_time(step.time);
            }
            Record::Wide { time, cells } => {
                let [first, columns @ ..] = &mut self.columns[..] else {
                    return Ok(());
                };
                first.push_time(*time);
                for (column, cell) in columns.iter_mut().zip(*cells) {
                    push_cell(column, cell.as_ref());
                }
            }
        }
        self.rows += 1;
        if self.rows >= (GROUP / self.columns.len()).max(1) {
            self.write_group(out)?;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.write_group(out)?;
        self.writer.finish()?;
        self.take(out)
    }
}

fn columns(layout: &Layout) -> Vec<Column> {
    let of_readings = |values: Vec<Column>| {
        let mut columns = vec![
            Column::required("topic", Kind::Text),
            Column::optional("metric", Kind::Text),
        ];
        columns.extend(values);
        columns.push(Column::optional("unit", Kind::Text));
        columns.push(Column::required("time", Kind::Time));
        columns
    };
    match layout {
        // A column has one type: what is no number is in another one.
        Layout::Long => of_readings(vec![
            Column::optional("value", Kind::Number),
            Column::optional("text", Kind::Text),
        ]),
        Layout::Steps(aggregates) => {
            let kinds = aggregates.iter().map(|aggregate| match aggregate {
                Aggregate::Count => Kind::Count,
                _ => Kind::Number,
            });
            let named = names(aggregates).into_iter().zip(kinds);
            of_readings(
                named
                    .map(|(name, kind)| Column::optional(name, kind))
                    .collect(),
            )
        }
        Layout::Wide(of_series) => {
            let mut columns = vec![Column::required("time", Kind::Time)];
            columns.extend(of_series.iter().map(|column| {
                let kind = if column.is_text {
                    Kind::Text
                } else {
                    Kind::Number
                };
                Column::optional(&column.name, kind)
            }));
            columns
        }
    }
}

fn push_cell(column: &mut Column, cell: Option<&Cell>) {
    match (column.kind(), cell) {
        (Kind::Count, Some(Cell::Count(count))) => column.push_count(*count),
        (Kind::Number, Some(Cell::Count(count))) => {
            #[expect(clippy::cast_precision_loss, reason = "the column has numbers")]
            column.push_number(Some(*count as f64));
        }
        (Kind::Text, Some(Cell::Value(value))) => column.push_text(Some(&value.to_string())),
        (_, Some(Cell::Value(value))) => column.push_number(value.as_number()),
        (_, None | Some(Cell::Count(_))) => column.push_nothing(),
    }
}
