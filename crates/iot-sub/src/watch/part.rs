//! Whether the parts of the program make progress.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Time since the first call in this process, and at least a millisecond.
pub(super) fn now() -> Duration {
    START.elapsed() + Duration::from_millis(1)
}

/// A task or a thread that tells whenever it begins something new, and when it rests until there is more to do.
#[derive(Debug)]
pub(crate) struct Part {
    /// What it does, as in `receiving has made no progress for 30 s`.
    name: &'static str,
    /// How long one thing may take it.
    limit: AtomicU64,
    /// When it last began something, in milliseconds; 0 while it rests, and before it begins.
    began: AtomicU64,
}

impl Part {
    pub(super) const fn new(name: &'static str, limit: Duration) -> Self {
        Self {
            name,
            limit: AtomicU64::new(limit.as_secs()),
            began: AtomicU64::new(0),
        }
    }

    /// Sets how long one thing may take it.
    pub(crate) fn allow(&self, limit: Duration) {
        self.limit.store(limit.as_secs(), Ordering::Relaxed);
    }

    /// It begins something.
    pub(crate) fn beat(&self) {
        let now = u64::try_from(now().as_millis()).unwrap_or(u64::MAX);
        self.began.store(now, Ordering::Relaxed);
    }

    /// It has nothing to do.
    pub(crate) fn set_idle(&self) {
        self.began.store(0, Ordering::Relaxed);
    }

    /// Returns what is to be said at `now` where it has been at the same thing for longer than it may.
    pub(super) fn stuck(&self, now: Duration) -> Option<String> {
        let began = self.began.load(Ordering::Relaxed);
        if began == 0 {
            return None;
        }
        let silent = now.saturating_sub(Duration::from_millis(began)).as_secs();
        let limit = self.limit.load(Ordering::Relaxed);
        (silent > limit).then(|| format!("{} has made no progress for {limit} s", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_works_for_too_long_is_stuck_and_who_rests_is_not() {
        let part = Part::new("receiving", Duration::from_secs(30));
        let later = |seconds| now() + Duration::from_secs(seconds);
        assert_eq!(part.stuck(later(1_000)), None);
        part.beat();
        assert_eq!(part.stuck(later(30)), None);
        assert_eq!(
            part.stuck(later(32)).as_deref(),
            Some("receiving has made no progress for 30 s")
        );
        part.set_idle();
        assert_eq!(part.stuck(later(1_000)), None);
    }
}
