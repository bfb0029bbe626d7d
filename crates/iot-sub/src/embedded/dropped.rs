//! Counts the messages with QoS 0 that the inner broker drops, from its `tracing` events.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// The broker's `tracing` message when the channel to a client is full.
const DROPPED: &str = "Dropped QoS 0 message: delivery lane full";

/// The number of dropped messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Dropped(Arc<AtomicU64>);

impl Dropped {
    /// Starts counting. Nothing else in this process subscribes to `tracing`.
    pub(super) fn count() -> Self {
        let dropped = Self::default();
        // Fails in a test where a subscriber is set already.
        let _ = tracing::subscriber::set_global_default(Listener(dropped.clone()));
        dropped
    }

    pub(super) fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Listener(Dropped);

fn is_of_interest(metadata: &Metadata<'_>) -> bool {
    metadata.is_event()
        && *metadata.level() == Level::TRACE
        && metadata.target() == "mqtt5::broker::router"
        && metadata.fields().len() == 2
        && metadata.fields().field("client_id").is_some()
}

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_of_interest(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_of_interest(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        let mut is_drop = IsDrop(false);
        event.record(&mut is_drop);
        if is_drop.0 {
            self.0.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// Whether an event reports a dropped message.
struct IsDrop(bool);

impl Visit for IsDrop {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 |= field.name() == "message" && format!("{value:?}") == DROPPED;
    }
}
