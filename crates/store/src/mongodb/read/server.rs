//! Questions to the server, from a thread that may wait.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, RawDocument, RawDocumentBuf};
use mongodb::error::{Error, ErrorKind};
use mongodb::{Collection, Cursor};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::mongodb::collections::Collections;
use crate::mongodb::failure::{MAX_TIME_EXPIRED, of_reader};
use crate::read::{Cancel, ReadError};

/// Documents, and bytes, that are passed on at once.
const DOCUMENTS: usize = 1_000;
const BYTES: usize = 1 << 20;
/// How often a waiting question looks whether it is cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// The server, and how long a question to it may take.
pub(super) struct Server {
    runtime: Option<Runtime>,
    pub(super) collections: Collections,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    pub(super) cancel: Cancel,
}

impl Server {
    pub(super) fn open(url: &str, collection: &str) -> Result<Self, ReadError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("mongodb-reader")
            .enable_all()
            .build()
            .map_err(|error| ReadError::Failed(format!("cannot start a thread: {error}")))?;
        let opened = runtime.block_on(Collections::open(url, collection));
        let collections = opened.map_err(|error| ReadError::Unusable(format!("{error:#}")))?;
        Ok(Self {
            runtime: Some(runtime),
            collections,
            timeout: None,
            deadline: None,
            cancel: Cancel::default(),
        })
    }

    pub(super) fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// Begins a question.
    pub(super) fn begin(&mut self) -> Result<(), ReadError> {
        self.deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        self.check()
    }

    /// Returns how long the server may work.
    pub(super) fn max_time(&self) -> Option<Duration> {
        let left = self.deadline?.saturating_duration_since(Instant::now());
        Some(left.max(Duration::from_millis(1)))
    }

    /// Returns a collection of this database whose name goes on like this.
    pub(super) fn beside(&self, suffix: &str) -> Collection<RawDocumentBuf> {
        let name = self.collections.beside_name(suffix);
        self.collections.database.collection(&name)
    }

    fn check(&self) -> Result<(), ReadError> {
        if self.cancel.is_cancelled() {
            return Err(ReadError::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() > deadline => Err(ReadError::TimedOut),
            _ => Ok(()),
        }
    }

    fn error(&self, error: &Error) -> ReadError {
        if let ErrorKind::Command(command) = &*error.kind
            && command.code == MAX_TIME_EXPIRED
        {
            return ReadError::TimedOut;
        }
        let name = &self.collections.name;
        match of_reader(self.collections.failure(error)) {
            Failure::Unknown(reason) => {
                ReadError::Away(format!("cannot read store `{name}`: {reason}"))
            }
            failure @ Failure::NotAllowed { .. } => {
                ReadError::Failed(format!("cannot read store `{name}`: {failure}"))
            }
        }
    }

    fn runtime(&self) -> Result<&Runtime, ReadError> {
        let gone = || ReadError::Failed("the reader is closed".to_owned());
        self.runtime.as_ref().ok_or_else(gone)
    }

    /// Returns the answer to a request. The request goes on by itself if nobody waits any more.
    pub(super) fn request<T: Send + 'static>(
        &self,
        request: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, ReadError> {
        let runtime = self.runtime()?;
        let mut task = runtime.spawn(request);
        loop {
            self.check()?;
            let answered = runtime.block_on(async { tokio::time::timeout(LOOK, &mut task).await });
            match answered {
                Ok(Ok(answer)) => return answer.map_err(|error| self.error(&error)),
                Ok(Err(_)) => return Err(ReadError::Failed("the driver broke down".to_owned())),
                Err(_) => {}
            }
        }
    }

    /// Passes the documents that are found to `take`.
    pub(super) fn documents(
        &self,
        find: impl Future<Output = Result<Cursor<RawDocumentBuf>, Error>> + Send + 'static,
        take: &mut dyn FnMut(&RawDocument) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let (sender, mut receiver) = mpsc::channel::<Result<Vec<RawDocumentBuf>, Error>>(2);
        let runtime = self.runtime()?;
        runtime.spawn(async move {
            if let Err(error) = pass(find, &sender).await {
                // Nobody may wait any more.
                let _ = sender.send(Err(error)).await;
            }
        });
        loop {
            self.check()?;
            let next =
                runtime.block_on(async { tokio::time::timeout(LOOK, receiver.recv()).await });
            match next {
                Ok(None) => return Ok(()),
                Ok(Some(Err(error))) => return Err(self.error(&error)),
                Ok(Some(Ok(documents))) => {
                    for document in &documents {
                        if take(document).is_break() {
                            return Ok(());
                        }
                    }
                }
                Err(_) => {}
            }
        }
    }

    /// Returns all documents that are found.
    pub(super) fn all(
        &self,
        find: impl Future<Output = Result<Cursor<RawDocumentBuf>, Error>> + Send + 'static,
    ) -> Result<Vec<Document>, ReadError> {
        let mut all = Vec::new();
        let mut malformed = None;
        self.documents(find, &mut |document| match Document::try_from(document) {
            Ok(document) => {
                all.push(document);
                ControlFlow::Continue(())
            }
            Err(error) => {
                malformed = Some(error.to_string());
                ControlFlow::Break(())
            }
        })?;
        match malformed {
            None => Ok(all),
            Some(error) => Err(ReadError::Failed(format!("a malformed document: {error}"))),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be dropped on a thread that must not wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn pass(
    find: impl Future<Output = Result<Cursor<RawDocumentBuf>, Error>>,
    sender: &mpsc::Sender<Result<Vec<RawDocumentBuf>, Error>>,
) -> Result<(), Error> {
    let mut cursor = find.await?;
    let (mut documents, mut bytes) = (Vec::new(), 0);
    while cursor.advance().await? {
        let document = cursor.current();
        bytes += document.as_bytes().len();
        documents.push(document.to_owned());
        if documents.len() >= DOCUMENTS || bytes >= BYTES {
            bytes = 0;
            if sender
                .send(Ok(std::mem::take(&mut documents)))
                .await
                .is_err()
            {
                return Ok(());
            }
        }
    }
    if !documents.is_empty() {
        let _ = sender.send(Ok(documents)).await;
    }
    Ok(())
}
