//! What `publish` returns: the message id, and how to wait until the message is delivered.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::running_callbacks;
use crate::error::Error;
use crate::message::PacketId;
use crate::mutex::lock;
use crate::reason::ReasonCode;
use crate::session::IdMap;

#[derive(Debug, Default)]
struct Delivery {
    outcome: Mutex<Outcome>,
    finished: Condvar,
}

#[derive(Debug, Default)]
struct Outcome {
    result: Option<Result<ReasonCode, Error>>,
    /// A thread waits: notifying nobody would cost a system call for each message.
    awaited: bool,
}

impl Delivery {
    fn finish(&self, result: Result<ReasonCode, Error>) {
        let mut outcome = lock(&self.outcome);
        outcome.result = Some(result);
        let awaited = outcome.awaited;
        drop(outcome);
        if awaited {
            self.finished.notify_all();
        }
    }
}

/// The outcome of a message.
pub(super) struct Ended {
    pub(super) mid: PacketId,
    pub(super) result: Result<ReasonCode, Error>,
}

/// A message that is published: Paho's `MQTTMessageInfo`. Clones are of the same message; dropping
/// them changes nothing.
#[derive(Debug, Clone)]
pub struct MessageInfo {
    mid: PacketId,
    client: u64,
    delivery: Arc<Delivery>,
}

impl MessageInfo {
    /// Returns the message identifier, 1–65,535.
    ///
    /// With QoS 1 and 2 it is the packet identifier, with QoS 0 one that is not sent. Another
    /// message may get it once the outcome of this one is known.
    pub fn mid(&self) -> PacketId {
        self.mid
    }

    /// Returns whether the message is sent (QoS 0) or acknowledged (1, 2); `false` also for one
    /// that will not be delivered.
    pub fn is_published(&self) -> bool {
        matches!(lock(&self.delivery.outcome).result, Some(Ok(_)))
    }

    /// Waits until the message is sent (QoS 0) or acknowledged (1, 2), `timeout` at most, for ever
    /// without one. A loop must run meanwhile, on another thread.
    ///
    /// # Errors
    /// [`Error::Timeout`]; [`Error::InCallback`] inside a callback of the same client, unless the
    /// outcome is known already; and why the message will not be delivered, as
    /// [`Published::result`](super::Published::result) gives it.
    pub fn wait_for_publish(&self, timeout: Option<Duration>) -> Result<(), Error> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut outcome = lock(&self.delivery.outcome);
        loop {
            if let Some(result) = &outcome.result {
                return result.clone().map(drop);
            }
            if running_callbacks::runs_here(self.client) {
                return Err(Error::InCallback);
            }
            outcome.awaited = true;
            let finished = &self.delivery.finished;
            outcome = match deadline {
                None => finished
                    .wait(outcome)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(Error::Timeout);
                    }
                    finished
                        .wait_timeout(outcome, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}

/// The messages whose outcome is not known yet, by their identifiers.
#[derive(Debug, Default)]
pub(super) struct Deliveries(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    deliveries: IdMap<Arc<Delivery>>,
    /// An identifier may be in use again before the outcome of the message that had it is reported:
    /// the later messages, in order.
    later: VecDeque<(PacketId, Arc<Delivery>)>,
}

impl Open {
    fn start(&mut self, mid: PacketId, delivery: Arc<Delivery>) {
        if self.deliveries.get(mid).is_some() {
            self.later.push_back((mid, delivery));
        } else {
            self.deliveries.insert(mid, delivery);
        }
    }

    fn finish(&mut self, mid: PacketId) -> Option<Arc<Delivery>> {
        let delivery = self.deliveries.remove(mid)?;
        let next = self.later.iter().position(|(id, _)| *id == mid);
        if let Some((mid, delivery)) = next.and_then(|at| self.later.remove(at)) {
            self.deliveries.insert(mid, delivery);
        }
        Some(delivery)
    }
}

impl Deliveries {
    /// Publishes and remembers the message, before its outcome can be reported.
    pub(super) fn start(
        &self,
        client: u64,
        publish: impl FnOnce() -> Result<PacketId, Error>,
    ) -> Result<MessageInfo, Error> {
        let delivery = Arc::<Delivery>::default();
        let mut open = lock(&self.0);
        let mid = publish()?;
        open.start(mid, Arc::clone(&delivery));
        drop(open);
        Ok(MessageInfo {
            mid,
            client,
            delivery,
        })
    }

    /// Reports the end of the oldest message with each of these ids, and empties `ended`.
    pub(super) fn finish(&self, ended: &mut Vec<Ended>) {
        if ended.is_empty() {
            return;
        }
        let mut finished = Vec::with_capacity(ended.len());
        let mut open = lock(&self.0);
        for Ended { mid, result } in ended.drain(..) {
            finished.extend(open.finish(mid).map(|delivery| (delivery, result)));
        }
        drop(open);
        for (delivery, result) in finished {
            delivery.finish(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_with_the_same_id_end_in_the_order_of_their_start() {
        let deliveries = Deliveries::default();
        let mid = PacketId::new(7).unwrap();
        let [first, second, third] = [(); 3].map(|()| deliveries.start(1, || Ok(mid)).unwrap());
        let finish = || {
            let result = Ok(ReasonCode::SUCCESS);
            deliveries.finish(&mut vec![Ended { mid, result }]);
        };
        finish();
        assert!(first.is_published() && !second.is_published());
        finish();
        assert!(second.is_published() && !third.is_published());
        finish();
        assert!(third.is_published());
        finish();
    }
}
