//! Commits what was received to the spool, acknowledges it, and trims what is delivered: the second half of the pipeline
//! where there is a spool, on a thread of its own.
//!
//! It is a group commit without a timer: whenever the last commit is done, the next takes all that has arrived. A trim goes
//! along with a commit, or alone once nothing has come for a while.

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
use crate::pipeline::queue::Queue;
use crate::size::Size;
use crate::spool::backlog::Backlog;
use crate::spool::seq::Seq;
use crate::spool::space::{RESERVE, Space};
use crate::spool::spool_file::Spool;

/// Limits of one commit. The write-ahead log grows by no more than that, but for a single message that is larger.
const ENTRIES: usize = 5_000;
const BYTES: usize = 2 << 20;
/// Limits of what is read back at once: commits wait as long.
const FETCH: (usize, usize) = (5_000, 4 << 20);
/// A trim waits for a commit that takes it along: so many delivered entries, or so long.
const TRIM_ENTRIES: Seq = 5_000;
const TRIM_PATIENCE: Duration = Duration::from_secs(1);
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
    /// Nothing more is received.
    closing: bool,
    /// And nothing is left in the queue.
    ending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// The spool is as large as it may become.
    Limit,
    /// The disk is nearly full.
    Disk,
    /// It can't be written to for now.
    Retry(Retryable),
    /// It was removed: what is in it is delivered before the program ends.
    Gone,
}

