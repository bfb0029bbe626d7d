//! Follows how many messages the group has stored, so that publishers can send as many as it takes.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use crate::member::Work;

const INTERVAL: Duration = Duration::from_millis(100);

/// Asks members for their metrics, on a thread of its own.
pub(crate) struct Meter {
    stored: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Meter {
    /// Follows the members at these addresses.
    pub(crate) fn of(members: Vec<Ipv4Addr>) -> Self {
        let stored = Arc::new(AtomicUsize::new(0));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (stored, stop) = (Arc::clone(&stored), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let works = members.iter().filter_map(|member| Work::of(*member).ok());
                    let sum: f64 = works.map(|work| work.stored).sum();
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "a count"
                    )]
                    // A member that did not answer is not counted: the sum never falls.
                    stored.fetch_max(sum as usize, Ordering::Relaxed);
                    sleep(INTERVAL);
                }
            })
        };
        Self {
            stored,
            stop,
            thread: Some(thread),
        }
    }

    /// How many messages are in the store, as of the last look.
    pub(crate) fn stored(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.stored)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
