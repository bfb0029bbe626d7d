//! Readings, in the order of their time.

use iot_store::read::{Reader, Row, SeriesFilter, TimeRange};

use super::merge::{merged, streamed};
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
    reader: Box<dyn Reader>,
    filters: &[SeriesFilter],
    range: TimeRange,
    take: &mut dyn FnMut(Row) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    if filters.len() == 1 {
        return streamed(reader, filters, range, take);
    }
    merged(store, filters, range, take)
}