impl Spooler {
    /// Returns what commits from `queue` to `spool`, and hands on to `backlog`.
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
            closing: false,
            ending: false,
        }
    }

    /// Works until the queue is closed and empty, and nothing more is delivered.
    ///
    /// # Errors
    /// A failure after which nobody knows what is on disk: nothing of that commit is acknowledged.
    pub(crate) fn run(mut self) -> Result<()> {
        self.mind_the_room()?;
        loop {
            // What waits for room comes first; and at the end there is no other place for what was received.
            let room = self.group_commit.is_empty() && (self.hold.is_none() || self.closing);
            let most = if room { ENTRIES } else { 0 };
            self.counts.gauges.committing.rest();
            let work = self.queue.wait(most, BYTES, self.patience());
            self.counts.gauges.committing.beat();
            self.closing = work.closed;
            work.items
                .into_iter()
                .for_each(|item| self.group_commit.add(item));
            self.write(work.idle)?;
            self.fetch()?;
            self.mind_the_room()?;
            if self.hold == Some(Hold::Gone) && self.counts.totals().spooled == 0 {
                bail!(
                    "spool `{}` was removed while it was in use; what was in it is delivered",
                    self.spool.name()
                );
            }
            self.ending |= work.ended;
            let committed = self.group_commit.is_empty();
            if self.ending && committed && !self.backlog.is_closed() {
                self.backlog.close();
            }
            if self.backlog.has_ended() {
                // Not what this round began with: a second Ctrl-C can follow the first within it.
                if !self.queue.is_closed() {
                    bail!("the task that delivers has broken down");
                }
                // What was received is still committed, unless that would mean to wait.
                if self.delay.is_some() || (self.ending && committed) {
                    break;
                }
            }
        }
        self.end()
    }

    /// Lets nothing more be read from the broker, or takes that back.
    fn set_hold(&self, held: bool) {
        self.queue.hold(held);
        self.counts.gauges.set_held(held);
    }

    /// How long to wait for something to do.
    fn patience(&self) -> Option<Duration> {
        if let Some(delay) = self.delay {
            return Some(if self.closing { LAST_DELAY } else { delay });
        }
        if self.hold == Some(Hold::Gone) {
            return None;
        }
        match self.to_trim() {
            // Others may make room on the disk, and nobody tells.
            0 if self.hold == Some(Hold::Disk) => Some(TRIM_PATIENCE),
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
        if !self.group_commit.has_content() {
            // What came before is on disk.
            self.group_commit.answer(&self.acknowledger);
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
            entries, changes, ..
        } = &self.group_commit;
        match self.spool.commit_with(entries, changes, delivered) {
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
                self.refused(retryable)
            }
        }
    }

    /// Returns whether the spool was removed; then nothing more is acknowledged.
    fn is_gone(&mut self) -> bool {
        if self.hold != Some(Hold::Gone) && self.spool.is_gone() {
            self.hold = Some(Hold::Gone);
            self.set_hold(true);
            self.delay = None;
            self.messages.say(&format_args!(
                "spool `{}` was removed while it is in use; nothing more is taken from the broker, and the program ends once \
                 what was in it is delivered",
                self.spool.name()
            ));
        }
        self.hold == Some(Hold::Gone)
    }

    fn written(&mut self, first: Seq) -> Result<()> {
        if !self.group_commit.is_empty() {
            failpoint::pass(Point::AfterCommit);
            self.group_commit.answer(&self.acknowledger);
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
            self.messages.say(&format_args!(
                "spool `{}` can be written to again; reading goes on",
                self.spool.name()
            ));
        }
        if self.counts.totals().spooled == 0 && self.to_trim() == 0 {
            let small = if self.hold.is_some() { 0 } else { SMALL };
            self.forgive(|spooler| spooler.spool.shrink(small))?;
        }
        Ok(())
    }

    /// The spool can't be written to for now: nothing more is read from the broker, and room is made.
    fn refused(&mut self, problem: Retryable) -> Result<()> {
        if self.hold != Some(Hold::Retry(problem)) {
            self.hold = Some(Hold::Retry(problem));
            self.set_hold(true);
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

    /// Stops reading from the broker when the spool or its disk is full, and goes on when there is room.
    fn mind_the_room(&mut self) -> Result<()> {
        if let Some(Hold::Retry(_) | Hold::Gone) = self.hold {
            return Ok(());
        }
        let mut space = self.spool.space()?;
        let mut full = self.full(space);
        if full.is_some() {
            // What is in the log counts twice until it is folded in.
            self.forgive(|spooler| spooler.spool.fold())?;
            space = self.spool.space()?;
            full = self.full(space);
        }
        let limit = self.limit.bytes();
        self.counts.gauges.set_spool_bytes(space.used, limit);
        if full == self.hold {
            return Ok(());
        }
        let name = self.spool.name();
        let problem = match full {
            None => {
                self.messages.say(&format_args!(
                    "spool `{name}` has room again; reading goes on"
                ));
                None
            }
            Some(Hold::Limit) => Some(format!(
                "has reached its limit of {} (--spool-limit raises it)",
                self.limit
            )),
            Some(_) => Some(format!(
                "leaves the last {} MiB of its disk to others",
                RESERVE >> 20
            )),
        };
        if let Some(problem) = problem {
            self.messages.say(&format_args!(
                "spool `{name}` {problem}; reading from the broker stops until there is room, and the broker keeps as much \
                 as its own queue limit allows"
            ));
        }
        self.hold = full;
        self.set_hold(full.is_some());
        Ok(())
    }

    /// Whether there is too little room. Where there was, more is wanted, so that it doesn't change at each message.
    fn full(&self, space: Space) -> Option<Hold> {
        let limit = self.limit.bytes();
        let limit = match self.hold {
            Some(Hold::Limit) => limit / 10 * 9,
            _ => limit,
        };
        // Either will do: pages of the file, or what it can grow by.
        let (pages, disk) = match self.hold {
            Some(Hold::Disk) => (RESERVE, RESERVE + RESERVE / 16),
            _ => (RESERVE / 4, RESERVE),
        };
        if space.used >= limit {
            Some(Hold::Limit)
        } else if space.unused < pages && space.disk.is_some_and(|free| free < disk) {
            Some(Hold::Disk)
        } else {
            None
        }
    }

    /// Trims what can be trimmed. What can't be will be delivered again, which stores nothing twice.
    fn end(mut self) -> Result<()> {
        if self.is_gone() {
            return Ok(());
        }
        let delivered = self.backlog.delivered();
        let mut before = Seq::MIN;
        while self.spool.trimmed() < delivered && self.spool.trimmed() > before {
            before = self.spool.trimmed();
            self.forgive(|spooler| spooler.spool.trim(delivered))?;
        }
        if self.counts.totals().spooled == 0 {
            self.forgive(|spooler| spooler.spool.shrink(SMALL))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use iot_core::{ClientConfig, Connection};
    use iot_store::IdGenerator;
    use testkit::{DEADLINE, eventually};

    use super::*;
    use crate::decode::{PayloadMode, read};
    use crate::pipeline::queue::{OnCommit, QueueEntry};
    use crate::spool::tests::fixture::limit_pages;

    fn item(ids: &mut IdGenerator) -> QueueEntry {
        let topic = "t".repeat(1_000);
        let now = chrono::Utc::now();
        let entry = read(PayloadMode::Auto, topic.as_str(), &"1".into(), now, ids);
        QueueEntry {
            entry: Some(entry),
            on_commit: OnCommit::Nothing,
        }
    }

    #[test]
    fn a_full_disk_stops_reading_until_delivery_makes_room() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let connection = Connection::new(ClientConfig::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(&folder.path().join("s"), &|_| ()).unwrap();
        limit_pages(&spool, 500);
        let queue = Arc::new(Queue::default());
        let backlog = Arc::new(Backlog::new(Arc::clone(&queue), spool.trimmed(), 0));
        let counts = Arc::new(Counts::default());
        let spooler = Spooler::new(
            Arc::clone(&queue),
            Arc::clone(&backlog),
            spool,
            Size::mib(100),
            Arc::clone(&counts),
            Acknowledger::broker(connection.handle()),
            Messages::new().unwrap(),
        );
        let thread = std::thread::spawn(move || spooler.run());

        let mut ids = IdGenerator::new();
        let mut sent = 0;
        eventually(DEADLINE, "reading stops", || {
            if !queue.is_full() {
                counts.received(100);
                queue.extend((0..100).map(|_| item(&mut ids)));
                sent += 100;
            }
            queue.is_full()
        });
        let before = counts.totals();
        assert!((500..2_000).contains(&before.spooled), "{before:?}");
        assert!(before.in_flight > 0, "{before:?}");

        let batch = runtime.block_on(backlog.take(500, usize::MAX)).unwrap();
        counts.delivered(iot_store::Stored {
            stored: batch.entries.len() as u64,
            ..Default::default()
        });
        backlog.set_delivered(batch.last);
        eventually(DEADLINE, "reading goes on", || {
            !queue.is_full() && counts.totals().in_flight == 0
        });
        assert_eq!(counts.totals().spooled, sent - 500);

        queue.close();
        runtime.block_on(backlog.committed());
        backlog.end();
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn a_task_that_delivers_no_more_ends_the_program_with_a_line() {
        let connection = Connection::new(ClientConfig::default()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(&folder.path().join("s"), &|_| ()).unwrap();
        let queue = Arc::new(Queue::default());
        let backlog = Arc::new(Backlog::new(Arc::clone(&queue), 0, 0));
        let spooler = Spooler::new(
            queue,
            Arc::clone(&backlog),
            spool,
            Size::mib(1),
            Arc::new(Counts::default()),
            Acknowledger::broker(connection.handle()),
            Messages::new().unwrap(),
        );
        let thread = std::thread::spawn(move || spooler.run());
        // As the task's guard does when it panics.
        backlog.end();
        let error = thread.join().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the task that delivers has broken down");
    }
}
