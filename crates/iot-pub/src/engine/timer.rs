//! Waits for an instant to within a fraction of a millisecond.

use std::future::pending;
use std::time::Instant;

/// Expires at one instant, or never. It outlives the rounds of a `select!` loop, so that other
/// events do not restart its wait.
#[derive(Debug)]
pub(super) struct Timer {
    at: Option<Instant>,
    /// Other tasks have run since it was set.
    has_yielded: bool,
    system: system::Timer,
}

impl Timer {
    /// Returns a timer that never expires. To be called inside a tokio runtime.
    pub(super) fn new() -> Self {
        Self {
            at: None,
            has_yielded: false,
            system: system::Timer::new(),
        }
    }

    /// Sets when it expires; the same instant again changes nothing.
    pub(super) fn set(&mut self, at: Option<Instant>) {
        if self.at != at {
            self.at = at;
            self.has_yielded = false;
            if let Some(at) = at {
                self.system.set(at);
            }
        }
    }

    /// Waits until it expires. Set it again before the next wait. May be dropped at the await.
    pub(super) async fn expired(&mut self) {
        let Some(at) = self.at else {
            return pending().await;
        };
        while Instant::now() < at {
            self.system.wait().await;
            self.has_yielded = true;
        }
        // It had expired already: a publisher that is always late still lets its connections run.
        if !self.has_yielded {
            self.has_yielded = true;
            tokio::task::yield_now().await;
        }
        self.at = None;
    }
}

/// The kernel's timer: exact to some microseconds, at three system calls each time. The one of
/// tokio counts whole milliseconds.
#[cfg(target_os = "linux")]
mod system {
    use std::os::fd::OwnedFd;
    use std::time::{Duration, Instant};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;

    #[derive(Debug)]
    pub(super) struct Timer {
        at: Instant,
        /// `None` if the system has none left. The timer then counts whole milliseconds.
        file: Option<AsyncFd<OwnedFd>>,
    }

    impl Timer {
        pub(super) fn new() -> Self {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let file = timerfd_create(TimerfdClockId::Monotonic, flags).ok();
            #[expect(
                deprecated,
                reason = "it may be handed a file that is closed too early, which an `OwnedFd` is not; \
                          its successor is unsafe"
            )]
            let file = file.and_then(|file| AsyncFd::new(file).ok());
            Self {
                at: Instant::now(),
                file,
            }
        }

        pub(super) fn set(&mut self, at: Instant) {
            self.at = at;
            let left = at.saturating_duration_since(Instant::now());
            // Zero would disarm it; `expired` has looked at the clock before.
            if let Some(file) = &self.file
                && !left.is_zero()
                && !arm(file, left)
            {
                self.file = None;
            }
        }

        /// Waits for the time, or less.
        pub(super) async fn wait(&mut self) {
            let Some(file) = &self.file else {
                return tokio::time::sleep_until(self.at.into()).await;
            };
            match file.readable().await {
                Ok(mut ready) => {
                    // How often it has expired. An error means that it was set again meanwhile.
                    let _ = rustix::io::read(file, &mut [0; 8]);
                    ready.clear_ready();
                }
                Err(_) => self.file = None,
            }
        }
    }

    fn arm(file: &AsyncFd<OwnedFd>, left: Duration) -> bool {
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let time = Itimerspec {
            it_interval: zero,
            it_value: Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            },
        };
        timerfd_settime(file, TimerfdTimerFlags::empty(), &time).is_ok()
    }
}

/// The timer of tokio, which counts whole milliseconds and may be one late. A thread sleeps for the
/// rest of the time.
#[cfg(not(target_os = "linux"))]
mod system {
    use std::thread;
    use std::time::{Duration, Instant};

    const COARSE: Duration = Duration::from_millis(2);

    #[derive(Debug)]
    pub(super) struct Timer {
        at: Instant,
    }

    impl Timer {
        pub(super) fn new() -> Self {
            Self { at: Instant::now() }
        }

        pub(super) fn set(&mut self, at: Instant) {
            self.at = at;
        }

        /// Waits for the time, or less.
        pub(super) async fn wait(&mut self) {
            let early = self.at.checked_sub(COARSE).unwrap_or(self.at);
            tokio::time::sleep_until(early.into()).await;
            let left = self.at.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                // Fails only if the runtime is shutting down.
                let _ = tokio::task::spawn_blocking(move || thread::sleep(left)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn never_expires_early() {
        block_on(async {
            for microseconds in [0, 1, 100, 999, 1000, 2500, 4999] {
                let at = Instant::now() + Duration::from_micros(microseconds);
                let mut timer = Timer::new();
                timer.set(Some(at));
                timer.expired().await;
                assert!(Instant::now() >= at, "{microseconds} µs");
            }
        });
    }

    #[test]
    fn a_wait_that_is_given_up_goes_on_in_the_next_one() {
        block_on(async {
            let mut timer = Timer::new();
            let at = Instant::now() + Duration::from_millis(1);
            for _ in 0..3 {
                timer.set(Some(at));
                let mut expired = std::pin::pin!(timer.expired());
                let mut context = Context::from_waker(Waker::noop());
                let _ = expired.as_mut().poll(&mut context);
            }
            timer.set(Some(at));
            timer.expired().await;
            assert!(Instant::now() >= at);
        });
    }

    #[test]
    fn without_an_instant_it_never_expires() {
        block_on(async {
            let mut timer = Timer::new();
            timer.set(Some(Instant::now()));
            timer.set(None);
            let expired = tokio::time::timeout(Duration::from_millis(5), timer.expired()).await;
            assert!(expired.is_err());
        });
    }
}
