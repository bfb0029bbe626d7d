//! Waiting for what a test expects: the one place that sleeps.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

/// Deadline of every wait that names none: generous, so that a loaded machine makes no test fail.
pub const DEADLINE: Duration = Duration::from_secs(90);

const PAUSE: Duration = Duration::from_millis(20);

/// What a polled closure may return: a `bool`, or an `Option` whose value is then returned.
pub trait Condition {
    /// What [`eventually`] returns.
    type Found;

    /// Returns the value once the condition holds.
    fn found(self) -> Option<Self::Found>;
}

impl Condition for bool {
    type Found = ();

    fn found(self) -> Option<()> {
        self.then_some(())
    }
}

impl<T> Condition for Option<T> {
    type Found = T;

    fn found(self) -> Option<T> {
        self
    }
}

/// Polls `condition` every 20 ms until it holds, and panics with `what` if it doesn't by the
/// deadline.
#[track_caller]
pub fn eventually<C: Condition>(
    deadline: Duration,
    what: impl Display,
    condition: impl FnMut() -> C,
) -> C::Found {
    let Some(found) = poll(deadline, condition) else {
        panic!("not within {deadline:?}: {what}");
    };
    found
}

/// Like [`eventually`], for a caller that prints more than one line.
pub(crate) fn poll<C: Condition>(
    deadline: Duration,
    mut condition: impl FnMut() -> C,
) -> Option<C::Found> {
    let end = Instant::now() + deadline;
    loop {
        // Asked before, so that the condition is tried once more after the last pause.
        let last = Instant::now() >= end;
        if let Some(found) = condition().found() {
            return Some(found);
        }
        if last {
            return None;
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_on_what_was_found() {
        let mut tries = 0;
        let found = eventually(DEADLINE, "a third try", || {
            tries += 1;
            (tries == 3).then_some("third")
        });
        assert_eq!(found, "third");
    }

    #[test]
    fn takes_a_bool() {
        eventually(DEADLINE, "the truth", || true);
    }

    #[test]
    #[should_panic(expected = "not within 40ms: a reading is stored")]
    fn says_what_was_missing() {
        eventually(Duration::from_millis(40), "a reading is stored", || false);
    }

    #[test]
    fn tries_once_with_no_time_at_all() {
        eventually(Duration::ZERO, "the truth", || true);
    }
}
