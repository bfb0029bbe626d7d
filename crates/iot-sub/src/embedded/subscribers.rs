//! How large a message may be that other clients get. The inner broker makes a copy of it for each
//! of them, and keeps the copy's memory until the connection ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use iot_core::Message;

use super::broker::MAX_PACKET_SIZE;
use crate::output::Messages;

/// Limit of the copies of one message.
const COPIES_BYTES: usize = 512 << 20;
/// A message of this size always reaches its subscribers.
const SMALL: usize = 64 * 1024;

/// The connected clients that have subscribed to something.
pub(super) struct Subscribers {
    count: Arc<AtomicUsize>,
    undelivered: AtomicU64,
    messages: Messages,
}

/// One client as a subscriber.
#[derive(Debug, Default)]
pub(super) struct Subscriber {
    /// Set when it has subscribed.
    count: Option<Arc<AtomicUsize>>,
    /// Messages that it has acknowledged since this was last taken.
    pub(super) acknowledged: usize,
}

impl Subscribers {
    pub(super) fn new(messages: Messages) -> Self {
        Self {
            count: Arc::default(),
            undelivered: AtomicU64::new(0),
            messages,
        }
    }

    /// The client has subscribed, or has the subscriptions of its session.
    pub(super) fn enter(&self, subscriber: &mut Subscriber) {
        if subscriber.count.is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
            subscriber.count = Some(Arc::clone(&self.count));
        }
    }

    /// Returns the size of the largest packet that is passed on to others.
    pub(super) fn largest_message(&self) -> usize {
        largest_message(self.count.load(Ordering::Relaxed))
    }

    /// Takes note of a message that is stored only.
    pub(super) fn not_delivered(&self, message: &Message, size: usize) {
        if self.undelivered.fetch_add(1, Ordering::Relaxed) == 0 {
            self.messages.report(&format_args!(
                "did not deliver a message of {size} bytes on `{}` to other clients: with {} the limit is {} bytes; further ones are only counted",
                message.topic,
                iot_cli::counted(self.count.load(Ordering::Relaxed) as u64, "subscriber"),
                self.largest_message()
            ));
        }
    }

    pub(super) fn undelivered(&self) -> u64 {
        self.undelivered.load(Ordering::Relaxed)
    }
}

fn largest_message(subscribers: usize) -> usize {
    (COPIES_BYTES / subscribers.max(1)).clamp(SMALL, MAX_PACKET_SIZE)
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        if let Some(count) = &self.count {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copies_of_a_message_are_limited_together() {
        let limits = [0, 32, 64, 10_000].map(largest_message);
        assert_eq!(limits, [16 << 20, 16 << 20, 8 << 20, 64 << 10]);
    }
}
