//! Waits for an instant to within a fraction of a millisecond.

use std::future::{Future, pending};
use std::pin::Pin;
use std::thread;
use std::time::{Duration, Instant};

/// tokio's timers count whole milliseconds and may be one late. The rest of the way a thread sleeps.
const COARSE: Duration = Duration::from_millis(2);

/// Rings at one instant, or never. It outlives the rounds of a `select!` loop, so that other events don't start its
/// wait anew.
pub(crate) struct Alarm {
    at: Option<Instant>,
    wait: Pin<Box<dyn Future<Output = ()>>>,
}

impl Alarm {
    /// Returns an alarm that never rings.
    pub(crate) fn new() -> Self {
        Self {
            at: None,
            wait: Box::pin(pending()),
        }
    }

    /// Sets when it rings; the same instant again changes nothing.
    pub(crate) fn set(&mut self, at: Option<Instant>) {
        if self.at != at {
            self.at = at;
            self.wait = match at {
                Some(at) => Box::pin(until(at)),
                None => Box::pin(pending()),
            };
        }
    }

    /// Waits until it rings; it is to be set again before the next time. May be dropped at the await.
    pub(crate) async fn ring(&mut self) {
        self.wait.as_mut().await;
        self.at = None;
        self.wait = Box::pin(pending());
    }
}

async fn until(at: Instant) {
    // Also where the time has come already: tokio's timer lets other tasks run now and then, and so a publisher that
    // is always late still reads from its broker.
    let early = at.checked_sub(COARSE).unwrap_or(at);
    tokio::time::sleep_until(early.into()).await;
    let left = at.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        // Fails only where the runtime is ending.
        let _ = tokio::task::spawn_blocking(move || thread::sleep(left)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn never_rings_early() {
        block_on(async {
            for microseconds in [0, 1, 100, 999, 1000, 2500, 4999] {
                let at = Instant::now() + Duration::from_micros(microseconds);
                let mut alarm = Alarm::new();
                alarm.set(Some(at));
                alarm.ring().await;
                assert!(Instant::now() >= at, "{microseconds} µs");
            }
        });
    }

    #[test]
    fn a_wait_that_is_given_up_goes_on_in_the_next_one() {
        block_on(async {
            let mut alarm = Alarm::new();
            let at = Instant::now() + Duration::from_millis(1);
            for _ in 0..3 {
                alarm.set(Some(at));
                let mut ring = std::pin::pin!(alarm.ring());
                let mut context = Context::from_waker(Waker::noop());
                let _ = ring.as_mut().poll(&mut context);
            }
            alarm.set(Some(at));
            alarm.ring().await;
            assert!(Instant::now() >= at);
        });
    }

    #[test]
    fn without_an_instant_it_is_silent() {
        block_on(async {
            let mut alarm = Alarm::new();
            alarm.set(Some(Instant::now()));
            alarm.set(None);
            let rung = tokio::time::timeout(Duration::from_millis(5), alarm.ring()).await;
            assert!(rung.is_err());
        });
    }
}
