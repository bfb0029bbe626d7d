//! Counts the messages that the inner broker drops, from its `tracing` events.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use iot_cli::counted;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::output::Messages;

/// The broker's `tracing` message when the channel to a client is full.
const DROPPED: &str = "Dropped QoS 0 message: delivery lane full";
/// The field of its `tracing` event for a message that is queued: how many older ones it dropped.
const DROPPED_OLDEST: &str = "dropped";

/// The numbers of dropped messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Dropped(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    qos_0: AtomicU64,
    queued: AtomicU64,
}

impl Dropped {
    /// Starts counting. Nothing else in this process subscribes to `tracing`.
    pub(super) fn count() -> Self {
        let dropped = Self::default();
        // Fails in a test where a subscriber is set already.
        let _ = tracing::subscriber::set_global_default(Listener(dropped.clone()));
        dropped
    }

    /// Reports what was dropped in the whole run.
    pub(super) fn report(&self, messages: &Messages) {
        let report = |count: &AtomicU64, why: &str| {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let count = counted(count, "message");
                messages.report(&format_args!("dropped {count} with QoS {why}"));
            }
        };
        report(&self.0.qos_0, "0: subscribers read too slowly");
        report(
            &self.0.queued,
            "1 or 2: the queues of subscribers were full",
        );
    }
}

struct Listener(Dropped);

fn is_of_interest(metadata: &Metadata<'_>) -> bool {
    metadata.is_event()
        && *metadata.level() == Level::TRACE
        && metadata.target() == "mqtt5::broker::router"
        && metadata.fields().field("client_id").is_some()
        && (metadata.fields().len() == 2 || metadata.fields().field(DROPPED_OLDEST).is_some())
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
        let mut drops = Drops::default();
        event.record(&mut drops);
        let counts = &self.0.0;
        counts.qos_0.fetch_add(drops.qos_0, Ordering::Relaxed);
        counts.queued.fetch_add(drops.queued, Ordering::Relaxed);
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// The dropped messages of one event.
#[derive(Default)]
struct Drops {
    qos_0: u64,
    queued: u64,
}

impl Visit for Drops {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == DROPPED_OLDEST {
            self.queued = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" && format!("{value:?}") == DROPPED {
            self.qos_0 = 1;
        }
    }
}
