//! On a scripted store.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use iot_decode::PlainFormat;
use iot_store::{BoxFuture, IdGenerator, ReadingId};
use tokio::sync::Barrier;
use tokio::time::timeout;

use super::*;
use crate::decode::read;
use crate::pipeline::queue::Queue;

/// One call of [`Store::insert`]: the first id and how many, and whether it was said to be a
/// repetition.
type Call = (ReadingId, usize, bool);

struct Told {
    calls: Mutex<Vec<Call>>,
    /// How many calls fail first.
    failing: AtomicUsize,
    /// Lets calls end in pairs only.
    pairs: Option<Barrier>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

impl Told {
    fn new(failing: usize, pairs: bool) -> Arc<Self> {
        Arc::new(Self {
            calls: Mutex::default(),
            failing: AtomicUsize::new(failing),
            pairs: pairs.then(|| Barrier::new(2)),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
        })
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Store for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn away(&self) -> Option<Failure> {
        None
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { Ok(()) })
    }

    fn insert<'a>(
        &'a self,
        entries: &'a [Entry],
        again: bool,
    ) -> BoxFuture<'a, Result<Stored, Failure>> {
        let call = (entries[0].id(), entries.len(), again);
        self.calls.lock().unwrap().push(call);
        Box::pin(async move {
            let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_under_way.fetch_max(now, Ordering::SeqCst);
            if let Some(pairs) = &self.pairs {
                pairs.wait().await;
            } else {
                tokio::task::yield_now().await;
            }
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            let left = self.failing.load(Ordering::SeqCst);
            if left > 0 {
                self.failing.store(left - 1, Ordering::SeqCst);
                return Err(Failure::Unknown("told to".to_owned()));
            }
            Ok(Stored {
                stored: entries.len() as u64,
                ..Stored::default()
            })
        })
    }
}

fn entries(count: usize) -> Vec<Entry> {
    let mut ids = IdGenerator::new();
    let now = chrono::Utc::now();
    (0..count)
        .map(|_| read(PlainFormat::Auto, "iot/a", &"1".into(), now, &mut ids))
        .collect()
}

/// Delivers `count` entries, of which an earlier run has left `found`, to their end.
fn deliver(store: &Arc<Told>, count: usize, found: Seq) -> Vec<ReadingId> {
    deliver_all(store, entries(count), found)
}

fn deliver_all(store: &Arc<Told>, entries: Vec<Entry>, found: Seq) -> Vec<ReadingId> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let count = entries.len();
    let ids = entries.iter().map(Entry::id).collect();
    let backlog = Arc::new(Backlog::new(Arc::new(Queue::default()), 0, found));
    if found > 0 {
        backlog.refill(crate::spool::fetch::Fetched {
            entries: (1..).zip(entries).collect(),
            more: false,
        });
    } else {
        backlog.add(1, entries);
    }
    backlog.close();
    let counts = Arc::new(Counts::default());
    counts.found(count as u64);
    let deliverer = Deliverer::new(
        Arc::clone(store) as Arc<dyn Store>,
        Arc::clone(&backlog),
        Arc::clone(&counts),
        Messages::new().unwrap(),
    );
    runtime.block_on(async {
        let run = timeout(Duration::from_mins(10), deliverer.run()).await;
        run.expect("it delivers");
    });
    assert_eq!(counts.totals().stored, count as u64);
    assert_eq!(backlog.delivered(), Seq::try_from(count).unwrap());
    ids
}

#[test]
fn two_batches_of_five_thousand_are_under_way_at_once() {
    // Neither of two would ever end alone.
    let store = Told::new(0, true);
    let ids = deliver(&store, 20_000, 0);
    let calls: Vec<_> = [0, 5_000, 10_000, 15_000]
        .map(|first| (ids[first], 5_000, false))
        .into();
    assert_eq!(store.calls(), calls);
    assert_eq!(store.most_under_way.load(Ordering::SeqCst), 2);
}

#[test]
fn an_attempt_is_repeated_with_the_same_entries_and_says_so() {
    let store = Told::new(3, false);
    let ids = deliver(&store, 5_001, 0);
    let (first, second) = (ids[0], ids[5_000]);
    let mut calls = store.calls();
    // The two that began together both fail; then there is one at a time until one succeeds.
    assert_eq!(calls[..2], [(first, 5_000, false), (second, 1, false)]);
    calls.drain(..2);
    assert_eq!(calls[..2], [(first, 5_000, true), (first, 5_000, true)]);
    assert_eq!(calls[2..], [(second, 1, true)]);
}

#[test]
fn what_an_earlier_run_has_left_may_be_stored_already() {
    let store = Told::new(0, false);
    let ids = deliver(&store, 10, 4);
    let calls = [(ids[0], 4, true), (ids[4], 6, false)];
    assert_eq!(store.calls(), calls);
}

#[test]
fn of_two_with_the_same_id_the_first_to_come_is_in_the_store_first() {
    for (first, second) in [(0, 5_000), (4_999, 5_000), (4_999, 9_999), (2_500, 7_500)] {
        let mut entries = entries(10_000);
        entries[second] = entries[first].clone();
        let store = Told::new(0, false);
        let ids = deliver_all(&store, entries, 0);
        let calls = [(ids[0], 5_000, false), (ids[5_000], 5_000, false)];
        assert_eq!(store.calls(), calls);
        assert_eq!(store.most_under_way.load(Ordering::SeqCst), 1);
    }
    // Where it fails, too.
    let mut entries = entries(5_001);
    entries[5_000] = entries[0].clone();
    let store = Told::new(1, false);
    let ids = deliver_all(&store, entries, 0);
    let first = (ids[0], 5_000, true);
    assert_eq!(
        store.calls(),
        [(ids[0], 5_000, false), first, (ids[5_000], 1, false)]
    );
}
