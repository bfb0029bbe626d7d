//! Readings, in the order of their time.

use std::ops::ControlFlow;

use iot_store::read::{Order, Reader, Row, RowQuestion, SeriesFilter, TimeRange};

use super::merge::merged;
use super::output::{Output, Stopped};
use super::record::Record;
use crate::args::StoreArgs;

/// Writes the readings that the filters select.
pub(super) fn write(
    store: &StoreArgs,
    reader: Box<dyn Reader>,
    filters: &[SeriesFilter],
    range: TimeRange,
    output: &mut Output,
) -> Result<(), Stopped> {
    each(store, reader, filters, range, &mut |row| {
        output.write(&Record::Reading(&row))
    })
}

/// Passes the readings that the filters select to `take`, in the order of their time.
pub(super) fn each(
    store: &StoreArgs,
    mut reader: Box<dyn Reader>,
    filters: &[SeriesFilter],
    range: TimeRange,
    take: &mut dyn FnMut(Row) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    let [filter] = filters else {
        return merged(store, filters, range, take);
    };
    let question = RowQuestion {
        order: Order::Time,
        ..RowQuestion::new(filter.clone(), range)
    };
    let mut stopped = None;
    reader.rows(&question, &mut |row| match take(row) {
        Ok(()) => ControlFlow::Continue(()),
        Err(why) => {
            stopped = Some(why);
            ControlFlow::Break(())
        }
    })?;
    stopped.map_or(Ok(()), Err)
}
