//! The path of a reading: receive → decode → commit → acknowledge, in that order.
//!
//! This task receives, decodes and hands on; it never waits for a disk, a database or a terminal. When the queue to the
//! committer is full, it stops reading from the broker until there is room. What is committed is acknowledged by the
//! committer ([`crate::commit`]).

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Utc};
use iot_core::cli::{Notices, Signals};
use iot_core::{AckToken, Connection, Error, Event, Handle, Message, SubscribeAck, Subscription};
use tokio::sync::oneshot;

use crate::args::Plan;
use crate::commit::{Committer, Counts};
use crate::output::{Messages, Output};
use crate::queue::{Item, Queue};
use crate::reading::{self, Entry, IdGenerator, PayloadMode};
use crate::target::Target;

/// How long what was received may take to be stored after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the broker may take to close the connection.
const GOODBYE: Duration = Duration::from_secs(3);

/// What a run needs.
pub(crate) struct Pipeline {
    connection: Connection,
    handle: Handle,
    notices: Notices,
    subscriptions: Vec<Subscription>,
    payload: PayloadMode,
    fail_fast: bool,
    ids: IdGenerator,
    output: Output,
    messages: Messages,
    /// The broker has accepted a connection.
    connected: bool,
    counts: Arc<Counts>,
    /// The way to the committer; none where nothing is stored.
    store: Option<ToStore>,
    /// What the last events brought, before it goes on its way together.
    batch: Vec<Item>,
    /// When these were received.
    now: DateTime<Utc>,
    /// Reading from the broker goes on.
    reading: bool,
}

struct ToStore {
    queue: Arc<Queue>,
    /// Comes when the committer has ended.
    ended: oneshot::Receiver<Result<()>>,
}

/// Why receiving ended.
enum End {
    /// By a signal, or because nobody reads what is printed.
    Asked,
    /// The committer can't go on.
    Committer(Result<()>),
}

impl Pipeline {
    /// Returns a pipeline into `target`; without one it only prints.
    ///
    /// # Errors
    /// What is wrong with the configuration, and a thread that can't be started.
    pub(crate) fn new(plan: Plan, target: Option<Target>, messages: &Messages) -> Result<Self> {
        let connection = Connection::new(plan.config)?;
        let handle = connection.handle();
        let counts = Arc::new(Counts::default());
        let store = match target {
            None => None,
            Some(target) => {
                let queue = Arc::new(Queue::default());
                let committer = Committer {
                    queue: Arc::clone(&queue),
                    target,
                    runtime: tokio::runtime::Handle::current(),
                    counts: Arc::clone(&counts),
                    handle: handle.clone(),
                    messages: messages.clone(),
                };
                let (sender, ended) = oneshot::channel();
                std::thread::Builder::new()
                    .name("committer".into())
                    .spawn(move || {
                        // Nobody listens any more where the program ends without waiting.
                        let _ = sender.send(committer.run());
                    })?;
                Some(ToStore { queue, ended })
            }
        };
        Ok(Self {
            notices: Notices::new(connection.config().address()),
            handle,
            connection,
            subscriptions: plan.subscriptions,
            payload: plan.payload,
            fail_fast: plan.fail_fast,
            ids: IdGenerator::new(),
            output: Output::new()?,
            messages: messages.clone(),
            connected: false,
            counts,
            store,
            batch: Vec::new(),
            now: Utc::now(),
            reading: true,
        })
    }

    /// Receives until a signal comes, then stores what was received and says how much that was.
    ///
    /// # Errors
    /// A broker that refuses for good, a store that breaks, and readings that could not be stored in time.
    pub(crate) async fn run(mut self, mut signals: Signals) -> Result<()> {
        let received = self.receive(&mut signals).await;
        let stored = match &received {
            Ok(End::Committer(_)) => Ok(()),
            _ => self.store_rest(&mut signals).await,
        };
        self.handle.disconnect();
        // A broker that doesn't answer the goodbye changes nothing.
        let _ = tokio::time::timeout(GOODBYE, async {
            while self.connection.next().await.is_some() {}
        })
        .await;
        self.output.finish(&self.messages);
        if self.connected {
            self.messages.say(&self.totals());
        }
        match received? {
            End::Asked => stored,
            End::Committer(result) => result,
        }
    }

    fn totals(&self) -> String {
        let count = |count: &AtomicU64| count.load(Ordering::Acquire);
        let counts = &self.counts;
        let mut totals = format!("received {}", count(&counts.received));
        if self.store.is_some() {
            let _ = write!(totals, ", stored {}", count(&counts.stored));
        }
        let _ = write!(totals, ", rejected {}", count(&counts.rejected));
        if count(&counts.duplicates) > 0 {
            let _ = write!(totals, ", duplicates {}", count(&counts.duplicates));
        }
        totals
    }

