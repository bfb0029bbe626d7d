//! How many alerts are firing, and what became of their reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The numbers of a run with alerts.
#[derive(Debug, Default)]
pub(crate) struct AlertNumbers {
    firing: AtomicU64,
    pending: AtomicU64,
    destinations: Vec<Arc<DestinationNumbers>>,
}

/// The numbers of one destination of reports.
#[derive(Debug)]
pub(crate) struct DestinationNumbers {
    pub(super) name: &'static str,
    waiting: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
}

impl AlertNumbers {
    pub(crate) fn new(destinations: impl IntoIterator<Item = &'static str>) -> Self {
        let destinations = destinations.into_iter().map(|name| {
            Arc::new(DestinationNumbers {
                name,
                waiting: AtomicU64::new(0),
                delivered: AtomicU64::new(0),
                dropped: AtomicU64::new(0),
            })
        });
        Self {
            destinations: destinations.collect(),
            ..Self::default()
        }
    }

    pub(crate) fn destinations(&self) -> &[Arc<DestinationNumbers>] {
        &self.destinations
    }

    /// So many alerts of series are firing, and so many are pending.
    pub(crate) fn set(&self, firing: usize, pending: usize) {
        self.firing.store(firing as u64, Ordering::Relaxed);
        self.pending.store(pending as u64, Ordering::Relaxed);
    }

    pub(super) fn firing(&self) -> u64 {
        self.firing.load(Ordering::Relaxed)
    }

    pub(super) fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }
}

impl DestinationNumbers {
    /// A report has arrived.
    pub(crate) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    /// So many reports wait, and so many were dropped, earlier runs included.
    pub(crate) fn set(&self, waiting: u64, dropped: u64) {
        self.waiting.store(waiting, Ordering::Relaxed);
        self.dropped.store(dropped, Ordering::Relaxed);
    }

    pub(super) fn numbers(&self) -> [u64; 3] {
        [&self.waiting, &self.delivered, &self.dropped].map(|number| number.load(Ordering::Relaxed))
    }
}
