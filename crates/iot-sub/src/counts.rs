//! The number of messages in each state. The counts add up at every moment.

use std::sync::{Mutex, MutexGuard, PoisonError};

use iot_page::Live;
use iot_store::Stored;

use crate::watch::exported::Exported;
use crate::watch::gauges::Gauges;

/// The counts of all messages so far. Every change keeps
/// `received + found = stored + duplicates + rejected + skipped + spooled + in flight`.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    totals: Mutex<Totals>,
    /// The state of the run beside the counts.
    pub(crate) gauges: Gauges,
    /// The latest readings, if a page shows them.
    pub(crate) live: Option<Live>,
    /// The latest readings, if they are exported as metrics.
    pub(crate) exported: Option<Exported>,
    /// The name of this program among others, for its metrics.
    pub(crate) instance: Option<String>,
}

/// The counts of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Messages from the broker, redeliveries included.
    pub(crate) received: u64,
    /// Entries that an earlier run left in the spool.
    pub(crate) found: u64,
    /// Messages whose readings are in the store, or that were only printed.
    pub(crate) stored: u64,
    /// Redeliveries of messages that were received before.
    pub(crate) duplicates: u64,
    /// Messages that are not a reading, or that the store cannot hold.
    pub(crate) rejected: u64,
    /// Messages that options skip, and messages without a reading.
    pub(crate) skipped: u64,
    /// Entries in the spool that are not in the store yet.
    pub(crate) spooled: u64,
    /// Messages that are neither stored nor spooled yet.
    pub(crate) in_flight: u64,
    /// Readings that are in the store. A message has any number of them, so they are not part of
    /// the equation.
    pub(crate) readings: u64,
}

impl Totals {
    /// Returns both sides of the equation.
    fn sides(&self) -> (u64, u64) {
        let kept = self.stored + self.rejected + self.spooled;
        let others = self.duplicates + self.skipped + self.in_flight;
        (self.received + self.found, kept + others)
    }

    /// Returns the equation with its numbers.
    pub(crate) fn equation(&self) -> String {
        format!(
            "received {} + found {} = stored {} + duplicates {} + rejected {} + skipped {} + spooled {} + in flight {}",
            self.received,
            self.found,
            self.stored,
            self.duplicates,
            self.rejected,
            self.skipped,
            self.spooled,
            self.in_flight,
        )
    }

    /// Returns the line at the end of each run. It has `stored` with a store, `spooled` with a
    /// spool, and rare counts only if they are not 0.
    pub(crate) fn line(&self, stores: bool, spools: bool) -> String {
        let counts = [
            ("received", self.received, true),
            ("stored", self.stored, stores),
            (
                "readings",
                self.readings,
                stores && self.readings != self.stored,
            ),
            ("rejected", self.rejected, true),
            ("spooled", self.spooled, spools),
            ("skipped", self.skipped, self.skipped > 0),
            ("duplicates", self.duplicates, self.duplicates > 0),
            ("in flight", self.in_flight, self.in_flight > 0),
            ("found in the spool", self.found, self.found > 0),
        ];
        let shown = counts.iter().filter(|(_, _, shown)| *shown);
        let shown: Vec<String> = shown
            .map(|(name, count, _)| format!("{name} {count}"))
            .collect();
        shown.join(", ")
    }
}

impl Counts {
    /// Returns counts of 0. `live` gets the readings, for a page.
    pub(crate) fn new(
        live: Option<Live>,
        exported: Option<Exported>,
        instance: Option<String>,
    ) -> Self {
        Self {
            live,
            exported,
            instance,
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[track_caller]
    fn change(&self, change: impl FnOnce(&mut Totals)) {
        let mut totals = self.lock();
        change(&mut totals);
        let (left, right) = totals.sides();
        debug_assert_eq!(left, right, "{totals:?}");
    }

    /// Returns the counts of this moment.
    pub(crate) fn totals(&self) -> Totals {
        *self.lock()
    }

    /// Messages were received, and are in flight.
    pub(crate) fn received(&self, count: u64) {
        self.change(|totals| {
            totals.received += count;
            totals.in_flight += count;
        });
    }

    /// A message was received that was received before.
    pub(crate) fn received_duplicate(&self) {
        self.change(|totals| {
            totals.received += 1;
            totals.duplicates += 1;
        });
    }

    /// Whether readings are shown to anybody but the store.
    pub(crate) fn shows_readings(&self) -> bool {
        self.live.is_some() || self.exported.is_some()
    }

    /// Messages in flight were stored, rejected or skipped.
    pub(crate) fn completed(&self, stored: Stored) {
        let Stored {
            stored,
            rejected,
            duplicates,
            skipped,
            readings,
        } = stored;
        self.change(|totals| {
            totals.readings += readings;
            totals.in_flight -= stored + rejected + duplicates + skipped;
            totals.skipped += skipped;
            totals.stored += stored;
            totals.rejected += rejected;
            totals.duplicates += duplicates;
        });
    }

    /// An earlier run left this many entries in the spool.
    pub(crate) fn found(&self, count: u64) {
        self.change(|totals| {
            totals.found += count;
            totals.spooled += count;
        });
    }

    /// Messages in flight were written to the spool.
    pub(crate) fn spooled(&self, count: u64) {
        self.change(|totals| {
            totals.in_flight -= count;
            totals.spooled += count;
        });
    }

    /// Entries in the spool were delivered to the store.
    pub(crate) fn delivered(&self, done: Stored) {
        let Stored {
            stored,
            rejected,
            duplicates,
            skipped,
            readings,
        } = done;
        self.change(|totals| {
            totals.readings += readings;
            totals.spooled -= stored + rejected + duplicates + skipped;
            totals.duplicates += duplicates;
            totals.skipped += skipped;
            totals.stored += stored;
            totals.rejected += rejected;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_counted_in_one_state() {
        let counts = Counts::default();
        counts.found(3);
        counts.received(10);
        counts.received_duplicate();
        counts.completed(Stored {
            stored: 1,
            rejected: 1,
            duplicates: 1,
            skipped: 1,
            readings: 1,
        });
        counts.spooled(6);
        counts.delivered(Stored {
            stored: 3,
            rejected: 1,
            skipped: 1,
            duplicates: 1,
            readings: 3,
        });
        let totals = counts.totals();
        assert_eq!(totals.in_flight, 0);
        assert_eq!(totals.spooled, 3);
        assert_eq!(totals.sides(), (14, 14));
        assert_eq!(
            totals.equation(),
            "received 11 + found 3 = stored 4 + duplicates 3 + rejected 2 + skipped 2 + spooled 3 + in flight 0"
        );
        assert_eq!(
            totals.line(true, true),
            "received 11, stored 4, rejected 2, spooled 3, skipped 2, duplicates 3, found in the spool 3"
        );
        assert_eq!(
            Totals::default().line(false, false),
            "received 0, rejected 0"
        );
    }
}
