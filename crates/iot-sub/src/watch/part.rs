//! Whether the parts of the program make progress.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Time since the first call in this process, and at least a millisecond.
pub(super) fn now() -> Duration {
    START.elapsed() + Duration::from_millis(1)
}

/// A task or thread that records when it begins a piece of work, and when it is idle.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its name in messages, as in `receiving has made no progress for 30 s`.
    name: &'static str,
    /// How long one piece of work may take, in seconds.
    limit: AtomicU64,
    /// When it began its current work, in milliseconds; 0 while it is idle.
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

    /// Sets how long one piece of work may take.
    pub(crate) fn allow(&self, limit: Duration) {
        self.limit.store(limit.as_secs(), Ordering::Relaxed);
    }

    /// Records that it begins a piece of work.
    pub(crate) fn beat(&self) {
        let now = u64::try_from(now().as_millis()).unwrap_or(u64::MAX);
        self.began.store(now, Ordering::Relaxed);
    }

    /// Records that it is idle.
    pub(crate) fn set_idle(&self) {
        self.began.store(0, Ordering::Relaxed);
    }

    /// Returns the message that it is stuck, if its work at `now` has taken longer than the limit.
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
    fn a_part_is_stuck_after_its_limit_unless_it_is_idle() {
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
