//! Rows that are passed on together.

use std::mem;
use std::ops::ControlFlow;

use super::series::Row;
use crate::value::Value;

/// Numbers of a batch.
const ROWS: usize = 1_024;
/// Text or JSON counts as so many of them: it may be long.
const TEXT: usize = 16;

/// Collects rows until there are enough of them.
#[derive(Debug, Default)]
pub struct RowBatch {
    rows: Vec<Row>,
    weight: usize,
}

impl RowBatch {
    /// Adds a row; passes all of them to `take`, if they are enough.
    pub fn push(
        &mut self,
        row: Row,
        take: &mut dyn FnMut(Vec<Row>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if self.rows.is_empty() {
            self.rows.reserve(ROWS);
        }
        self.weight += match row.value {
            Value::Number(_) => 1,
            Value::Json(_) | Value::Text(_) => TEXT,
        };
        self.rows.push(row);
        if self.weight < ROWS {
            return ControlFlow::Continue(());
        }
        self.weight = 0;
        take(mem::take(&mut self.rows))
    }

    /// Passes the last rows to `take`, if there are any.
    pub fn finish(self, take: &mut dyn FnMut(Vec<Row>) -> ControlFlow<()>) {
        if !self.rows.is_empty() {
            // There is nothing more to end.
            let _ = take(self.rows);
        }
    }
}
