//! The readings of several filters in one order. A thread reads those of each filter, with a reader
//! of its own, as far as there is room in its channel.

use std::iter::Peekable;
use std::ops::ControlFlow;
use std::sync::mpsc::{IntoIter, SyncSender, sync_channel};
use std::thread;

use anyhow::{Error, Result};
use iot_store::read::{Order, Reader, Row, RowQuestion, SeriesFilter, TimeRange};

use super::output::Stopped;
use crate::args::StoreArgs;
use crate::open::open;

/// Batches of one filter that wait.
const WAITING: usize = 2;

type Batch = Result<Vec<Row>, Error>;

/// Passes each reading that one of the filters selects to `take`, once, in the order of time.
pub(super) fn merged(
    store: &StoreArgs,
    filters: &[SeriesFilter],
    range: TimeRange,
    take: &mut dyn FnMut(Row) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    thread::scope(|scope| {
        let mut sources = Vec::new();
        for at in 0..filters.len() {
            let (sender, receiver) = sync_channel(WAITING);
            scope.spawn(move || read(open(store), filters, at, range, &sender));
            sources.push(Source::new(receiver.into_iter()));
        }
        loop {
            let mut first: Option<(usize, _)> = None;
            for (at, source) in sources.iter_mut().enumerate() {
                let Some(row) = source.peek()? else { continue };
                let key = (row.time, row.id);
                if first.is_none_or(|(_, least)| key < least) {
                    first = Some((at, key));
                }
            }
            let Some((at, _)) = first else { return Ok(()) };
            if let Some(row) = sources[at].next() {
                take(row)?;
            }
        }
    })
}

/// Passes each reading that the only filter selects to `take`, in the order of time. They are read
/// while those before are written.
pub(super) fn streamed(
    reader: Box<dyn Reader>,
    filters: &[SeriesFilter],
    range: TimeRange,
    take: &mut dyn FnMut(Row) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING);
        scope.spawn(move || read(Ok(reader), filters, 0, range, &sender));
        for batch in receiver {
            for row in batch? {
                take(row)?;
            }
        }
        Ok(())
    })
}

/// Reads the rows of a filter that no earlier filter selects.
fn read(
    reader: Result<Box<dyn Reader>>,
    filters: &[SeriesFilter],
    at: usize,
    range: TimeRange,
    sender: &SyncSender<Batch>,
) {
    let question = RowQuestion {
        order: Order::Time,
        ..RowQuestion::new(filters[at].clone(), range)
    };
    let mut take = |mut rows: Vec<Row>| {
        if at > 0 {
            rows.retain(|row| !filters[..at].iter().any(|filter| filter.matches(&row.key)));
        }
        match sender.send(Ok(rows)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    let done = reader.and_then(|mut reader| Ok(reader.row_batches(&question, &mut take)?));
    if let Err(error) = done {
        // Nobody waits for it any more if the export has ended.
        let _ = sender.send(Err(error));
    }
}

/// The rows of one filter.
struct Source {
    batches: IntoIter<Batch>,
    rows: Peekable<std::vec::IntoIter<Row>>,
}

impl Source {
    fn new(batches: IntoIter<Batch>) -> Self {
        Self {
            batches,
            rows: Vec::new().into_iter().peekable(),
        }
    }

    fn peek(&mut self) -> Result<Option<&Row>, Error> {
        while self.rows.peek().is_none() {
            match self.batches.next() {
                None => return Ok(None),
                Some(batch) => self.rows = batch?.into_iter().peekable(),
            }
        }
        Ok(self.rows.peek())
    }

    fn next(&mut self) -> Option<Row> {
        self.rows.next()
    }
}
