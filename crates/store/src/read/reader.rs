//! What all stores answer.

use std::ops::ControlFlow;
use std::time::Duration;

use super::bucket::Bucket;
use super::cancel::Cancel;
use super::error::ReadError;
use super::filter::SeriesFilter;
use super::grid::Division;
use super::question::{RowQuestion, TimeRange};
use super::rejections::{RejectionGroup, RejectionRow};
use super::row_batch::RowBatch;
use super::series::{Row, Series, SeriesKey};
use crate::alerts::{CurrentAlert, Event};
use crate::reading_id::ReadingId;
use crate::rejection::Rejection;

/// A store that is open for reading.
///
/// Answers of any size come row by row, so that memory stays bounded; a callback that returns
/// [`ControlFlow::Break`] ends the answer, which is no error. A row that was stored while a
/// question is answered may be in the answer or not; no row is in it twice.
pub trait Reader: Send {
    /// Returns what a person calls the store: its path, or its URL without the password.
    fn name(&self) -> &str;

    /// Sets how long each of the next questions may take; `None`, as at first: as long as it lasts.
    fn set_timeout(&mut self, timeout: Option<Duration>);

    /// Returns what cancels this reader's questions.
    fn cancel(&self) -> Cancel;

    /// Returns the series, in order of topic and metric, with all that is known about them.
    ///
    /// # Errors
    /// The store can't be read.
    fn series(&mut self, filter: &SeriesFilter) -> Result<Vec<Series>, ReadError>;

    /// Returns the same, with a [`count`](Series::count) of 0 and without
    /// [`first`](Series::first): faster.
    ///
    /// # Errors
    /// The store can't be read.
    fn latest(&mut self, filter: &SeriesFilter) -> Result<Vec<Series>, ReadError>;

    /// Passes rows to `take`.
    ///
    /// # Errors
    /// The store can't be read.
    fn rows(
        &mut self,
        question: &RowQuestion,
        take: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ReadError>;

    /// Passes the same rows to `take`, many at a time, which is faster.
    ///
    /// # Errors
    /// The store can't be read.
    fn row_batches(
        &mut self,
        question: &RowQuestion,
        take: &mut dyn FnMut(Vec<Row>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let mut batch = RowBatch::default();
        self.rows(question, &mut |row| batch.push(row, take))?;
        batch.finish(take);
        Ok(())
    }

    /// Passes the buckets of a series to `take`, in order of time; a bucket without a number is
    /// left out. A range without a beginning or an end has that of the series.
    ///
    /// # Errors
    /// The store can't be read.
    fn buckets(
        &mut self,
        key: &SeriesKey,
        range: TimeRange,
        division: Division,
        take: &mut dyn FnMut(Bucket) -> ControlFlow<()>,
    ) -> Result<(), ReadError>;

    /// Returns the rejections, grouped by reason, the most frequent one first.
    ///
    /// # Errors
    /// The store can't be read.
    fn rejection_groups(&mut self, range: TimeRange) -> Result<Vec<RejectionGroup>, ReadError>;

    /// Passes rejections to `take`, the latest first; only those with `reason`, if it is given.
    ///
    /// # Errors
    /// The store can't be read.
    fn rejections(
        &mut self,
        range: TimeRange,
        reason: Option<&str>,
        take: &mut dyn FnMut(RejectionRow) -> ControlFlow<()>,
    ) -> Result<(), ReadError>;

    /// Returns a rejection with what is kept of its payload.
    ///
    /// # Errors
    /// The store can't be read.
    fn rejection(&mut self, id: ReadingId) -> Result<Option<Rejection>, ReadError>;

    /// Returns the alerts that are not ok: those that are firing first, and of these the latest.
    ///
    /// # Errors
    /// The store can't be read.
    fn alerts(&mut self, filter: &SeriesFilter) -> Result<Vec<CurrentAlert>, ReadError>;

    /// Returns what alerts have reported, the latest first, and at most so many.
    ///
    /// # Errors
    /// The store can't be read.
    fn alert_history(
        &mut self,
        filter: &SeriesFilter,
        range: TimeRange,
        limit: usize,
    ) -> Result<Vec<Event>, ReadError>;
}

impl dyn Reader + '_ {
    /// Returns the buckets of a series as [`buckets`](Reader::buckets) passes them.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn all_buckets(
        &mut self,
        key: &SeriesKey,
        range: TimeRange,
        division: Division,
    ) -> Result<Vec<Bucket>, ReadError> {
        let mut buckets = Vec::new();
        self.buckets(key, range, division, &mut |bucket| {
            buckets.push(bucket);
            ControlFlow::Continue(())
        })?;
        Ok(buckets)
    }
}
