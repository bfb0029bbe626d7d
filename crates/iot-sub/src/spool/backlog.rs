//! What is committed to the spool and waits for its delivery: the oldest in memory, bounded in
//! entries and bytes, the rest in the spool only, from where it is fetched when its turn has come.
//!
//! The thread that owns the spool fills it, the task that delivers empties it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use iot_store::Entry;
use tokio::sync::Notify;

use crate::pipeline::queue::Queue;
use crate::spool::fetch::Fetched;
use crate::spool::seq::Seq;

/// Limits of what is kept in memory.
const ENTRIES: usize = 20_000;
const BYTES: usize = 16 << 20;
/// With less than this in memory, more is fetched.
const LOW: (usize, usize) = (5_000, 8 << 20);

/// The backlog between the spool and the store.
#[derive(Debug)]
pub(crate) struct Backlog {
    state: Mutex<State>,
    /// For the task that delivers.
    news: Notify,
    /// For who waits until everything is committed.
    committed: Notify,
    /// Where the thread that owns the spool waits.
    queue: Arc<Queue>,
}

#[derive(Debug)]
struct State {
    ready: VecDeque<Ready>,
    bytes: usize,
    /// The last number that ever was in `ready`.
    last: Seq,
    /// There is more behind it, in the spool only.
    more: bool,
    /// All up to this number were there at the start.
    found: Seq,
    /// All up to this number are in the store.
    delivered: Seq,
    /// Nothing more will be committed.
    closed: bool,
    /// Nothing more will be delivered.
    ended: bool,
}

/// An entry in memory.
#[derive(Debug)]
struct Ready {
    seq: Seq,
    size: usize,
    entry: Entry,
}

/// Entries to be delivered together.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) entries: Vec<Entry>,
    /// The number of the last one.
    pub(crate) last: Seq,
    /// An earlier run may have delivered some of them.
    pub(crate) again: bool,
}

impl Backlog {
    /// Returns the backlog of a spool in which everything up to number `trimmed` is delivered, and
    /// what is up to number `found` is not.
    pub(crate) fn new(queue: Arc<Queue>, trimmed: Seq, found: Seq) -> Self {
        Self {
            state: Mutex::new(State {
                ready: VecDeque::new(),
                bytes: 0,
                last: trimmed,
                more: found > trimmed,
                found,
                delivered: trimmed,
                closed: false,
                ended: false,
            }),
            news: Notify::new(),
            committed: Notify::new(),
            queue,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The side of the thread that owns the spool.

    /// Adds what was committed, numbered from `first` on.
    pub(crate) fn add(&self, first: Seq, entries: Vec<Entry>) {
        let mut state = self.lock();
        for (seq, entry) in (first..).zip(entries) {
            if state.more || state.ready.len() >= ENTRIES || state.bytes >= BYTES {
                // From here on all of it is fetched, so that the order stays.
                state.more = true;
                break;
            }
            state.push(seq, entry);
        }
        drop(state);
        self.news.notify_one();
    }

    /// Returns the number behind which more is to be fetched from the spool, if it is time.
    pub(crate) fn wants(&self) -> Option<Seq> {
        let state = self.lock();
        state.wants().then_some(state.last)
    }

    /// Adds what was fetched.
    pub(crate) fn refill(&self, fetched: Fetched) {
        let mut state = self.lock();
        for (seq, entry) in fetched.entries {
            state.push(seq, entry);
        }
        state.more = fetched.more;
        drop(state);
        self.news.notify_one();
    }

    /// Returns the number up to which the store has everything.
    pub(crate) fn delivered(&self) -> Seq {
        self.lock().delivered
    }

    /// Everything is committed and acknowledged, and nothing more will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_one();
        self.committed.notify_waiters();
    }

    /// Returns whether nothing more will be delivered.
    pub(crate) fn has_ended(&self) -> bool {
        self.lock().ended
    }

    // The side of the task that delivers.

    /// Takes the oldest entries, `most` readings and `bytes` at most, but for a single message that
    /// is larger. Waits for the first; returns `None` when there are none and none will come. May
    /// be dropped at the await.
    pub(crate) async fn take(&self, most: usize, bytes: usize) -> Option<Batch> {
        loop {
            let (batch, ended) = self.try_take(most, bytes);
            if !batch.entries.is_empty() {
                return Some(batch);
            }
            if ended {
                return None;
            }
            self.news.notified().await;
        }
    }

    /// Returns what there is, and whether nothing else will come.
    fn try_take(&self, most: usize, bytes: usize) -> (Batch, bool) {
        let mut state = self.lock();
        let mut batch = Batch {
            entries: Vec::new(),
            last: 0,
            again: false,
        };
        let (mut size, mut documents) = (0, 0);
        while documents < most
            && let Some(next) = state.ready.front()
        {
            size += next.size;
            documents += next.entry.readings().len().max(1);
            let again = next.seq <= state.found;
            let is_beyond = size > bytes || documents > most || again != batch.again;
            if !batch.entries.is_empty() && is_beyond {
                break;
            }
            batch.again = again;
            if let Some(Ready { seq, size, entry }) = state.ready.pop_front() {
                state.bytes -= size;
                batch.entries.push(entry);
                batch.last = seq;
            }
        }
        let wants = state.wants();
        let ended = state.closed && !state.more;
        drop(state);
        if wants {
            self.queue.nudge();
        }
        (batch, ended)
    }

    /// The store has everything up to number `seq`.
    pub(crate) fn set_delivered(&self, seq: Seq) {
        self.lock().delivered = seq;
        self.queue.nudge();
    }

    /// Nothing more is delivered.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.queue.nudge();
    }

