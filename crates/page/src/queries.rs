//! Asks the store, on threads for blocking calls, a few questions at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iot_store::read::{Cancel, ReadError, Reader};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::sources::OpenReader;

/// Questions that are answered at the same time. Further ones wait.
const AT_ONCE: usize = 4;
/// Of these, answers that last as long as a browser reads them.
const EXPORTS_AT_ONCE: usize = 2;
/// Timeout of a question that is no export.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The readers of a store.
pub(crate) struct Queries {
    open: Arc<OpenReader>,
    idle: Mutex<Vec<Box<dyn Reader>>>,
    room: Arc<Semaphore>,
    export_room: Arc<Semaphore>,
}

/// How a question is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By a timeout.
    Question,
    /// By the browser, which may read slowly.
    Export,
}

impl Queries {
    pub(crate) fn new(open: Arc<OpenReader>) -> Self {
        Self {
            open,
            idle: Mutex::default(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            export_room: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
        }
    }

    /// Returns what `question` finds out. If the returned future is dropped, because the browser
    /// does not want the answer any more, the question is cancelled.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        kind: Kind,
        question: impl FnOnce(&mut dyn Reader) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let room = match kind {
            Kind::Question => &self.room,
            Kind::Export => &self.export_room,
        };
        let Ok(permit) = Arc::clone(room).acquire_owned().await else {
            return Err(ReadError::Cancelled);
        };
        let mut reader = self.reader().await?;
        reader.set_timeout((kind == Kind::Question).then_some(TIMEOUT));
        let mut guard = CancelOnDrop(Some(reader.cancel()));
        let queries = Arc::clone(self);
        let task = spawn_blocking(move || {
            let answer = question(&mut *reader);
            // After a failure it is opened again: the file may be another one now.
            if answer.is_ok() {
                queries.lock().push(reader);
            }
            drop(permit);
            answer
        });
        let answer = task.await;
        guard.0 = None;
        answer.unwrap_or_else(|_| Err(ReadError::Failed("the question has failed".into())))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Box<dyn Reader>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a reader that is open already, or opens one.
    async fn reader(&self) -> Result<Box<dyn Reader>, ReadError> {
        while let Some(reader) = self.idle() {
            // One whose browser has gone away answers nothing any more.
            if !reader.cancel().is_cancelled() {
                return Ok(reader);
            }
        }
        let open = Arc::clone(&self.open);
        let opened = spawn_blocking(move || open()).await;
        opened.unwrap_or_else(|_| Err(ReadError::Failed("the store cannot be opened".into())))
    }

    fn idle(&self) -> Option<Box<dyn Reader>> {
        self.lock().pop()
    }
}

struct CancelOnDrop(Option<Cancel>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(cancel) = &self.0 {
            cancel.cancel();
        }
    }
}
