//! The state of a run, beside its counts. Each part of the program writes its own gauges, at most
//! once for each batch.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::alert_numbers::AlertNumbers;
use super::histogram::{Histogram, LATENCIES, SIZES};
use super::part::{self, Part};

/// The state of a run.
#[derive(Debug)]
pub(crate) struct Gauges {
    pub(crate) receiving: Part,
    pub(crate) committing: Part,
    pub(crate) delivering: Part,
    /// Time of a commit, and its number of entries.
    pub(crate) commit_time: Histogram,
    pub(crate) commit_size: Histogram,
    /// Time of a successful delivery, and its number of entries.
    pub(crate) delivery_time: Histogram,
    pub(crate) delivery_size: Histogram,
    failed_deliveries: AtomicU64,
    /// How many messages had each format.
    formats: Mutex<Vec<(&'static str, u64)>>,
    /// Topics that `--on-change` and `--min-interval` had no memory for.
    forgotten_topics: AtomicU64,
    /// Connections that the broker has accepted.
    connections: AtomicU64,
    connected: AtomicBool,
    subscribed: AtomicBool,
    /// Topic filters that the broker has refused on this connection.
    refused_filters: AtomicU64,
    store_mode: AtomicU8,
    store_up: AtomicBool,
    /// The spool is being opened, which can take minutes if it is salvaged.
    opening: AtomicBool,
    spool_full: AtomicBool,
    /// Stdout is not read, and readings are only printed.
    unread: AtomicBool,
    spool_bytes: AtomicU64,
    spool_limit: AtomicU64,
    /// When the oldest undelivered entry was received, in milliseconds since 1970.
    oldest: AtomicI64,
    stopping: AtomicBool,
    /// Notified when the program ends.
    stop: Notify,
    /// Set once alerts have started.
    alerts: OnceLock<Arc<AlertNumbers>>,
}

/// Where readings are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreMode {
    /// Nowhere: they are only printed.
    Nowhere = 0,
    /// In the store, without a spool.
    Direct = 1,
    /// In a spool, and then in the store.
    Spooled = 2,
}

const NONE: i64 = i64::MAX;

impl Default for Gauges {
    fn default() -> Self {
        Self {
            receiving: Part::new("receiving", Duration::from_secs(30)),
            committing: Part::new("committing", Duration::from_secs(60)),
            delivering: Part::new("delivering", Duration::from_secs(30)),
            commit_time: Histogram::new(LATENCIES),
            commit_size: Histogram::new(SIZES),
            delivery_time: Histogram::new(LATENCIES),
            delivery_size: Histogram::new(SIZES),
            failed_deliveries: AtomicU64::new(0),
            formats: Mutex::default(),
            forgotten_topics: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            connected: AtomicBool::new(false),
            subscribed: AtomicBool::new(false),
            refused_filters: AtomicU64::new(0),
            store_mode: AtomicU8::new(StoreMode::Nowhere as u8),
            store_up: AtomicBool::new(false),
            opening: AtomicBool::new(false),
            spool_full: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            spool_bytes: AtomicU64::new(0),
            spool_limit: AtomicU64::new(0),
            oldest: AtomicI64::new(NONE),
            stopping: AtomicBool::new(false),
            stop: Notify::new(),
            alerts: OnceLock::new(),
        }
    }
}

impl Gauges {
    // Written by the parts of the program.

