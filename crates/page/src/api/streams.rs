//! The streams of events that are open, by the address of their browsers.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Limit of the streams of one address, half of all connections. One more ends the oldest of them,
/// so that streams that nobody looks at leave room for a new browser.
const MAX_STREAMS: usize = 128;

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The streams that are open. Clones share them.
#[derive(Clone, Default)]
pub(super) struct EventStreams {
    /// Of each address, what ends its streams, the oldest first.
    open: Arc<Mutex<HashMap<IpAddr, VecDeque<Arc<Notify>>>>>,
}

impl EventStreams {
    /// Adds a stream, until what is returned is dropped.
    pub(super) fn add(&self, Peer(address): Peer) -> OpenStream {
        let end = Arc::new(Notify::new());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = open.entry(address).or_default();
        if streams.len() >= MAX_STREAMS
            && let Some(oldest) = streams.pop_front()
        {
            oldest.notify_one();
        }
        streams.push_back(Arc::clone(&end));
        OpenStream {
            streams: self.clone(),
            address,
            end,
        }
    }
}

/// An open stream among the others.
pub(super) struct OpenStream {
    streams: EventStreams,
    address: IpAddr,
    end: Arc<Notify>,
}

impl OpenStream {
    /// Waits until the stream has to end.
    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let open = self.streams.open.lock();
        let mut open = open.unwrap_or_else(PoisonError::into_inner);
        if let Some(streams) = open.get_mut(&self.address) {
            streams.retain(|end| !Arc::ptr_eq(end, &self.end));
            if streams.is_empty() {
                open.remove(&self.address);
            }
        }
    }
}
