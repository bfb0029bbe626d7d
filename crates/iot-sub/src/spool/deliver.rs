//! Delivers what is in the spool to the store, oldest first, and tries again until it is there: the
//! last step of a reading's path, a task of its own.
//!
//! An attempt is repeated with the same entries and so with the same ids. A store that is away is
//! reported once, not at each attempt, and is then tried with one batch at a time. What came first
//! stays: where payloads say themselves which they are, a batch waits for an earlier one with which
//! it has an id in common.

mod batches;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use iot_store::{Entry, Failure, Store, Stored};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use self::batches::{Batches, Due};
use crate::counts::Counts;
use crate::failpoint::{self, Point};
use crate::output::Messages;
use crate::pipeline::store_away::{finish, report_away};
use crate::spool::backlog::{Backlog, Batch};
use crate::spool::seq::Seq;

/// Limits of a batch.
const ENTRIES: usize = 5_000;
const BYTES: usize = 8 << 20;
/// Batches in flight.
const IN_FLIGHT: usize = 2;
/// Delays between attempts: the first, and the longest they double to where the store is away, and
/// if it refuses us.
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(5);
const LONGEST_HOLD: Duration = Duration::from_secs(30);
/// How often this task shows that it goes on.
const BEAT: Duration = Duration::from_secs(1);
/// The longest once the program ends: the time is short.
const LAST_DELAY: Duration = Duration::from_millis(200);

/// The task's work.
pub(crate) struct Deliverer {
    store: Arc<dyn Store>,
    backlog: Arc<Backlog>,
    counts: Arc<Counts>,
    messages: Messages,
    batches: Batches,
    attempts: JoinSet<Attempt>,
    /// How many attempts were started.
    started: u64,
    trouble: Option<Trouble>,
    /// What was said of the store since it last took something.
    reported: Vec<Failure>,
    /// What is known of it while attempts are running.
    news: (UnboundedSender<Failure>, UnboundedReceiver<Failure>),
}

/// The end of an attempt.
struct Attempt {
    number: u64,
    /// Which batch; none where the store was only asked whether it is there.
    last: Option<Seq>,
    took: Duration,
    result: Result<Stored, Failure>,
}

/// The store doesn't take what it is given.
struct Trouble {
    delay: Duration,
    /// When the next attempt is due.
    until: Instant,
    /// Only an attempt that started later shows that it is over.
    since: u64,
}

