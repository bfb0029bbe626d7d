//! Commits what was received to the spool, acknowledges it, and trims what is delivered: the second
//! half of the pipeline where there is a spool, on a thread of its own.
//!
//! It is a group commit without a timer: whenever the last commit is done, the next takes all that
//! has arrived. A trim goes along with a commit, or alone once nothing has come for a while.

#[cfg(test)]
mod tests;

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use iot_store::sqlite::Retryable;

use crate::acknowledge::Acknowledger;
use crate::counts::Counts;
use crate::failpoint::{self, Point};
use crate::output::Messages;
use crate::pipeline::group_commit::GroupCommit;
use crate::pipeline::queue::{Queue, Work};
use crate::size::Size;
use crate::spool::backlog::Backlog;
use crate::spool::hold::{self, Hold};
use crate::spool::seq::Seq;
use crate::spool::spool_file::{Content, Spool};

/// Limits of one commit. The write-ahead log grows by no more than that, but for a single message
/// that is larger.
const ENTRIES: usize = 5_000;
const BYTES: usize = 2 << 20;
/// Limits of what is read back at once: commits wait as long.
const FETCH: (usize, usize) = (5_000, 4 << 20);
/// A trim waits for a commit that takes it along: so many delivered entries, or so long.
const TRIM_ENTRIES: Seq = 5_000;
const TRIM_TIMEOUT: Duration = Duration::from_secs(1);
/// A file that is larger is made small once the spool is empty.
const SMALL: u64 = 16 << 20;
/// Delays between retries: the first, and the longest they double to.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// The same once the program ends: the time is short.
const LAST_DELAY: Duration = Duration::from_millis(100);

/// The thread's work.
pub(crate) struct Spooler {
    queue: Arc<Queue>,
    backlog: Arc<Backlog>,
    spool: Spool,
    limit: Size,
    counts: Arc<Counts>,
    acknowledger: Acknowledger,
    messages: Messages,
    /// Taken from the queue, and not committed yet.
    group_commit: GroupCommit,
    /// Why nothing is read from the broker.
    hold: Option<Hold>,
    /// How long to wait until the next try.
    delay: Option<Duration>,
    input: Input,
}

/// What comes from the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Input {
    Open,
    /// Nothing more is added to the queue.
    Closed,
    /// And nothing is left in it.
    Ended,
}

impl Input {
    fn of(work: &Work) -> Self {
        match (work.closed, work.ended) {
            (_, true) => Self::Ended,
            (true, false) => Self::Closed,
            (false, false) => Self::Open,
        }
    }
}

impl Spooler {
    /// Returns what commits from `queue` to `spool`, and passes on to `backlog`.
    pub(crate) fn new(
        queue: Arc<Queue>,
        backlog: Arc<Backlog>,
        spool: Spool,
        limit: Size,
        counts: Arc<Counts>,
        acknowledger: Acknowledger,
        messages: Messages,
    ) -> Self {
        Self {
            queue,
            backlog,
            spool,
            limit,
            counts,
            acknowledger,
            messages,
            group_commit: GroupCommit::default(),
            hold: None,
            delay: None,
            input: Input::Open,
        }
    }

    /// Works until the queue is closed and empty, and nothing more is delivered.
    ///
    /// # Errors
    /// A failure after which it is unknown what is on disk: nothing of that commit is acknowledged.
    pub(crate) fn run(mut self) -> Result<()> {
        self.check_room()?;
        loop {
            // What waits for room comes first; and at the end there is no other place for what was
            // received.
            let room = self.group_commit.is_empty()
                && (self.hold.is_none() || self.input >= Input::Closed);
            let most = if room { ENTRIES } else { 0 };
            self.counts.gauges.committing.set_idle();
            let work = self.queue.wait(most, BYTES, self.wait_timeout());
            self.counts.gauges.committing.beat();
            self.input = self.input.max(Input::of(&work));
            work.items
                .into_iter()
                .for_each(|item| self.group_commit.add(item));
            self.write(work.idle)?;
            self.fetch()?;
            self.check_room()?;
            if self.hold == Some(Hold::Gone) && self.counts.totals().spooled == 0 {
                bail!(
                    "spool `{}` was removed while it was in use; its messages are delivered",
                    self.spool.name()
                );
            }
            let committed = self.input == Input::Ended && self.group_commit.is_empty();
            if committed && !self.backlog.is_closed() {
                self.backlog.close();
            }
            if self.backlog.has_ended() {
                // Not what this round began with: a second Ctrl-C can follow the first within it.
                if !self.queue.is_closed() {
                    bail!("the task that delivers has stopped unexpectedly");
                }
                // What was received is still committed, unless that would mean to wait.
                if self.delay.is_some() || committed {
                    break;
                }
            }
        }
        self.end()
    }

