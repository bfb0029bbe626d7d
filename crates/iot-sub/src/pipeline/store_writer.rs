//! Writes what the pipeline received to the store: a queue, the thread that empties it, and with a
//! spool the task that delivers.

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

/// The queue, and what empties it.
pub(crate) struct StoreWriter {
    pub(crate) queue: Arc<Queue>,
    /// Resolves when the thread has ended.
    ended: oneshot::Receiver<Result<()>>,
    pub(crate) spool: Option<SpoolDelivery>,
}

/// The delivery from the spool to the store.
pub(crate) struct SpoolDelivery {
    /// What messages call the spool.
    pub(crate) name: String,
    backlog: Arc<Backlog>,
    delivery: JoinHandle<()>,
}

impl StoreWriter {
    /// Starts what leads to `destination`, if that is anywhere. Must be called on a Tokio runtime.
    ///
    /// # Errors
    /// No thread can be started.
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
                    messages.say(&format_args!("found in the spool: {found}"));
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

    /// Waits until the thread has ended; its error is why. May be dropped at the await.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        let result = (&mut self.ended).await;
        result.context("the thread that stores has broken down")?
    }

    /// Waits until nothing more is to be acknowledged, after the queue was closed; without a spool
    /// for ever, for then the thread ends. May be dropped at the await.
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
    /// Delivers nothing more: what is not in the store stays in the spool.
    pub(crate) fn give_up(&self) {
        self.delivery.abort();
        self.backlog.end();
    }
}

/// Starts a thread; what is returned tells how it has ended.
fn start(
    name: &str,
    run: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<oneshot::Receiver<Result<()>>> {
    let (sender, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            // Nobody listens any more where the program ends without waiting.
            let _ = sender.send(run());
        })?;
    Ok(ended)
}
