//! A client at rest: a future that is ready when there is something to do for the client. The runtime's thread polls
//! it. A thread that waits for the end of a message [attends](attend) to it: it waits for the socket itself and polls,
//! and the runtime's thread sleeps on. To be woken by another thread would take longer than the answer is on its way.

#[cfg(unix)]
mod attend;

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::task::coop::unconstrained;

use super::lock;
use crate::connection::{Attention, Handle};

#[cfg(unix)]
pub(super) use attend::attend;

/// Does what there is to do for a client. Returns how it goes on, unless its loop is over.
pub(super) type Job = Box<dyn FnOnce() -> Option<Arc<Rest>> + Send>;

type Wake = Pin<Box<dyn Future<Output = Job> + Send>>;

pub(super) struct Rest {
    pub(super) client: u64,
    handle: Handle,
    /// What a thread that attends would wait for is told by the future itself.
    attendable: bool,
    state: Mutex<State>,
}

struct State {
    wake: Stage,
    /// Who wanted to poll found it taken: it has to be polled once more.
    again: bool,
    /// The task's, once that has polled.
    waker: Option<Waker>,
    /// A thread attends to it.
    attended: bool,
    /// Wakes that thread.
    #[cfg(unix)]
    bell: Option<attend::Ring>,
}

enum Stage {
    Asleep(Wake),
    /// A thread polls it.
    Taken,
    Over,
}

enum Polled {
    Ready(Job),
    Pending,
    /// Another thread polls, or it is over.
    Elsewhere,
}

impl Rest {
    /// Where the end of a message is a job, nobody attends: who does would have to wake a thread for it.
    pub(super) fn new(client: u64, handle: Handle, attendable: bool, wake: Wake) -> Arc<Self> {
        Arc::new(Self {
            client,
            handle,
            attendable,
            state: Mutex::new(State {
                wake: Stage::Asleep(wake),
                again: false,
                waker: None,
                attended: false,
                #[cfg(unix)]
                bell: None,
            }),
        })
    }

    /// Waits on the runtime's thread until there is something to do. Returns `None` where the thread that attends has
    /// found it.
    pub(super) async fn over(&self) -> Option<Job> {
        poll_fn(|cx| {
            lock(&self.state).waker = Some(cx.waker().clone());
            let polled = self.poll(cx.waker(), Attention::Runtime);
            let mut state = lock(&self.state);
            #[cfg(unix)]
            if let Some(bell) = state.bell.take() {
                bell.ring();
            }
            match (polled, &mut state.wake) {
                (Polled::Ready(job), _) => Poll::Ready(Some(job)),
                (_, Stage::Over) => Poll::Ready(None),
                _ => Poll::Pending,
            }
        })
        .await
    }

    /// Polls, unless another thread is at it: that one does so once more then.
    fn poll(&self, waker: &Waker, attention: Attention) -> Polled {
        let mut state = lock(&self.state);
        loop {
            let mut wake = match mem::replace(&mut state.wake, Stage::Taken) {
                Stage::Asleep(wake) => wake,
                other => {
                    state.wake = other;
                    state.again = true;
                    return Polled::Elsewhere;
                }
            };
            state.again = false;
            drop(state);
            self.handle.set_attention(attention);
            // A task of another runtime that waits here may have used up what tokio grants it at a time.
            let polled = pin!(unconstrained(wake.as_mut())).poll(&mut Context::from_waker(waker));
            state = lock(&self.state);
            if let Poll::Ready(job) = polled {
                self.handle.set_attention(Attention::Runtime);
                state.wake = Stage::Over;
                return Polled::Ready(job);
            }
            state.wake = Stage::Asleep(wake);
            if !state.again {
                return Polled::Pending;
            }
        }
    }
}

impl State {
    fn is_over(&self) -> bool {
        matches!(self.wake, Stage::Over)
    }
}

#[cfg(not(unix))]
pub(super) fn attend(_: u64, _: Option<std::time::Instant>, _: impl Fn() -> bool) {}
