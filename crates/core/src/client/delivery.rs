//! What `publish` returns: the message id, and the way to wait until the message is delivered.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{driver, lock};
use crate::error::Error;
use crate::message::PacketId;
use crate::reason::ReasonCode;

#[derive(Debug, Default)]
struct Delivery {
    result: Mutex<Option<Result<ReasonCode, Error>>>,
    finished: Condvar,
}

/// A message on its way: Paho's `MQTTMessageInfo`.
#[derive(Debug, Clone)]
pub struct MessageInfo {
    mid: PacketId,
    client: u64,
    delivery: Arc<Delivery>,
}

impl MessageInfo {
    /// Returns the message id, 1–65,535: with QoS 1 and 2 the packet id. It is free for another
    /// message once this one is delivered.
    pub fn mid(&self) -> PacketId {
        self.mid
    }

    /// Returns whether the message is sent (QoS 0) or acknowledged (1, 2).
    pub fn is_published(&self) -> bool {
        matches!(*lock(&self.delivery.result), Some(Ok(_)))
    }

    /// Waits until the message is sent (QoS 0) or acknowledged (1, 2), `timeout` at most, for ever
    /// without one. A loop must run meanwhile, on another thread.
    ///
    /// # Errors
    /// [`Error::Timeout`]; [`Error::InCallback`] on the thread of the loop; [`Error::Rejected`]
    /// where the broker refuses the message; for QoS 0 why the connection was lost before.
    pub fn wait_for_publish(&self, timeout: Option<Duration>) -> Result<(), Error> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut result = lock(&self.delivery.result);
        loop {
            if let Some(result) = &*result {
                return result.clone().map(drop);
            }
            if driver::runs_here(self.client) {
                return Err(Error::InCallback);
            }
            let finished = &self.delivery.finished;
            result = match deadline {
                None => finished
                    .wait(result)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(Error::Timeout);
                    }
                    finished
                        .wait_timeout(result, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}

/// The messages on their way, by their ids, and by age: an id may be in use again before the end of
/// the message that had it is told.
#[derive(Debug, Default)]
pub(super) struct Deliveries(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    deliveries: BTreeMap<(PacketId, u64), Arc<Delivery>>,
    started: u64,
}

impl Deliveries {
    /// Publishes and remembers the message, before its end can be told.
    pub(super) fn start(
        &self,
        client: u64,
        publish: impl FnOnce() -> Result<PacketId, Error>,
    ) -> Result<MessageInfo, Error> {
        let mut open = lock(&self.0);
        let mid = publish()?;
        let delivery = Arc::<Delivery>::default();
        let number = open.started;
        open.started += 1;
        open.deliveries.insert((mid, number), Arc::clone(&delivery));
        Ok(MessageInfo {
            mid,
            client,
            delivery,
        })
    }

    /// Tells the end of the oldest message with this id.
    pub(super) fn finish(&self, mid: PacketId, result: Result<ReasonCode, Error>) {
        let delivery = {
            let mut open = lock(&self.0);
            let mut range = open.deliveries.range((mid, 0)..=(mid, u64::MAX));
            let oldest = range.next().map(|(key, _)| *key);
            oldest.and_then(|key| open.deliveries.remove(&key))
        };
        if let Some(delivery) = delivery {
            *lock(&delivery.result) = Some(result);
            delivery.finished.notify_all();
        }
    }
}