    // The others.

    /// Returns whether nothing more will be committed.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits until everything is committed and acknowledged.
    pub(crate) async fn committed(&self) {
        let committed = self.committed.notified();
        tokio::pin!(committed);
        // Before the question, so that nothing is missed in between.
        committed.as_mut().enable();
        if !self.is_closed() {
            committed.await;
        }
    }
}

impl State {
    fn push(&mut self, seq: Seq, entry: Entry) {
        let size = entry.size();
        self.bytes += size;
        self.last = seq;
        self.ready.push_back(Ready { seq, size, entry });
    }

    fn wants(&self) -> bool {
        self.more && self.ready.len() < LOW.0 && self.bytes < LOW.1
    }
}

#[cfg(test)]
mod tests {
    use iot_decode::PlainFormat;
    use iot_store::IdGenerator;

    use super::*;
    use crate::decode::read;

    #[test]
    fn what_an_earlier_run_has_left_goes_before_what_comes() {
        let mut ids = IdGenerator::new();
        let now = chrono::Utc::now();
        let mut entry = |_| read(PlainFormat::Auto, "t", &"1".into(), now, &mut ids);
        let spool: Vec<(Seq, Entry)> = (3..9).map(|seq| (seq, entry(seq))).collect();
        let backlog = Backlog::new(Arc::new(Queue::default()), 2, 5);
        // Committed while what was left is still in the spool only.
        let new = spool[3..].iter().map(|(_, entry)| entry.clone());
        backlog.add(6, new.collect());
        assert!(backlog.try_take(10, usize::MAX).0.entries.is_empty());
        let mut taken = Vec::new();
        for (after, fetched) in [(2, 0..2), (4, 2..6)] {
            assert_eq!(backlog.wants(), Some(after));
            backlog.refill(Fetched {
                more: fetched.end < spool.len(),
                entries: spool[fetched].to_vec(),
            });
            loop {
                let (batch, _) = backlog.try_take(10, usize::MAX);
                if batch.entries.is_empty() {
                    break;
                }
                // Only of what an earlier run has left it may have delivered some.
                assert_eq!(batch.again, batch.last <= 5);
                taken.extend(batch.entries);
            }
        }
        assert_eq!(backlog.wants(), None);
        let expected: Vec<Entry> = spool.into_iter().map(|(_, entry)| entry).collect();
        assert_eq!(taken, expected);
    }
}
