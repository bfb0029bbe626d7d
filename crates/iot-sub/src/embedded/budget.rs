//! The limit of the bytes that all clients together make the gateway hold: parts of packets that
//! have not arrived whole, and packets that clients have not read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of one connection that do not count, so that small packets are never refused.
pub(super) const FREE: usize = 64 * 1024;
/// Limit of the bytes in one direction.
const LIMIT: usize = 256 << 20;

/// The bytes that all connections hold in one direction.
#[derive(Debug, Default)]
pub(super) struct Budget {
    held: AtomicUsize,
}

/// The bytes that one connection holds.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    held: usize,
}

impl Budget {
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share {
            budget: Arc::clone(self),
            held: 0,
        }
    }
}

impl Share {
    /// Sets how much the connection holds. Returns `false` if that has grown although all
    /// connections together hold too much.
    #[must_use]
    pub(super) fn set(&mut self, bytes: usize) -> bool {
        let bytes = bytes.saturating_sub(FREE);
        let before = std::mem::replace(&mut self.held, bytes);
        if bytes <= before {
            self.budget
                .held
                .fetch_sub(before - bytes, Ordering::Relaxed);
            return true;
        }
        let grown = bytes - before;
        self.budget.held.fetch_add(grown, Ordering::Relaxed) + grown <= LIMIT
    }

    /// Whether all connections together hold as much as they may.
    pub(super) fn is_spent(&self) -> bool {
        self.budget.held.load(Ordering::Relaxed) > LIMIT
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_all_connections_is_limited_and_small_packets_are_free() {
        let budget = Arc::new(Budget::default());
        let (mut one, mut two) = (budget.share(), budget.share());
        assert!(one.set(LIMIT) && two.set(FREE + FREE));
        assert!(!one.is_spent());
        assert!(!two.set(FREE + FREE + 1) && two.is_spent());
        assert!(two.set(FREE));
        drop(one);
        assert!(two.set(LIMIT + FREE) && !two.is_spent());
    }
}
