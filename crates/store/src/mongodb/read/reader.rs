//! A collection that is open for reading.

use std::ops::ControlFlow;
use std::time::Duration;

use super::server::Server;
use super::{alerts, buckets, rejections, rows, series_list};
use crate::alerts::{CurrentAlert, Event};
use crate::mongodb::collections::Collections;
use crate::read::{
    Bucket, Cancel, Division, ReadError, Reader, RejectionGroup, RejectionRow, Row, RowQuestion,
    Series, SeriesFilter, SeriesKey, TimeRange,
};
use crate::reading_id::ReadingId;
use crate::rejection::Rejection;

/// A collection that is open for reading.
pub struct MongoReader(Server);

impl MongoReader {
    /// Opens the collection at `url`, whether it is there or not: the first question tells.
    ///
    /// # Errors
    /// The URL is malformed, or no collection can have this name.
    pub fn open(url: &str, collection: &str) -> Result<Self, ReadError> {
        Server::open(url, collection).map(Self)
    }

    /// Returns what it reads.
    pub(in crate::mongodb) fn collections(&self) -> &Collections {
        &self.0.collections
    }

    /// Returns the answer to a request.
    pub(in crate::mongodb) fn request<T: Send + 'static>(
        &self,
        request: impl Future<Output = Result<T, mongodb::error::Error>> + Send + 'static,
    ) -> Result<T, ReadError> {
        self.0.request(request)
    }
}

impl Reader for MongoReader {
    fn name(&self) -> &str {
        &self.0.collections.name
    }

    fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.0.set_timeout(timeout);
    }

    fn cancel(&self) -> Cancel {
        self.0.cancel.clone()
    }

    fn series(&mut self, filter: &SeriesFilter) -> Result<Vec<Series>, ReadError> {
        self.0.begin()?;
        series_list::list(&self.0, filter, true)
    }

    fn latest(&mut self, filter: &SeriesFilter) -> Result<Vec<Series>, ReadError> {
        self.0.begin()?;
        series_list::list(&self.0, filter, false)
    }

    fn rows(
        &mut self,
        question: &RowQuestion,
        take: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.0.begin()?;
        rows::rows(&self.0, question, take)
    }

    fn buckets(
        &mut self,
        key: &SeriesKey,
        range: TimeRange,
        division: Division,
        take: &mut dyn FnMut(Bucket) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.0.begin()?;
        buckets::buckets(&self.0, key, range, division, take)
    }

    fn rejection_groups(&mut self, range: TimeRange) -> Result<Vec<RejectionGroup>, ReadError> {
        self.0.begin()?;
        rejections::groups(&self.0, range)
    }

    fn rejections(
        &mut self,
        range: TimeRange,
        reason: Option<&str>,
        take: &mut dyn FnMut(RejectionRow) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.0.begin()?;
        rejections::rows(&self.0, range, reason, take)
    }

    fn rejection(&mut self, id: ReadingId) -> Result<Option<Rejection>, ReadError> {
        self.0.begin()?;
        rejections::one(&self.0, id)
    }

    fn alerts(&mut self, filter: &SeriesFilter) -> Result<Vec<CurrentAlert>, ReadError> {
        self.0.begin()?;
        alerts::current(&self.0, filter)
    }

    fn alert_history(
        &mut self,
        filter: &SeriesFilter,
        range: TimeRange,
        limit: usize,
    ) -> Result<Vec<Event>, ReadError> {
        self.0.begin()?;
        alerts::history(&self.0, filter, range, limit)
    }
}
