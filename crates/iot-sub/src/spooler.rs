//! Commits what was received to the spool, acknowledges it, and trims what is delivered: the second half of the pipeline
//! where there is a spool, on a thread of its own.
//!
//! It is a group commit without a timer: whenever the last commit is done, the next takes all that has arrived. A trim goes
//! along with a commit, or alone once nothing has come for a while.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use iot_core::{AckToken, Handle};

use crate::backlog::Backlog;
use crate::counts::Counts;
use crate::journal::Retryable;
use crate::journal::spool::{Seq, Spool};
use crate::output::Messages;
use crate::queue::Queue;
use crate::reading::Entry;
use crate::size::Size;

/// Limits of one commit. The write-ahead log grows by no more than that, but for a single message that is larger.
const ENTRIES: usize = 5_000;
const BYTES: usize = 2 << 20;
/// Limits of what is read back at once: commits wait as long.
const FETCH: (usize, usize) = (5_000, 4 << 20);
/// A trim waits for a commit that takes it along: so many delivered entries, or so long.
const TRIM_ENTRIES: Seq = 5_000;
const TRIM_PATIENCE: Duration = Duration::from_secs(1);
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
    handle: Handle,
    messages: Messages,
    /// Taken from the queue, and not committed yet; beside what acknowledges them.
    entries: Vec<Entry>,
    tokens: Vec<AckToken>,
    /// Why nothing is read from the broker.
    hold: Option<Hold>,
    /// How long to wait until the next try.
    delay: Option<Duration>,
    /// Nothing more will come.
    ending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// The spool is as large as it may become.
    Limit,
    /// It can't be written to for now.
    Retry(Retryable),
}

impl Spooler {
    /// Returns what commits from `queue` to `spool`, and hands on to `backlog`.
    pub(crate) fn new(
        queue: Arc<Queue>,
        backlog: Arc<Backlog>,
        spool: Spool,
        limit: Size,
        counts: Arc<Counts>,
        handle: Handle,
        messages: Messages,
    ) -> Self {
        Self {
            queue,
            backlog,
            spool,
            limit,
            counts,
            handle,
            messages,
            entries: Vec::new(),
            tokens: Vec::new(),
            hold: None,
            delay: None,
            ending: false,
        }
    }

    /// Works until the queue is closed and empty, and nothing more is delivered.
    ///
    /// # Errors
    /// A failure after which nobody knows what is on disk: nothing of that commit is acknowledged.
    pub(crate) fn run(mut self) -> Result<()> {
        loop {
            let most = if self.entries.is_empty() {
                ENTRIES
            } else {
                // What waits for room comes first.
                0
            };
            let work = self.queue.wait(most, BYTES, self.patience());
            for item in work.items {
                self.entries.push(item.entry);
                self.tokens.extend(item.token);
            }
            self.write(work.idle)?;
            self.fetch()?;
            self.mind_the_limit()?;
            self.ending |= work.ended;
            let committed = self.entries.is_empty();
            if self.ending && committed && !self.backlog.is_closed() {
                self.backlog.close();
            }
            if self.backlog.has_ended() {
                if !self.ending {
                    bail!("the task that delivers has broken down");
                }
                break;
            }
        }
        self.end()
    }

    /// How long to wait for something to do.
    fn patience(&self) -> Option<Duration> {
        if let Some(delay) = self.delay {
            return Some(if self.ending { LAST_DELAY } else { delay });
        }
        match self.to_trim() {
            0 => None,
            few if few < TRIM_ENTRIES && self.hold.is_none() => Some(TRIM_PATIENCE),
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
        // With nothing to write, a retry shows at least that the next commit can begin.
        let retry = matches!(self.hold, Some(Hold::Retry(_)));
        if self.entries.is_empty() && !due && !retry {
            return Ok(());
        }
        let delivered = self.backlog.delivered();
        match self.spool.commit(&self.entries, delivered) {
            Ok(first) => self.written(first),
            Err(error) => {
                let Some(&retryable) = error.downcast_ref::<Retryable>() else {
                    return Err(error);
                };
                self.refused(retryable)
            }
        }
    }

    fn written(&mut self, first: Seq) -> Result<()> {
        self.handle.ack(&self.tokens);
        self.tokens.clear();
        if !self.entries.is_empty() {
            self.counts.spooled(self.entries.len() as u64);
            self.backlog.add(first, mem::take(&mut self.entries));
        }
        self.delay = None;
        if let Some(Hold::Retry(_)) = self.hold {
            self.hold = None;
            self.queue.hold(false);
            self.messages.say(&format_args!(
                "spool `{}` can be written to again; reading goes on",
                self.spool.name()
            ));
        }
        if self.counts.totals().spooled == 0 && self.to_trim() == 0 {
            self.forgive(|spooler| spooler.spool.tidy())?;
        }
        Ok(())
    }

    /// The spool can't be written to for now: nothing more is read from the broker, and room is made.
    fn refused(&mut self, problem: Retryable) -> Result<()> {
        if self.hold != Some(Hold::Retry(problem)) {
            self.hold = Some(Hold::Retry(problem));
            self.queue.hold(true);
            self.messages.say(&format_args!(
                "spool `{}`: {problem}; reading from the broker stops until that is over, and the broker keeps as much as \
                 its own queue limit allows",
                self.spool.name()
            ));
        }
        let (first, longest) = DELAYS;
        let delay = self.delay.map_or(first, |delay| delay * 2);
        self.delay = Some(delay.min(longest));
        if problem == Retryable::Full {
            self.spool.give_spare();
            self.forgive(|spooler| spooler.spool.fold())?;
            let delivered = self.backlog.delivered();
            self.forgive(|spooler| spooler.spool.trim(delivered))?;
        }
        Ok(())
    }

    /// Does what will be tried again later, if it fails for a reason that may pass.
    fn forgive(&mut self, act: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
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

    /// Stops reading from the broker when the spool is full, and goes on when a tenth of it is free.
    fn mind_the_limit(&mut self) -> Result<()> {
        let limit = self.limit.bytes();
        let room = match self.hold {
            None => limit,
            Some(Hold::Limit) => limit / 10 * 9,
            Some(Hold::Retry(_)) => return Ok(()),
        };
        let mut full = self.spool.usage()? >= room;
        if full {
            // Its pages count once in the log and once in the file; and free ones only after that.
            self.forgive(|spooler| spooler.spool.fold())?;
            full = self.spool.usage()? >= room;
        }
        match (self.hold, full) {
            (None, true) => {
                self.hold = Some(Hold::Limit);
                self.queue.hold(true);
                self.messages.say(&format_args!(
                    "spool `{}` has reached its limit of {}; reading from the broker stops until there is room, and the \
                     broker keeps as much as its own queue limit allows (--spool-limit raises it)",
                    self.spool.name(),
                    self.limit
                ));
            }
            (Some(_), false) => {
                self.hold = None;
                self.queue.hold(false);
                self.messages.say(&format_args!(
                    "spool `{}` has room again; reading goes on",
                    self.spool.name()
                ));
            }
            _ => {}
        }
        Ok(())
    }

    /// Trims what can be trimmed. What can't be will be delivered again, which stores nothing twice.
    fn end(mut self) -> Result<()> {
        let delivered = self.backlog.delivered();
        let mut before = Seq::MIN;
        while self.spool.trimmed() < delivered && self.spool.trimmed() > before {
            before = self.spool.trimmed();
            self.forgive(|spooler| spooler.spool.trim(delivered))?;
        }
        if self.counts.totals().spooled == 0 {
            self.forgive(|spooler| spooler.spool.tidy())?;
        }
        Ok(())
    }
}