    async fn receive(&mut self, signals: &mut Signals) -> Result<End> {
        loop {
            self.set_reading();
            let queue = self.store.as_ref().map(|store| Arc::clone(&store.queue));
            let room = async {
                match &queue {
                    Some(queue) => queue.room().await,
                    None => std::future::pending().await,
                }
            };
            let ended = async {
                match &mut self.store {
                    Some(store) => (&mut store.ended).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = self.connection.next() => match event {
                    Some(event) => self.events(event)?,
                    None => bail!("the connection has ended"),
                },
                () = room, if !self.reading => {}
                () = self.output.progress() => {
                    if self.output.is_closed() && self.store.is_none() {
                        return Ok(End::Asked);
                    }
                }
                result = ended => {
                    let result = result.context("the thread that stores has broken down")?;
                    return Ok(End::Committer(result));
                }
                () = signals.next() => return Ok(End::Asked),
            }
        }
    }

    /// Handles the event and all that came with it, and hands on what they brought.
    fn events(&mut self, event: Event) -> Result<()> {
        self.now = Utc::now();
        let mut next = Some(event);
        while let Some(event) = next {
            self.event(event)?;
            next = self.connection.try_next();
        }
        self.hand_on();
        Ok(())
    }

    fn hand_on(&mut self) {
        self.output.flush();
        if let Some(store) = &self.store
            && !self.batch.is_empty()
        {
            store.queue.extend(self.batch.drain(..));
        } else {
            let tokens: Vec<AckToken> =
                self.batch.drain(..).filter_map(|item| item.token).collect();
            self.handle.ack(&tokens);
        }
    }

    fn event(&mut self, event: Event) -> Result<()> {
        if let Some(notice) = self.notices.line(&event) {
            let is_final = match &event {
                Event::ConnectFailed(error) | Event::Disconnected(Err(error)) => {
                    self.fail_fast || error.is_permanent()
                }
                _ => false,
            };
            if !is_final {
                self.messages.say(&notice);
            }
        }
        match event {
            Event::Connected(ack) => {
                self.connected = true;
                self.messages.connected(ack.code.0);
                match self.handle.subscribe(self.subscriptions.iter().cloned()) {
                    // The connection is lost already: the next one subscribes.
                    Ok(_) | Err(Error::NotConnected) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Event::Subscribed(ack) => self.subscribed(&ack)?,
            Event::Received { message, token } => self.message(message, token),
            Event::Duplicate(_) => {
                self.counts.received.fetch_add(1, Ordering::AcqRel);
                self.counts.duplicates.fetch_add(1, Ordering::AcqRel);
            }
            Event::Released(token) => self.handle.release(&token),
            Event::ConnectFailed(error) | Event::Disconnected(Err(error))
                if self.fail_fast || error.is_permanent() =>
            {
                return Err(self.notices.failure(error));
            }
            _ => {}
        }
        Ok(())
    }

    /// A filter that the broker refuses is told; if it refuses all, there is nothing to wait for.
    fn subscribed(&mut self, ack: &SubscribeAck) -> Result<()> {
        let refused = || {
            let pairs = self.subscriptions.iter().zip(&ack.reasons);
            pairs.filter(|(_, reason)| reason.is_error())
        };
        for (subscription, reason) in refused() {
            let reason = match reason.0 {
                0x80 => "no reason given".to_owned(),
                _ => reason.to_string(),
            };
            let filter = &subscription.filter;
            self.messages.say(&format_args!(
                "the broker refuses the subscription to `{filter}`: {reason}"
            ));
        }
        if refused().count() == self.subscriptions.len() {
            bail!("the broker refuses every subscription");
        }
        Ok(())
    }

    fn message(&mut self, message: Message, token: Option<AckToken>) {
        let Message { topic, payload, .. } = message;
        let entry = reading::read(self.payload, topic, &payload, self.now, &mut self.ids);
        self.counts.received.fetch_add(1, Ordering::AcqRel);
        match &entry {
            Entry::Reading(reading) => self.output.reading(reading),
            Entry::Rejection(rejection) => {
                self.messages.rejection(rejection);
                if self.store.is_none() {
                    self.counts.rejected.fetch_add(1, Ordering::AcqRel);
                }
            }
        }
        self.batch.push(Item { entry, token });
    }

    /// Reads from the broker as long as there is room for what comes.
    fn set_reading(&mut self) {
        let full = match &self.store {
            Some(store) => store.queue.is_full(),
            // What is only printed is held up by who reads it; nothing is left out.
            None => self.output.is_full(),
        };
        if self.reading == full {
            self.reading = !full;
            self.connection.set_reading(self.reading);
        }
    }

    /// After the end of receiving: stores what was received, acknowledges it, and gives up after a while or a second
    /// signal.
    async fn store_rest(&mut self, signals: &mut Signals) -> Result<()> {
        self.now = Utc::now();
        while let Some(event) = self.connection.try_next() {
            if let Event::Received { message, token } = event {
                self.message(message, token);
            }
        }
        self.hand_on();
        self.connection.set_reading(false);
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        store.queue.close();
        if self.counts.under_way() > 0 {
            self.messages.say(&format_args!(
                "storing what was received, for {} s at most; Ctrl-C again ends at once",
                PATIENCE.as_secs()
            ));
        }
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        loop {
            tokio::select! {
                result = &mut store.ended => {
                    return result.context("the thread that stores has broken down")?;
                }
                // Acknowledgements go out meanwhile.
                event = self.connection.next() => if event.is_none() {
                    std::future::pending::<()>().await;
                },
                () = &mut patience => break,
                () = signals.next() => break,
            }
        }
        bail!(
            "{} messages that were received are not stored",
            self.counts.under_way()
        )
    }
}