    /// Lets nothing more be read from the broker, or takes that back.
    fn set_hold(&self, held: bool) {
        self.queue.hold(held);
        self.counts.gauges.set_spool_full(held);
    }

    /// How long to wait for something to do.
    fn wait_timeout(&self) -> Option<Duration> {
        if let Some(delay) = self.delay {
            return Some(if self.input == Input::Open {
                delay
            } else {
                LAST_DELAY
            });
        }
        if self.hold == Some(Hold::Gone) {
            return None;
        }
        match self.to_trim() {
            // Others may make room on the disk, and nobody tells.
            0 if self.hold == Some(Hold::Disk) => Some(TRIM_TIMEOUT),
            0 => None,
            few if few < TRIM_ENTRIES && self.hold.is_none() => Some(TRIM_TIMEOUT),
            _ => Some(Duration::ZERO),
        }
    }

    /// How many entries are delivered and still in the spool.
    fn to_trim(&self) -> Seq {
        self.backlog.delivered() - self.spool.trimmed()
    }

    /// Commits, acknowledges and trims what there is.
    fn write(&mut self, idle: bool) -> Result<()> {
        let due = match self.to_trim() {
            0 => false,
            few if few < TRIM_ENTRIES => idle || self.hold.is_some(),
            _ => true,
        };
        if !self.group_commit.has_content() {
            // What came before is on disk.
            self.group_commit.acknowledge(&self.acknowledger);
        }
        // With nothing to write, a retry shows at least that the next commit can begin.
        let retry = matches!(self.hold, Some(Hold::Retry(_)));
        if self.group_commit.is_empty() && !due && !retry {
            return Ok(());
        }
        if self.is_gone() {
            return Ok(());
        }
        let delivered = self.backlog.delivered();
        if !self.group_commit.is_empty() {
            failpoint::pass(Point::BeforeCommit);
        }
        let trims = delivered > self.spool.trimmed();
        if trims {
            failpoint::pass(Point::BeforeTrim);
        }
        let began = Instant::now();
        let GroupCommit {
            entries,
            changes,
            state,
            ..
        } = &self.group_commit;
        let content = Content {
            entries,
            changes,
            state,
        };
        match self.spool.commit_with(content, delivered) {
            Ok(first) => {
                if !entries.is_empty() {
                    let gauges = &self.counts.gauges;
                    gauges.commit_time.add_time(began.elapsed());
                    gauges.commit_size.add(entries.len() as u64);
                }
                if trims {
                    failpoint::pass(Point::AfterTrim);
                }
                self.written(first)
            }
            Err(error) => {
                let Some(&retryable) = error.downcast_ref::<Retryable>() else {
                    return Err(error);
                };
                self.not_written(retryable)
            }
        }
    }

    /// Returns whether the spool was removed; then nothing more is acknowledged.
    fn is_gone(&mut self) -> bool {
        if self.hold != Some(Hold::Gone) && self.spool.is_gone() {
            self.hold = Some(Hold::Gone);
            self.set_hold(true);
            self.delay = None;
            self.messages.report(&format_args!(
                "spool `{}` was removed while it is in use; nothing more is received, and iot-sub exits when its \
                 messages are delivered",
                self.spool.name()
            ));
        }
        self.hold == Some(Hold::Gone)
    }