    /// The broker has accepted a connection.
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connected.store(true, Ordering::Relaxed);
    }

    /// There is no connection to the broker.
    pub(crate) fn disconnected(&self) {
        self.subscribed.store(false, Ordering::Relaxed);
        self.connected.store(false, Ordering::Relaxed);
        self.refused_filters.store(0, Ordering::Relaxed);
    }

    /// The broker has acknowledged the subscriptions, and has refused some of them.
    pub(crate) fn subscribed(&self, refused: u64) {
        self.refused_filters.store(refused, Ordering::Relaxed);
        self.subscribed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_store_mode(&self, way: StoreMode) {
        self.store_mode.store(way as u8, Ordering::Relaxed);
    }

    /// Whether the store accepts readings.
    pub(crate) fn set_store_up(&self, up: bool) {
        self.store_up.store(up, Ordering::Relaxed);
    }

    /// Whether the spool is being opened.
    pub(crate) fn set_opening(&self, opening: bool) {
        self.opening.store(opening, Ordering::Relaxed);
    }

    /// So many topics were forgotten in all. Returns how many were before.
    pub(crate) fn set_forgotten_topics(&self, count: u64) -> u64 {
        self.forgotten_topics.swap(count, Ordering::Relaxed)
    }

    /// So many messages more had these formats.
    pub(crate) fn decoded(&self, more: &[(&'static str, u64)]) {
        let mut formats = self.formats.lock().unwrap_or_else(PoisonError::into_inner);
        for (format, count) in more {
            match formats.iter_mut().find(|(known, _)| known == format) {
                Some((_, total)) => *total += count,
                None => formats.push((format, *count)),
            }
        }
    }

    /// An attempt to deliver has failed.
    pub(crate) fn delivery_failed(&self) {
        self.failed_deliveries.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether reading from the broker has stopped because the spool is full or cannot be written.
    pub(crate) fn set_spool_full(&self, full: bool) {
        self.spool_full.store(full, Ordering::Relaxed);
    }

    /// Whether reading from the broker has stopped because stdout is not read.
    pub(crate) fn set_unread(&self, unread: bool) {
        self.unread.store(unread, Ordering::Relaxed);
    }

    pub(crate) fn set_spool_bytes(&self, used: u64, limit: u64) {
        self.spool_bytes.store(used, Ordering::Relaxed);
        self.spool_limit.store(limit, Ordering::Relaxed);
    }

    /// Sets when the oldest undelivered entry was received.
    pub(crate) fn set_oldest(&self, oldest: Option<DateTime<Utc>>) {
        let oldest = oldest.map_or(NONE, |oldest| oldest.timestamp_millis());
        self.oldest.store(oldest, Ordering::Relaxed);
    }

    /// Alerts have started.
    pub(crate) fn set_alerts(&self, numbers: Arc<AlertNumbers>) {
        let _ = self.alerts.set(numbers);
    }

    /// The program ends. From here on, other timeouts limit its parts.
    pub(crate) fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.stop.notify_one();
    }

    // Read by the monitoring tasks.

    pub(super) fn alerts(&self) -> Option<&AlertNumbers> {
        self.alerts.get().map(|numbers| &**numbers)
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Returns the number of the connection on which the broker has not acknowledged the
    /// subscription yet. While the spool is full, SUBSCRIBE may not have been sent.
    pub(super) fn unsubscribed_connection(&self) -> Option<u64> {
        let subscribed = self.subscribed.load(Ordering::Relaxed);
        (self.is_connected() && !subscribed && !self.is_spool_full()).then(|| self.connections())
    }

    pub(super) fn refused_filters(&self) -> u64 {
        self.refused_filters.load(Ordering::Relaxed)
    }

    pub(super) fn store_mode(&self) -> StoreMode {
        match self.store_mode.load(Ordering::Relaxed) {
            0 => StoreMode::Nowhere,
            1 => StoreMode::Direct,
            _ => StoreMode::Spooled,
        }
    }

    pub(super) fn is_store_up(&self) -> bool {
        self.store_up.load(Ordering::Relaxed)
    }

    pub(super) fn forgotten_topics(&self) -> u64 {
        self.forgotten_topics.load(Ordering::Relaxed)
    }

    /// Returns how many messages had each format.
    pub(super) fn formats(&self) -> Vec<(&'static str, u64)> {
        let formats = self.formats.lock();
        formats.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn failed_deliveries(&self) -> u64 {
        self.failed_deliveries.load(Ordering::Relaxed)
    }

    pub(super) fn is_spool_full(&self) -> bool {
        self.spool_full.load(Ordering::Relaxed)
    }

    pub(super) fn spool_bytes(&self) -> (u64, u64) {
        let used = self.spool_bytes.load(Ordering::Relaxed);
        (used, self.spool_limit.load(Ordering::Relaxed))
    }

    /// Returns for how long the oldest undelivered entry has waited.
    pub(super) fn age_of_oldest(&self) -> Option<Duration> {
        let oldest = self.oldest.load(Ordering::Relaxed);
        let age = Utc::now().timestamp_millis().saturating_sub(oldest).max(0);
        (oldest != NONE).then(|| Duration::from_millis(age.unsigned_abs()))
    }

    /// Waits until the program ends.
    pub(super) async fn stopped(&self) {
        self.stop.notified().await;
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Returns which part is stuck.
    pub(super) fn stuck(&self) -> Option<String> {
        self.stuck_at(part::now())
    }

    fn stuck_at(&self, now: Duration) -> Option<String> {
        let parts = [&self.receiving, &self.committing, &self.delivering];
        let stuck = parts.into_iter().find_map(|part| part.stuck(now));
        stuck.filter(|_| !self.is_stopping())
    }

    /// Returns why readings cannot be received and kept, if so. With a spool that has room, the
    /// store may be away.
    pub(super) fn unready(&self) -> Option<&'static str> {
        if self.is_stopping() {
            Some("the program ends")
        } else if self.opening.load(Ordering::Relaxed) {
            Some("the spool is being opened")
        } else if self.store_mode() == StoreMode::Direct && !self.is_store_up() {
            // Checked before the connection: at the start the store is opened first.
            Some("the store is away")
        } else if !self.is_connected() {
            Some("there is no connection to the broker")
        } else if self.is_spool_full() {
            Some("the spool has no room")
        } else if !self.subscribed.load(Ordering::Relaxed) {
            Some("the broker has not acknowledged the subscription yet")
        } else if self.unread.load(Ordering::Relaxed) {
            Some("stdout is not read")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_ready_when_it_can_receive_and_keep_readings() {
        let gauges = Gauges::default();
        let unready = |expected: Option<&str>| assert_eq!(gauges.unready(), expected);
        gauges.set_store_mode(StoreMode::Spooled);
        unready(Some("there is no connection to the broker"));
        gauges.connected();
        unready(Some("the broker has not acknowledged the subscription yet"));
        gauges.set_spool_full(true);
        unready(Some("the spool has no room"));
        assert_eq!(gauges.unsubscribed_connection(), None);
        gauges.set_spool_full(false);
        assert_eq!(gauges.unsubscribed_connection(), Some(1));
        gauges.subscribed(0);
        unready(None);
        gauges.set_unread(true);
        unready(Some("stdout is not read"));
        gauges.set_unread(false);
        gauges.set_opening(true);
        unready(Some("the spool is being opened"));
        gauges.set_opening(false);
        gauges.set_store_mode(StoreMode::Direct);
        unready(Some("the store is away"));
        gauges.set_store_up(true);
        unready(None);
        gauges.disconnected();
        gauges.connected();
        unready(Some("the broker has not acknowledged the subscription yet"));
    }

    #[test]
    fn one_part_that_is_stuck_is_enough() {
        let gauges = Gauges::default();
        for part in [&gauges.receiving, &gauges.committing, &gauges.delivering] {
            part.beat();
        }
        let later = |seconds| part::now() + Duration::from_secs(seconds);
        assert_eq!(gauges.stuck_at(later(10)), None);
        gauges.receiving.set_idle();
        gauges.delivering.set_idle();
        assert_eq!(gauges.stuck_at(later(40)), None);
        assert_eq!(
            gauges.stuck_at(later(100)).as_deref(),
            Some("committing has made no progress for 60 s")
        );
        gauges.stopping();
        assert_eq!(gauges.stuck_at(later(100)), None);
    }
}
