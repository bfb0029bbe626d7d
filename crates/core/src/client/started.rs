//! A loop that [`Client::loop_start`](super::Client::loop_start) has started, for those who wait for
//! its end.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use super::lock;

#[derive(Debug, Default)]
pub(super) struct Started {
    end: Mutex<End>,
    over: Condvar,
}

#[derive(Debug, Default)]
enum End {
    #[default]
    NotYet,
    Over,
    /// A callback has panicked, and nobody knows yet.
    Panic(Box<dyn std::any::Any + Send>),
}

impl Started {
    pub(super) fn finish<T>(&self, result: thread::Result<T>) {
        *lock(&self.end) = match result {
            Ok(_) => End::Over,
            Err(panic) => End::Panic(panic),
        };
        self.over.notify_all();
    }

    pub(super) fn is_finished(&self) -> bool {
        !matches!(*lock(&self.end), End::NotYet)
    }

    /// Waits for the end. Returns the panic of a callback to the first who asks.
    pub(super) fn join(&self) -> thread::Result<()> {
        let waiting = self
            .over
            .wait_while(lock(&self.end), |end| matches!(end, End::NotYet));
        let mut end = waiting.unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *end, End::Over) {
            End::Panic(panic) => Err(panic),
            _ => Ok(()),
        }
    }
}
