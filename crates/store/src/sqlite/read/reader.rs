//! A file that is open for reading.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::{buckets, connection, rejections, rows, series_list};
use crate::alerts::{CurrentAlert, Event};
use crate::read::{
    Bucket, Cancel, Division, ReadError, Reader, RejectionGroup, RejectionRow, Row, RowQuestion,
    Series, SeriesFilter, SeriesKey, TimeRange,
};
use crate::reading_id::ReadingId;
use crate::rejection::Rejection;
use crate::sqlite::alerts;
use crate::sqlite::failure::{Retryable, explain};

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;

/// A file that is open for reading.
pub struct SqliteReader {
    connection: Connection,
    name: String,
    timeout: Option<Duration>,
    /// When the present question has to be answered.
    deadline: Arc<Mutex<Option<Instant>>>,
    cancel: Cancel,
}

impl SqliteReader {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// There is none, it can't be read, it is none of ours, or it was made by a newer version.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let mut connection = connection::open(path)?;
        let deadline = Arc::new(Mutex::new(None::<Instant>));
        let cancel = Cancel::default();
        let (until, cancelled) = (Arc::clone(&deadline), cancel.clone());
        let interrupts = move || {
            let until = *until.lock().unwrap_or_else(PoisonError::into_inner);
            cancelled.is_cancelled() || until.is_some_and(|until| Instant::now() > until)
        };
        let name = path.display().to_string();
        connection
            .progress_handler(STEPS, Some(interrupts))
            .map_err(|error| ReadError::Failed(format!("`{name}`: {error}")))?;
        Ok(Self {
            connection,
            name,
            timeout: None,
            deadline,
            cancel,
        })
    }

    /// Answers a question. Statements end with it, or with an error.
    fn answer<T>(
        &mut self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        if self.cancel.is_cancelled() {
            return Err(ReadError::Cancelled);
        }
        let until = self.timeout.map(|timeout| Instant::now() + timeout);
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = until;
        let answer = question(&self.connection);
        answer.map_err(|error| self.error(error))
    }

    fn error(&self, error: rusqlite::Error) -> ReadError {
        if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) {
            return if self.cancel.is_cancelled() {
                ReadError::Cancelled
            } else {
                ReadError::TimedOut
            };
        }
        let error = explain(error);
        let line = format!("cannot read store `{}`: {error}", self.name);
        if error.is::<Retryable>() {
            return ReadError::Away(line);
        }
        ReadError::Failed(line)
    }
}

impl Reader for SqliteReader {
    fn name(&self) -> &str {
        &self.name
    }

    fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    fn series(&mut self, filter: &SeriesFilter) -> Result<Vec<Series>, ReadError> {
        self.answer(|connection| series_list::list(connection, filter, true))
    }

    fn latest(&mut self, filter: &SeriesFilter) -> Result<Vec<Series>, ReadError> {
        self.answer(|connection| series_list::list(connection, filter, false))
    }

    fn rows(
        &mut self,
        question: &RowQuestion,
        take: &mut dyn FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.answer(|connection| rows::rows(connection, question, take))
    }

    fn row_batches(
        &mut self,
        question: &RowQuestion,
        take: &mut dyn FnMut(Vec<Row>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.answer(|connection| rows::row_batches(connection, question, take))
    }

    fn buckets(
        &mut self,
        key: &SeriesKey,
        range: TimeRange,
        division: Division,
        take: &mut dyn FnMut(Bucket) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.answer(|connection| buckets::buckets(connection, key, range, division, take))
    }

    fn rejection_groups(&mut self, range: TimeRange) -> Result<Vec<RejectionGroup>, ReadError> {
        self.answer(|connection| rejections::groups(connection, range))
    }

    fn rejections(
        &mut self,
        range: TimeRange,
        reason: Option<&str>,
        take: &mut dyn FnMut(RejectionRow) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        self.answer(|connection| rejections::rows(connection, range, reason, take))
    }

    fn rejection(&mut self, id: ReadingId) -> Result<Option<Rejection>, ReadError> {
        self.answer(|connection| rejections::one(connection, id))
    }

    fn alerts(&mut self, filter: &SeriesFilter) -> Result<Vec<CurrentAlert>, ReadError> {
        self.answer(|connection| alerts::current(connection, filter))
    }

    fn alert_history(
        &mut self,
        filter: &SeriesFilter,
        range: TimeRange,
        limit: usize,
    ) -> Result<Vec<Event>, ReadError> {
        self.answer(|connection| alerts::history(connection, filter, range, limit))
    }
}