/// Says that nothing more is delivered, also where the task breaks down.
struct End(Arc<Backlog>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Deliverer {
    /// Returns what delivers from `backlog` to `store`.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        backlog: Arc<Backlog>,
        counts: Arc<Counts>,
        messages: Messages,
    ) -> Self {
        Self {
            store,
            backlog,
            counts,
            messages,
            batches: Batches::default(),
            attempts: JoinSet::new(),
            started: 0,
            trouble: None,
            reported: Vec::new(),
            news: unbounded_channel(),
        }
    }

    /// Delivers until the backlog is closed and empty.
    pub(crate) async fn run(mut self) {
        let _end = End(Arc::clone(&self.backlog));
        // So that a store that is away is reported before anything waits for it.
        self.start(None);
        let mut more = true;
        let mut ticks = interval(BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while more || !self.batches.is_empty() {
            self.counts.gauges.delivering.beat();
            self.start_what_is_due();
            let room = match self.trouble {
                None => self.batches.len() < IN_FLIGHT,
                // One, to try it with.
                Some(_) => self.batches.is_empty(),
            };
            let backlog = Arc::clone(&self.backlog);
            let due = self.due();
            tokio::select! {
                batch = backlog.take(ENTRIES, BYTES), if room && more => match batch {
                    Some(batch) => self.take(batch),
                    None => more = false,
                },
                Some(attempt) = self.attempts.join_next() => match attempt {
                    Ok(attempt) => {
                        // What was known before its end is older than its end.
                        while let Ok(failure) = self.news.1.try_recv() {
                            self.report(failure);
                        }
                        self.ended(attempt);
                    }
                    // It has panicked, and so will the next one.
                    Err(_) => return,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                // Shows that this task goes on.
                _ = ticks.tick() => {}
                Some(failure) = self.news.1.recv() => self.report(failure),
                () = backlog.committed(), if due.is_some() && !backlog.is_closed() => self.hurry(),
            }
        }
        finish(&*self.store).await;
    }

    fn take(&mut self, batch: Batch) {
        self.batches.push(batch);
        self.show_oldest();
    }

    fn show_oldest(&self) {
        let oldest = self.batches.oldest();
        let gauges = &self.counts.gauges;
        gauges.set_oldest(oldest.map(Entry::received));
    }

    /// When the next attempt is due, if none is running.
    fn due(&self) -> Option<Instant> {
        let trouble = self.trouble.as_ref()?;
        self.attempts.is_empty().then_some(trouble.until)
    }

    /// The program ends, and waits no longer for the next attempt.
    fn hurry(&mut self) {
        if let Some(trouble) = &mut self.trouble {
            trouble.until = Instant::now();
        }
    }

    fn start_what_is_due(&mut self) {
        let many = match &self.trouble {
            None => IN_FLIGHT,
            Some(_) if self.due().is_some_and(|due| due <= Instant::now()) => 1,
            Some(_) => return,
        };
        let due = self.batches.start(many);
        if due.is_empty() && self.trouble.is_some() {
            self.start(None);
        }
        for batch in due {
            self.start(Some(batch));
        }
    }

    fn start(&mut self, batch: Option<Due>) {
        self.started += 1;
        let number = self.started;
        let store = Arc::clone(&self.store);
        let news = self.news.0.clone();
        self.attempts.spawn(async move {
            let began = Instant::now();
            // Nobody wants to know any more where the program ends.
            let report = |failure| drop(news.send(failure));
            let (last, result) = if let Some(due) = batch {
                let Due {
                    entries,
                    last,
                    again,
                } = due;
                failpoint::pass(Point::BeforeDelivery);
                let insert = store.insert(&entries, again);
                (Some(last), report_away(&*store, insert, report).await)
            } else {
                let answer = report_away(&*store, store.ping(), report).await;
                (None, answer.map(|()| Stored::default()))
            };
            Attempt {
                number,
                last,
                took: began.elapsed(),
                result,
            }
        });
    }

    fn ended(&mut self, attempt: Attempt) {
        match attempt.result {
            Ok(stored) => {
                if let Some(count) = attempt.last.and_then(|last| self.batches.stored(last)) {
                    failpoint::pass(Point::AfterDelivery);
                    let gauges = &self.counts.gauges;
                    gauges.delivery_time.add_time(attempt.took);
                    gauges.delivery_size.add(count as u64);
                    self.counts.delivered(stored);
                    self.trim();
                }
                self.worked(attempt.number);
            }
            Err(failure) => {
                if let Some(last) = attempt.last {
                    self.batches.failed(last);
                }
                self.failed(failure);
            }
        }
    }

    /// What is stored can be deleted from the spool, up to the first that isn't.
    fn trim(&mut self) {
        while let Some(last) = self.batches.pop_stored() {
            self.backlog.set_delivered(last);
        }
        self.show_oldest();
    }

    fn worked(&mut self, number: u64) {
        if self
            .trouble
            .as_ref()
            .is_some_and(|trouble| number <= trouble.since)
        {
            return;
        }
        self.trouble = None;
        self.counts.gauges.set_store_up(true);
        if !self.reported.is_empty() {
            self.reported.clear();
            self.messages
                .report(&format_args!("store `{}` is back", self.store.name()));
        }
    }

    fn failed(&mut self, failure: Failure) {
        self.counts.gauges.delivery_failed();
        let before = self.trouble.take().map(|trouble| trouble.delay);
        let longest = match failure {
            _ if self.backlog.is_closed() => LAST_DELAY,
            Failure::Unknown(_) => LONGEST_DELAY,
            Failure::NotAllowed { .. } => LONGEST_HOLD,
        };
        let delay = before.map_or(FIRST_DELAY, |delay| (delay * 2).min(longest));
        self.trouble = Some(Trouble {
            delay,
            until: Instant::now() + delay,
            since: self.started,
        });
        self.report(failure);
    }

    /// Reports each failure once until the store is back.
    fn report(&mut self, failure: Failure) {
        self.counts.gauges.set_store_up(false);
        if self.reported.contains(&failure) {
            return;
        }
        let name = self.store.name();
        match &failure {
            Failure::Unknown(_) => self.messages.report(&format_args!(
                "waiting for store `{name}`: {failure}; messages are kept in the spool"
            )),
            Failure::NotAllowed { .. } => self.messages.report(&format_args!(
                "store `{name}` refuses to write: {failure}; messages are kept in the spool"
            )),
        }
        self.reported.push(failure);
    }
}
