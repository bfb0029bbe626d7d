//! Writes received entries to the store: a queue, the thread that empties it, and with a spool the
//! task that delivers.

use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::acknowledge::Acknowledger;
use crate::counts::Counts;
use crate::output::Messages;
use crate::pipeline::committer::Committer;
use crate::pipeline::destination::Destination;
use crate::pipeline::queue::Queue;
use crate::spool::backlog::Backlog;
use crate::spool::deliver::Deliverer;
use crate::spool::spooler::Spooler;
use crate::watch::StoreMode;

/// The queue, and the thread that empties it.
pub(crate) struct StoreWriter {
    pub(crate) queue: Arc<Queue>,
    /// Resolves when the thread has ended.
    ended: oneshot::Receiver<Result<()>>,
    pub(crate) spool: Option<SpoolDelivery>,
}

/// The delivery from the spool to the store.
pub(crate) struct SpoolDelivery {
    /// The spool's name in messages.
    pub(crate) name: String,
    backlog: Arc<Backlog>,
    delivery: JoinHandle<()>,
}

impl StoreWriter {
    /// Starts the thread that writes to `destination`; returns `None` if nothing is stored. Must be
    /// called on a Tokio runtime.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        destination: Destination,
        acknowledger: Acknowledger,
        counts: &Arc<Counts>,
        messages: &Messages,
    ) -> Result<Option<Self>> {
        let queue = Arc::new(Queue::default());
        let (counts, messages) = (Arc::clone(counts), messages.clone());
        let (spool, ended) = match destination {
            Destination::Nowhere => return Ok(None),
            Destination::Direct(store) => {
                counts.gauges.set_store_mode(StoreMode::Direct);
                counts.gauges.set_store_up(true);
                let committer = Committer {
                    queue: Arc::clone(&queue),
                    store,
                    runtime: tokio::runtime::Handle::current(),
                    counts,
                    acknowledger,
                    messages,
                };
                (None, start("committer", move || committer.run())?)
            }
            Destination::Spooled {
                spool,
                limit,
                store,
            } => {
                counts.gauges.set_store_mode(StoreMode::Spooled);
                let found = spool.len();
                if found > 0 {
                    counts.found(found);
                    messages.report(&format_args!("found in the spool: {found}"));
                }
                let backlog = Backlog::new(Arc::clone(&queue), spool.trimmed(), spool.last());
                let backlog = Arc::new(backlog);
                let deliverer = Deliverer::new(
                    store,
                    Arc::clone(&backlog),
                    Arc::clone(&counts),
                    messages.clone(),
                );
                let side = SpoolDelivery {
                    name: spool.name(),
                    backlog: Arc::clone(&backlog),
                    delivery: tokio::spawn(deliverer.run()),
                };
                let spooler = Spooler::new(
                    Arc::clone(&queue),
                    backlog,
                    *spool,
                    limit,
                    counts,
                    acknowledger,
                    messages,
                );
                (Some(side), start("spooler", move || spooler.run())?)
            }
        };
        Ok(Some(Self {
            queue,
            ended,
            spool,
        }))
    }

    /// Waits until the thread has ended, and returns its result. May be dropped at the await.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        let result = (&mut self.ended).await;
        result.context("the thread that stores has stopped unexpectedly")?
    }

    /// Waits until everything is acknowledged, after the queue was closed. Without a spool it waits
    /// for ever: then the thread ends. May be dropped at the await.
    pub(crate) fn committed(&self) -> impl Future<Output = ()> + use<> {
        let backlog = self.spool.as_ref().map(|spool| Arc::clone(&spool.backlog));
        async move {
            match backlog {
                Some(backlog) => backlog.committed().await,
                None => std::future::pending().await,
            }
        }
    }
}

impl SpoolDelivery {
    /// Stops the delivery: what is not in the store stays in the spool.
    pub(crate) fn give_up(&self) {
        self.delivery.abort();
        self.backlog.end();
    }
}

/// Starts a thread, and returns a receiver of its result.
fn start(
    name: &str,
    run: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<oneshot::Receiver<Result<()>>> {
    let (sender, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            // The receiver is gone if the program exits without waiting.
            let _ = sender.send(run());
        })?;
    Ok(ended)
}
