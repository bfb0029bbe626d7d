//! Disconnects a client that does not keep up before what waits for it fills the memory.
//!
//! The inner broker limits what waits for a connected client by the number of messages. It shares
//! a payload between all clients, so what it holds for clients that do not keep up is not more than
//! what was published since the first of them fell behind. Small messages do not count: 4,096 of
//! them fit into the broker's channel.

use std::time::{Duration, Instant};

use tokio::sync::watch;

/// A message of this size is not small.
const LARGE: usize = 16 * 1024;
/// Bytes of large messages that are published while a client does not keep up.
const LIMIT: u64 = 128 << 20;
/// A client to which the broker could send for this time keeps up: the broker needs less to send
/// what waits.
const GRACE: Duration = Duration::from_millis(10);

/// The bytes of large messages that were forwarded to the broker.
#[derive(Debug)]
pub(super) struct Published(watch::Sender<u64>);

impl Published {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    pub(super) fn add(&self, size: usize) {
        if size >= LARGE {
            self.0.send_modify(|bytes| *bytes += size as u64);
        }
    }

    pub(super) fn subscribe(&self) -> Backlog {
        Backlog {
            published: self.0.subscribe(),
            behind_since: None,
            kept_up_since: None,
        }
    }
}

/// How far one client is behind.
#[derive(Debug)]
pub(super) struct Backlog {
    published: watch::Receiver<u64>,
    /// The bytes that were published when the client fell behind.
    behind_since: Option<u64>,
    kept_up_since: Option<Instant>,
}

impl Backlog {
    /// Takes note whether the client keeps up at the moment. Returns `false` if it is too far
    /// behind.
    #[must_use]
    pub(super) fn update(&mut self, keeps_up: bool) -> bool {
        self.update_at(keeps_up, Instant::now())
    }

    fn update_at(&mut self, keeps_up: bool, now: Instant) -> bool {
        if self
            .kept_up_since
            .is_some_and(|since| now.saturating_duration_since(since) >= GRACE)
        {
            self.behind_since = None;
        }
        if keeps_up {
            if self.behind_since.is_some() {
                self.kept_up_since.get_or_insert(now);
            }
            return true;
        }
        self.kept_up_since = None;
        let published = *self.published.borrow_and_update();
        published - *self.behind_since.get_or_insert(published) <= LIMIT
    }

    /// Waits until something large is published.
    pub(super) async fn grown(&mut self) {
        if self.published.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(super) fn is_behind(&self) -> bool {
        self.behind_since.is_some() && self.kept_up_since.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_messages_while_the_client_is_behind_count() {
        let published = Published::new();
        let mut backlog = published.subscribe();
        let publish = |bytes: u64| {
            for _ in 0..bytes >> 20 {
                published.add(1 << 20);
            }
        };
        let (start, later) = (Instant::now(), Instant::now() + GRACE);
        publish(LIMIT * 2);
        assert!(backlog.update_at(false, start) && backlog.is_behind());
        for _ in 0..10_000 {
            published.add(LARGE - 1);
        }
        publish(LIMIT);
        assert!(backlog.update_at(true, start) && backlog.update_at(false, start));
        publish(1 << 20);
        // It has not kept up in between.
        assert!(!backlog.update_at(false, later));
        assert!(backlog.update_at(true, later));
        let end = later + GRACE;
        assert!(backlog.update_at(false, end) && backlog.update_at(false, end));
        publish(LIMIT + (1 << 20));
        assert!(!backlog.update_at(false, end));
    }
}