    fn written(&mut self, first: Seq) -> Result<()> {
        if !self.group_commit.is_empty() {
            failpoint::pass(Point::AfterCommit);
            self.group_commit.acknowledge(&self.acknowledger);
        }
        if !self.group_commit.entries.is_empty() {
            let entries = mem::take(&mut self.group_commit.entries);
            self.counts.spooled(entries.len() as u64);
            self.backlog.add(first, entries);
        }
        self.delay = None;
        if let Some(Hold::Retry(_)) = self.hold {
            self.hold = None;
            self.set_hold(false);
            self.messages.report(&format_args!(
                "spool `{}` can be written to again; reading continues",
                self.spool.name()
            ));
        }
        if self.counts.totals().spooled == 0 && self.to_trim() == 0 {
            let small = if self.hold.is_some() { 0 } else { SMALL };
            self.try_to(|spooler| spooler.spool.shrink(small))?;
        }
        Ok(())
    }

    /// The spool can't be written to for now: nothing more is read from the broker, and room is
    /// made.
    fn not_written(&mut self, problem: Retryable) -> Result<()> {
        if self.hold != Some(Hold::Retry(problem)) {
            self.hold = Some(Hold::Retry(problem));
            self.set_hold(true);
            let stops = if self.acknowledger.has_broker() {
                "reading from the broker stops until that is over (the broker queues messages up to its own limit)"
            } else {
                "reading from publishers stops until that is over (they wait)"
            };
            let name = self.spool.name();
            self.messages
                .report(&format_args!("spool `{name}`: {problem}; {stops}"));
        }
        let (first, longest) = DELAYS;
        let delay = self.delay.map_or(first, |delay| delay * 2);
        self.delay = Some(delay.min(longest));
        if problem != Retryable::Locked {
            self.try_to(|spooler| spooler.spool.fold())?;
            let delivered = self.backlog.delivered();
            self.try_to(|spooler| spooler.spool.trim(delivered))?;
        }
        Ok(())
    }

    /// Does what will be tried again later, if it fails for a reason that may pass.
    fn try_to(&mut self, act: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        match act(self) {
            Err(error) if error.downcast_ref::<Retryable>().is_none() => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads back what is to be delivered next, where it is no longer in memory.
    fn fetch(&mut self) -> Result<()> {
        if let Some(after) = self.backlog.wants() {
            let (most, bytes) = FETCH;
            self.backlog.refill(self.spool.fetch(after, most, bytes)?);
        }
        Ok(())
    }

    /// Stops reading from the broker when the spool or its disk is full, and goes on when there is
    /// room.
    fn check_room(&mut self) -> Result<()> {
        if let Some(Hold::Retry(_) | Hold::Gone) = self.hold {
            return Ok(());
        }
        let mut space = self.spool.space()?;
        let mut full = hold::full(space, self.limit, self.hold);
        if full.is_some() {
            // What is in the log counts twice until it is folded in.
            self.try_to(|spooler| spooler.spool.fold())?;
            space = self.spool.space()?;
            full = hold::full(space, self.limit, self.hold);
        }
        let limit = self.limit.bytes();
        self.counts.gauges.set_spool_bytes(space.used, limit);
        if full == self.hold {
            return Ok(());
        }
        let line = hold::line(
            &self.spool.name(),
            self.limit,
            full,
            self.acknowledger.has_broker(),
        );
        self.messages.report(&line);
        self.hold = full;
        self.set_hold(full.is_some());
        Ok(())
    }

    /// Trims what can be trimmed. What can't be will be delivered again, which stores nothing
    /// twice.
    fn end(mut self) -> Result<()> {
        if self.is_gone() {
            return Ok(());
        }
        let delivered = self.backlog.delivered();
        let mut before = Seq::MIN;
        while self.spool.trimmed() < delivered && self.spool.trimmed() > before {
            before = self.spool.trimmed();
            self.try_to(|spooler| spooler.spool.trim(delivered))?;
        }
        if self.counts.totals().spooled == 0 {
            self.try_to(|spooler| spooler.spool.shrink(SMALL))?;
        }
        Ok(())
    }
}
