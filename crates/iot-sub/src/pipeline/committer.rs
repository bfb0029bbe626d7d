//! Commits what was received and acknowledges it afterwards, in that order: the second half of the
//! pipeline, on a thread of its own.
//!
//! It is a group commit without a timer: whenever the last commit is done, the next takes all that
//! has arrived.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use iot_store::sqlite::Retryable;
use iot_store::{Failure, Stored};

use crate::acknowledge::Acknowledger;
use crate::counts::Counts;
use crate::failpoint::{self, Point};
use crate::output::Messages;
use crate::pipeline::destination::DirectStore;
use crate::pipeline::group_commit::GroupCommit;
use crate::pipeline::queue::Queue;
use crate::pipeline::store_away::{finish, report_away};

/// Limit of the entries in one commit. MongoDB's reply about more entries could exceed the limit of
/// its protocol.
const BATCH: usize = 5_000;
/// Time after which an attempt to write to a database counts as stuck.
const DATABASE_TIMEOUT: Duration = Duration::from_mins(5);
/// Delay between retries: it begins at the first and doubles up to the second.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The thread that commits.
pub(crate) struct Committer {
    pub(crate) queue: Arc<Queue>,
    pub(crate) store: DirectStore,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) counts: Arc<Counts>,
    pub(crate) acknowledger: Acknowledger,
    pub(crate) messages: Messages,
}

impl Committer {
    /// Commits and acknowledges until the queue is closed and empty.
    ///
    /// # Errors
    /// A failure after which it is unknown what is on disk: nothing of that commit is acknowledged.
    pub(crate) fn run(mut self) -> Result<()> {
        let counts = Arc::clone(&self.counts);
        let part = &counts.gauges.committing;
        if let DirectStore::Database(_) = self.store {
            part.allow(DATABASE_TIMEOUT);
        }
        loop {
            part.set_idle();
            let Some(items) = self.queue.take(BATCH) else {
                if let DirectStore::Database(store) = &self.store {
                    self.runtime.block_on(finish(&**store));
                }
                return Ok(());
            };
            part.beat();
            let mut group_commit: GroupCommit = items.into_iter().collect();
            if group_commit.has_content() {
                failpoint::pass(Point::BeforeCommit);
                let committed = self.commit(&group_commit)?;
                failpoint::pass(Point::AfterCommit);
                self.counts.completed(committed);
            }
            group_commit.acknowledge(&self.acknowledger);
        }
    }

    /// Repeats until the entries are committed; reports each reason for a failure once.
    fn commit(&mut self, group_commit: &GroupCommit) -> Result<Stored> {
        let (mut delay, longest) = DELAYS;
        let mut away = Away {
            name: self.store.name().to_owned(),
            has_broker: self.acknowledger.has_broker(),
            counts: Arc::clone(&self.counts),
            messages: self.messages.clone(),
            reported: Vec::new(),
        };
        let mut again = false;
        loop {
            self.counts.gauges.committing.beat();
            let began = Instant::now();
            match self.attempt(group_commit, again, &mut away)? {
                Ok(committed) => {
                    let gauges = &self.counts.gauges;
                    gauges.commit_time.add_time(began.elapsed());
                    gauges.commit_size.add(group_commit.entries.len() as u64);
                    away.is_over();
                    return Ok(committed);
                }
                Err(problem) => away.report(problem),
            }
            again = true;
            self.queue.pause(delay);
            delay = (delay * 2).min(longest);
        }
    }

    /// Makes one attempt: returns what was committed, or why it has to be repeated.
    fn attempt(
        &mut self,
        group_commit: &GroupCommit,
        again: bool,
        away: &mut Away,
    ) -> Result<Result<Stored, Problem>> {
        let GroupCommit {
            entries,
            changes,
            state,
            ..
        } = group_commit;
        match &mut self.store {
            DirectStore::SqliteFile { file, name } => {
                match file.commit_with_state(entries, changes, state) {
                    Ok(committed) => {
                        for refusal in file.take_refused() {
                            self.messages.rejected(&refusal.topic, &refusal.reason);
                        }
                        Ok(Ok(committed))
                    }
                    Err(error) => match error.downcast_ref::<Retryable>() {
                        Some(problem) => Ok(Err(problem.into())),
                        None => Err(error).with_context(|| format!("cannot store in `{name}`")),
                    },
                }
            }
            // A database keeps no packet identifiers and no state of decoders, so neither is
            // written.
            DirectStore::Database(_) if entries.is_empty() => Ok(Ok(Stored::default())),
            DirectStore::Database(store) => {
                let insert = store.insert(entries, again);
                let report = |failure: Failure| away.report((&failure).into());
                match self.runtime.block_on(report_away(&**store, insert, report)) {
                    Ok(stored) => Ok(Ok(stored)),
                    Err(failure) => Ok(Err((&failure).into())),
                }
            }
        }
    }
}

/// Why a commit has to be repeated.
struct Problem {
    text: String,
    is_disk_full: bool,
}

impl From<&Retryable> for Problem {
    fn from(problem: &Retryable) -> Self {
        Self {
            text: problem.to_string(),
            is_disk_full: *problem == Retryable::Full,
        }
    }
}

impl From<&Failure> for Problem {
    fn from(failure: &Failure) -> Self {
        Self {
            text: failure.to_string(),
            is_disk_full: false,
        }
    }
}

/// Reports why a store is away: each reason once until it is back.
struct Away {
    name: String,
    has_broker: bool,
    counts: Arc<Counts>,
    messages: Messages,
    reported: Vec<String>,
}

impl Away {
    fn report(&mut self, problem: Problem) {
        let Problem { text, is_disk_full } = problem;
        self.counts.gauges.set_store_up(false);
        if self.reported.contains(&text) {
            return;
        }
        let until = if is_disk_full {
            "there is room"
        } else {
            "it is back"
        };
        let meanwhile = if self.has_broker {
            "the broker queues them up to its own limit"
        } else {
            "publishers wait"
        };
        self.messages.report(&format_args!(
            "waiting for store `{}`: {text}; messages are not acknowledged until {until} ({meanwhile})",
            self.name
        ));
        self.reported.push(text);
    }

    fn is_over(&self) {
        self.counts.gauges.set_store_up(true);
        if !self.reported.is_empty() {
            self.messages
                .report(&format_args!("store `{}` is back", self.name));
        }
    }
}
