//! A queue between the task that receives and the thread that commits, bounded in entries and
//! bytes.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use iot_store::Entry;
use iot_store::sqlite::decoder_state::StateRow;
use iot_store::sqlite::held::SessionKey;
use tokio::sync::{Notify, oneshot};

use crate::acknowledge::{Ack, Release};

/// Limits of the queue. One read from the network may exceed them; then nothing is read until there
/// is room again.
const ENTRIES: usize = 50_000;
const BYTES: usize = 64 * 1024 * 1024;

/// One item of the queue: an entry, a change of the session, or both; or nothing but an
/// acknowledgement that waits for earlier entries.
#[derive(Debug)]
pub(crate) struct QueueEntry {
    pub(crate) entry: Option<Entry>,
    pub(crate) on_commit: OnCommit,
    /// What the decoder has learned from the message, to be committed with its entry.
    pub(crate) state: Option<Box<[StateRow]>>,
}

/// What to do when the entry is on disk, and what to write in the same commit.
#[derive(Debug)]
pub(crate) enum OnCommit {
    Nothing,
    Acknowledge(Ack),
    /// Write the QoS 2 message's packet identifier for this session, with this fingerprint; then
    /// acknowledge it.
    Hold(Ack, Arc<SessionKey>, u64),
    /// Remove the packet identifier from this session; then send PUBCOMP.
    Release(Release, Arc<SessionKey>),
    /// Remove all packet identifiers of this session, which has ended; then send `()`.
    Forget(Arc<SessionKey>, oneshot::Sender<()>),
}

impl QueueEntry {
    /// Returns an item without an entry.
    pub(crate) fn only(on_commit: OnCommit) -> Self {
        Self {
            entry: None,
            on_commit,
            state: None,
        }
    }

    fn size(&self) -> usize {
        let state = self.state.iter().flatten().map(|row| {
            let value = row.value.as_ref().map_or(0, Bytes::len);
            size_of::<StateRow>() + row.key.len() + value
        });
        self.entry.as_ref().map_or(0, Entry::size) + state.sum::<usize>()
    }
}

/// The queue. One task fills it, one thread empties it.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Notify,
    before_commit: OnceLock<Hook>,
}

/// What is to be done between taking items out and committing them.
struct Hook(Box<dyn Fn() + Send + Sync>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

#[derive(Debug, Default)]
struct State {
    /// Each beside its size.
    items: VecDeque<(usize, QueueEntry)>,
    bytes: usize,
    closed: bool,
    /// Counts as full, whatever it holds.
    held: bool,
    nudged: bool,
}

/// The result of [`Queue::wait`].
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) items: Vec<QueueEntry>,
    /// The timeout has passed.
    pub(crate) idle: bool,
    /// Nothing more will be added.
    pub(crate) closed: bool,
    /// Nothing more will be added, and the queue is empty.
    pub(crate) ended: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets what is called, on the thread that commits, each time before items are committed.
    pub(crate) fn before_commit(&self, hook: impl Fn() + Send + Sync + 'static) {
        let _ = self.before_commit.set(Hook(Box::new(hook)));
    }

    /// Adds what was received, in order.
    pub(crate) fn extend(&self, items: impl IntoIterator<Item = QueueEntry>) {
        let mut state = self.lock();
        for item in items {
            let size = item.size();
            state.bytes += size;
            state.items.push_back((size, item));
        }
        drop(state);
        self.filled.notify_one();
    }

    pub(crate) fn is_full(&self) -> bool {
        let state = self.lock();
        state.held || state.items.len() >= ENTRIES || state.bytes >= BYTES
    }

    /// Makes the queue count as full, or undoes that. Its items can be taken all the same.
    pub(crate) fn hold(&self, held: bool) {
        self.lock().held = held;
        self.emptied.notify_waiters();
    }

    /// Waits until it is not full; any number of tasks can. May be dropped at the await.
    pub(crate) async fn room(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // From here on, no notification is missed.
            emptied.as_mut().enable();
            if !self.is_full() {
                return;
            }
            emptied.await;
        }
    }

    /// Closes the queue: when it is empty, [`take`](Self::take) returns `None`.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.nudged = true;
        drop(state);
        self.filled.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Makes [`wait`](Self::wait) return.
    pub(crate) fn nudge(&self) {
        self.lock().nudged = true;
        self.filled.notify_one();
    }

    /// Takes up to `most` items; waits for the first.
    pub(crate) fn take(&self, most: usize) -> Option<Vec<QueueEntry>> {
        let state = self.lock();
        let waits = |state: &mut State| state.items.is_empty() && !state.closed;
        let state = self
            .filled
            .wait_while(state, waits)
            .unwrap_or_else(PoisonError::into_inner);
        let taken = self.take_out(state, most, usize::MAX);
        (!taken.is_empty()).then_some(taken)
    }

    /// Takes up to `most` items and up to `bytes` bytes, or a single item that is larger. Waits for
    /// the first item, a nudge, the close, or the timeout. With `most` 0 it does not wait for
    /// items.
    pub(crate) fn wait(&self, most: usize, bytes: usize, timeout: Option<Duration>) -> Work {
        let mut state = self.lock();
        let waits = |state: &mut State| (state.items.is_empty() || most == 0) && !state.nudged;
        let idle;
        (state, idle) = match timeout {
            None => {
                let state = self.filled.wait_while(state, waits);
                (state.unwrap_or_else(PoisonError::into_inner), false)
            }
            Some(timeout) => {
                let waited = self.filled.wait_timeout_while(state, timeout, waits);
                let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
                (state, waited.timed_out())
            }
        };
        state.nudged = false;
        let closed = state.closed;
        let before = state.items.len();
        let items = self.take_out(state, most, bytes);
        Work {
            idle,
            closed,
            ended: closed && items.len() == before,
            items,
        }
    }

    fn take_out(
        &self,
        mut state: MutexGuard<'_, State>,
        most: usize,
        bytes: usize,
    ) -> Vec<QueueEntry> {
        let (mut count, mut size) = (0, 0);
        for (next, _) in state.items.iter().take(most) {
            let next = size + next;
            if count > 0 && next > bytes {
                break;
            }
            size = next;
            count += 1;
        }
        let taken = state.items.drain(..count).map(|(_, item)| item);
        let taken: Vec<QueueEntry> = taken.collect();
        state.bytes -= size;
        drop(state);
        if !taken.is_empty() {
            self.emptied.notify_waiters();
            if let Some(Hook(hook)) = self.before_commit.get() {
                hook();
            }
        }
        taken
    }

    /// Waits before a retry; only for a short time when the queue is closed.
    pub(crate) fn pause(&self, delay: Duration) {
        const SHORT: Duration = Duration::from_millis(100);
        let state = self.lock();
        let timeout = if state.closed {
            delay.min(SHORT)
        } else {
            delay
        };
        let is_open = |state: &mut State| !state.closed || timeout <= SHORT;
        drop(self.filled.wait_timeout_while(state, timeout, is_open));
    }
}
