//! Makes the rollups of a collection, as charts would make them when they are asked for.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::bail;
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use super::read::MongoReader;
use super::series_notes::{ROLLUPS, void};
use crate::read::{Cancel, Division, ReadError, Reader, SeriesFilter, TimeRange};
use crate::reindexed::Reindexed;

const HOUR: Duration = Duration::from_hours(1);
/// How often `proceed` is asked while a series is read.
const LOOK: Duration = Duration::from_millis(100);

/// Makes the rollups that are missing, of days that are over; with `again`, all of them. `proceed`
/// is called after each series, and now and then in between; if it returns `false`, the work ends,
/// and the next call continues.
///
/// # Errors
/// The collection can't be read.
pub fn reindex(
    url: &str,
    collection: &str,
    again: bool,
    proceed: &mut dyn FnMut(Reindexed) -> bool,
) -> anyhow::Result<Reindexed> {
    let reader = MongoReader::open(url, collection)?;
    let cancel = reader.cancel();
    let (sender, steps) = channel();
    // A question about a long series takes its time; `proceed` belongs to this thread.
    thread::scope(|scope| {
        let work = scope.spawn(move || work(reader, again, &sender));
        let done = watch(&steps, &cancel, proceed);
        match work.join() {
            Ok(Ok(()) | Err(ReadError::Cancelled)) => Ok(done),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => bail!("the driver broke down"),
        }
    })
}

/// Waits for the end of the work, or ends it.
fn watch(
    steps: &Receiver<Reindexed>,
    cancel: &Cancel,
    proceed: &mut dyn FnMut(Reindexed) -> bool,
) -> Reindexed {
    let mut done = Reindexed::default();
    loop {
        match steps.recv_timeout(LOOK) {
            Ok(step) => done = step,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return done,
        }
        if !proceed(done) {
            cancel.cancel();
            // What is done until it ends counts.
            return steps.iter().last().unwrap_or(done);
        }
    }
}

fn work(mut reader: MongoReader, again: bool, steps: &Sender<Reindexed>) -> Result<(), ReadError> {
    if again {
        make_void(&reader)?;
    }
    let series = reader.latest(&SeriesFilter::default())?;
    let mut done = Reindexed {
        all_series: series.len() as u64,
        ..Reindexed::default()
    };
    let _ = steps.send(done);
    for one in series {
        // What an answer needs is kept for the next one.
        let hours = Division::Every(HOUR);
        reader.buckets(&one.key, TimeRange::default(), hours, &mut |bucket| {
            done.readings += bucket.count;
            ControlFlow::Continue(())
        })?;
        done.series += 1;
        let _ = steps.send(done);
    }
    Ok(())
}

fn make_void(reader: &MongoReader) -> Result<(), ReadError> {
    let collections = reader.collections();
    let name = collections.beside_name(ROLLUPS);
    let rollups: Collection<Document> = collections.database.collection(&name);
    reader.request(async move { rollups.update_many(doc! {}, void()).await.map(drop) })
}
