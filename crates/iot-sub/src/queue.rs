//! A queue between the task that receives and the thread that commits, bounded in entries and bytes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iot_core::AckToken;
use tokio::sync::Notify;

use crate::reading::Entry;

/// Limits of the queue. One read from the network may go beyond; then nothing is read until there is room again.
const ENTRIES: usize = 50_000;
const BYTES: usize = 64 * 1024 * 1024;

/// What waits to be committed: an entry, and what acknowledges its message afterwards.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) entry: Entry,
    pub(crate) token: Option<AckToken>,
}

/// The queue. One task fills it, one thread empties it.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what was received, in order.
    pub(crate) fn extend(&self, items: impl IntoIterator<Item = Item>) {
        let mut state = self.lock();
        for item in items {
            state.bytes += item.entry.size();
            state.items.push_back(item);
        }
        drop(state);
        self.filled.notify_one();
    }

    pub(crate) fn is_full(&self) -> bool {
        let state = self.lock();
        state.items.len() >= ENTRIES || state.bytes >= BYTES
    }

    /// Waits until something was taken out. May be dropped at the await.
    pub(crate) async fn room(&self) {
        self.emptied.notified().await;
    }

    /// Nothing is added any more: once it is empty, [`take`](Self::take) returns `None`.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    /// Takes all that is there, `most` entries at most; waits for the first.
    pub(crate) fn take(&self, most: usize) -> Option<Vec<Item>> {
        let mut state = self.lock();
        while state.items.is_empty() {
            if state.closed {
                return None;
            }
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let count = state.items.len().min(most);
        let taken: Vec<Item> = state.items.drain(..count).collect();
        let bytes: usize = taken.iter().map(|item| item.entry.size()).sum();
        state.bytes -= bytes;
        drop(state);
        self.emptied.notify_one();
        Some(taken)
    }

    /// Waits before a retry; no longer once the queue is closed, for then the time is short.
    pub(crate) fn pause(&self, delay: Duration) {
        const SHORT: Duration = Duration::from_millis(100);
        let state = self.lock();
        let patience = if state.closed {
            delay.min(SHORT)
        } else {
            delay
        };
        let is_open = |state: &mut State| !state.closed || patience <= SHORT;
        drop(self.filled.wait_timeout_while(state, patience, is_open));
    }
}
