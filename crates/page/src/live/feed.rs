//! Connects the program that receives with the browsers that look.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use iot_store::Entry;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};
use tokio::time::{MissedTickBehavior, interval};

use super::encode;
use super::rejections::{RejectedFor, Rejections};
use super::table::Table;
use crate::health::{Health, Status};

/// Time between two updates.
const TICK: Duration = Duration::from_millis(100);
/// After so many updates, the health follows.
const HEALTH_TICKS: u32 = 10;
/// Updates that wait for a browser. One that is further behind gets everything again.
const WAITING_UPDATES: usize = 32;

/// The latest reading of each series, for browsers that are open. Clones share it.
///
/// It takes bounded memory, and [`record`](Live::record) never waits for a browser.
#[derive(Clone, Debug)]
pub struct Live {
    received: Arc<Mutex<Received>>,
    events: Sender<Bytes>,
}

#[derive(Debug, Default)]
struct Received {
    table: Table,
    rejections: Rejections,
}

/// The program's health, with what is known here.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    health: Health,
    /// The server's clock, in milliseconds since 1970.
    now: i64,
    /// Readings that are not shown live, because there are too many series.
    left_out: u64,
    rejections: Vec<RejectedFor>,
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Live {
    /// Returns an empty table.
    pub fn new() -> Self {
        Self {
            received: Arc::default(),
            events: Sender::new(WAITING_UPDATES),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes entries that were received now. Call it once for a batch: it locks the table once.
    pub fn record<'a>(&self, entries: impl IntoIterator<Item = &'a Entry>) {
        let now = iot_store::now();
        let mut received = self.lock();
        for entry in entries {
            for reading in entry.readings() {
                received.table.reading(reading, now);
            }
            if let Some(rejection) = entry.as_rejection() {
                received.rejections.add(rejection, now);
            }
        }
    }

    /// Returns the event about the program's health.
    fn health(&self, status: &dyn Status) -> Bytes {
        let health = status.health();
        let shown = {
            let received = self.lock();
            Shown {
                health,
                now: iot_store::now().timestamp_millis(),
                left_out: received.table.left_out(),
                rejections: received.rejections.list(),
            }
        };
        encode::object("health", &shown)
    }

    /// Sends what has changed to the browsers, at most ten times a second, until it is dropped.
    pub(crate) async fn broadcast(&self, status: &dyn Status) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = 0;
        loop {
            ticks.tick().await;
            let tick = self.lock().table.tick();
            count += 1;
            if self.events.receiver_count() == 0 {
                continue;
            }
            if !tick.series.is_empty() {
                let series = tick.series.iter().map(|(id, series)| (*id, series));
                self.send(encode::series("series", series));
            }
            if !tick.updates.is_empty() {
                self.send(encode::updates(&tick.updates));
            }
            if count >= HEALTH_TICKS {
                count = 0;
                self.send(self.health(status));
            }
        }
    }

    fn send(&self, event: Bytes) {
        // Without a browser nobody gets it.
        let _ = self.events.send(event);
    }

    /// Returns what a new browser gets.
    pub(crate) fn subscribe(&self, status: &dyn Status) -> Subscription {
        Subscription {
            live: self.clone(),
            receiver: self.events.subscribe(),
            first: Some(self.health(status)),
            behind: true,
        }
    }

    fn snapshot(&self) -> Bytes {
        let series = self.lock().table.snapshot();
        encode::series("start", (0..).zip(&series))
    }
}

/// The events for one browser.
pub(crate) struct Subscription {
    live: Live,
    receiver: Receiver<Bytes>,
    first: Option<Bytes>,
    /// Everything has to be sent again.
    behind: bool,
}

impl Subscription {
    /// Returns the next event; `None` at the end of the program.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.behind {
            self.behind = false;
            // Events before the snapshot are part of it.
            self.receiver = self.receiver.resubscribe();
            return Some(self.live.snapshot());
        }
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(RecvError::Lagged(_)) => {
                self.receiver = self.receiver.resubscribe();
                Some(self.live.snapshot())
            }
            Err(RecvError::Closed) => None,
        }
    }
}
