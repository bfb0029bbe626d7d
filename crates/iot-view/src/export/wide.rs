//! `--wide`: a row for each time, with a column for each series.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use iot_store::Value;
use iot_store::read::{Reader, Row, Series, SeriesFilter, SeriesKey, TimeRange};
use serde_json::Value as Json;

use super::long::each;
use super::output::{Output, Stopped};
use super::record::{Cell, Column, Layout, Record};
use crate::args::{Aggregate, StoreArgs};

/// Returns the columns: one for each series, or for each of its aggregates.
pub(super) fn layout(series: &[Series], aggregates: Option<&Vec<Aggregate>>) -> Layout {
    let mut columns = Vec::new();
    for one in series {
        let name = one.key.to_string();
        let is_text = one.last.as_ref().is_some_and(|last| is_text(&last.value));
        match aggregates.map(Vec::as_slice) {
            None => columns.push(Column { name, is_text }),
            Some([_]) => columns.push(Column {
                name,
                is_text: false,
            }),
            Some(several) => columns.extend(several.iter().map(|aggregate| Column {
                name: format!("{name} {}", aggregate.name()),
                is_text: false,
            })),
        }
    }
    Layout::Wide(columns)
}

fn is_text(value: &Value) -> bool {
    !matches!(value, Value::Number(_) | Value::Json(Json::Bool(_)))
}

/// Writes a row for each time at which there is a reading. Two readings of one series at the same
/// time are two rows.
pub(super) fn write(
    store: &StoreArgs,
    reader: Box<dyn Reader>,
    filters: &[SeriesFilter],
    range: TimeRange,
    series: &[Series],
    output: &mut Output,
) -> Result<(), Stopped> {
    let mut wide = Wide {
        places: (series.iter().map(|one| &one.key)).zip(0..).collect(),
        time: None,
        cells: vec![None; series.len()],
    };
    each(store, reader, filters, range, &mut |row| {
        wide.add(row, output)
    })?;
    wide.flush(output)
}

struct Wide<'a> {
    /// The column of each series.
    places: HashMap<&'a SeriesKey, usize>,
    /// The time of the row that is being filled.
    time: Option<DateTime<Utc>>,
    cells: Vec<Option<Cell>>,
}

impl Wide<'_> {
    fn add(&mut self, row: Row, output: &mut Output) -> Result<(), Stopped> {
        // A series that has come since then has no column.
        let Some(&place) = self.places.get(&row.key) else {
            return Ok(());
        };
        if self.time != Some(row.time) || self.cells[place].is_some() {
            self.flush(output)?;
            self.time = Some(row.time);
        }
        self.cells[place] = Some(Cell::Value(row.value));
        Ok(())
    }

    fn flush(&mut self, output: &mut Output) -> Result<(), Stopped> {
        let Some(time) = self.time.take() else {
            return Ok(());
        };
        output.write(&Record::Wide {
            time,
            cells: &self.cells,
        })?;
        self.cells.fill(None);
        Ok(())
    }
}
