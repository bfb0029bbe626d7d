//! The threads of all clients whose loop [`Client::loop_start`](super::Client::loop_start) has
//! started. A client has one only while it has something to do: an idle one is a task of the
//! runtime, which waits for all of them on one thread. That thread itself does what there is to do,
//! for handing it to another would take time; another one waits meanwhile.

use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use tokio::time::Sleep;

use super::rest::{Job, Rest};
use super::{driver, lock};

/// How long a thread that isn't needed waits for a job before it ends.
const KEEP: Duration = Duration::from_secs(2);

static POOL: Mutex<Pool> = Mutex::new(Pool {
    jobs: VecDeque::new(),
    free: 0,
    waiting: Vec::new(),
    resting: BTreeMap::new(),
});

struct Pool {
    jobs: VecDeque<Job>,
    /// Threads that have no job, those that only start included. One at least, as long as there are
    /// jobs, or clients at rest: it serves the runtime.
    free: usize,
    /// Those of them that wait, and what wakes them.
    waiting: Vec<(ThreadId, Waker)>,
    /// Clients without a thread, by their numbers.
    resting: BTreeMap<u64, Arc<Rest>>,
}

impl Pool {
    /// Starts a thread where one is needed and none is free.
    fn provide(&mut self) -> io::Result<()> {
        if self.free == 0 && (!self.resting.is_empty() || !self.jobs.is_empty()) {
            let thread = thread::Builder::new().name("iot-core loop".into());
            thread.spawn(work)?;
            self.free += 1;
        }
        Ok(())
    }

    /// Provides a thread for what can't be put off. Where the system has none, the job waits for one
    /// that has another.
    fn try_provide(&mut self) {
        if let Err(error) = self.provide() {
            tracing::error!(%error, "no thread for a client's loop");
        }
    }

    /// Returns what wakes a thread that waits: this one, if it does so, for it is awake already.
    fn waiter(&mut self) -> Option<Waker> {
        let here = thread::current().id();
        let at = self.waiting.iter().position(|(id, _)| *id == here);
        let at = at.or(self.waiting.len().checked_sub(1))?;
        Some(self.waiting.swap_remove(at).1)
    }

    fn wait(&mut self, waker: &Waker) {
        let here = thread::current().id();
        match self.waiting.iter_mut().find(|(id, _)| *id == here) {
            Some((_, mine)) => mine.clone_from(waker),
            None => self.waiting.push((here, waker.clone())),
        }
    }

    fn stop_waiting(&mut self) {
        let here = thread::current().id();
        self.waiting.retain(|(id, _)| *id != here);
        self.free -= 1;
    }

    /// Returns a job for this thread, or `None` if it is to end.
    fn poll_job(
        &mut self,
        spare: &mut Option<Pin<Box<Sleep>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Job>> {
        if let Some(job) = self.jobs.pop_front() {
            self.stop_waiting();
            // The job may take any time.
            self.try_provide();
            return Poll::Ready(Some(job));
        }
        if self.free == 1 && !self.resting.is_empty() {
            *spare = None;
        } else {
            let spare = spare.get_or_insert_with(|| Box::pin(tokio::time::sleep(KEEP)));
            if spare.as_mut().poll(cx).is_ready() {
                self.stop_waiting();
                if self.resting.is_empty() {
                    // The last one may have been needed so far.
                    self.waiting.drain(..).for_each(|(_, waker)| waker.wake());
                }
                return Poll::Ready(None);
            }
        }
        self.wait(cx.waker());
        Poll::Pending
    }
}

/// Has a thread do a job.
///
/// # Errors
/// Where the system has no thread for it; nothing is done then.
pub(super) fn start(job: Job) -> io::Result<()> {
    let mut pool = lock(&POOL);
    pool.jobs.push_back(job);
    if let Err(error) = pool.provide() {
        let job = pool.jobs.pop_back();
        drop(pool);
        drop(job);
        return Err(error);
    }
    let waiter = pool.waiter();
    drop(pool);
    if let Some(waiter) = waiter {
        waiter.wake();
    }
    Ok(())
}

/// Returns what a client without a thread waits for.
pub(super) fn resting(client: u64) -> Option<Arc<Rest>> {
    lock(&POOL).resting.get(&client).cloned()
}

/// Has a thread do what there is to do for a client that has been at rest.
pub(super) fn woken(client: u64, job: Job) {
    let mut pool = lock(&POOL);
    let rest = pool.resting.remove(&client);
    pool.jobs.push_back(job);
    pool.try_provide();
    let waiter = pool.waiter();
    drop(pool);
    drop(rest);
    if let Some(waiter) = waiter {
        waiter.wake();
    }
}

/// The life of a thread.
fn work() {
    let mut rest = None;
    while let Some(job) = driver::block_on(next(rest)) {
        rest = job();
        let mut pool = lock(&POOL);
        pool.free += 1;
        if let Some(rest) = &rest {
            pool.resting.insert(rest.client, Arc::clone(rest));
        }
    }
}

/// Has a client rest, and waits for the next job.
async fn next(rest: Option<Arc<Rest>>) -> Option<Job> {
    if let Some(rest) = rest {
        tokio::spawn(async move {
            if let Some(job) = rest.over().await {
                woken(rest.client, job);
            }
        });
    }
    let mut spare = None;
    poll_fn(|cx| lock(&POOL).poll_job(&mut spare, cx)).await
}
