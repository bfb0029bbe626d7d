//! Counts what the inner broker loses, from its `tracing` events: messages that it drops, and files
//! that it cannot read or write.

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
/// Beginnings of its messages about a file that cannot be read. It sets the file aside.
const UNREADABLE: [&str; 2] = [
    "Quarantined unreadable storage file",
    "Ignoring unreadable storage file",
];
/// The field of its event about the file of sessions: how many records cannot be read.
const DAMAGED_RECORDS: &str = "damaged";
/// Beginnings of its messages about a file that cannot be written.
const UNWRITTEN: [&str; 3] = [
    "Failed to persist queued message",
    "Failed to store retained message",
    "Session log write failed",
];

/// What the inner broker has lost.
#[derive(Clone, Debug, Default)]
pub(super) struct InnerEvents(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    qos_0: AtomicU64,
    queued: AtomicU64,
    /// Files and records that cannot be read, since the last report.
    unreadable: AtomicU64,
    unwritten: AtomicU64,
    reported_unwritten: AtomicBool,
}

impl InnerEvents {
    /// Starts counting. Nothing else in this process subscribes to `tracing`.
    pub(super) fn count() -> Self {
        let events = Self::default();
        // Fails in a test where a subscriber is set already.
        let _ = tracing::subscriber::set_global_default(Listener(events.clone()));
        events
    }

    /// Reports what has become of the broker's files in `folder` since the last call.
    pub(super) fn report_files(&self, folder: &Path, messages: &Messages) {
        let folder = folder.display();
        let unreadable = self.0.unreadable.swap(0, Ordering::Relaxed);
        if unreadable > 0 {
            let count = counted(unreadable, "damaged file");
            messages.report(&format_args!(
                "lost the messages or sessions in {count} of the embedded broker in `{folder}` (set aside there)"
            ));
        }
        let is_unwritten = self.0.unwritten.load(Ordering::Relaxed) > 0;
        if is_unwritten && !self.0.reported_unwritten.swap(true, Ordering::Relaxed) {
            messages.report(&format_args!(
                "the embedded broker cannot write its files in `{folder}`: its sessions, retained and queued messages may be lost (readings are stored)"
            ));
        }
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

struct Listener(InnerEvents);

fn is_of_interest(metadata: &Metadata<'_>) -> bool {
    is_about_dropping(metadata) || is_warning(metadata)
}

fn is_warning(metadata: &Metadata<'_>) -> bool {
    metadata.is_event()
        && *metadata.level() <= Level::WARN
        && metadata.target().starts_with("mqtt5::broker::")
}

fn is_about_dropping(metadata: &Metadata<'_>) -> bool {
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
        let counts = &self.0.0;
        if is_warning(event.metadata()) {
            let mut losses = Losses::default();
            event.record(&mut losses);
            counts
                .unreadable
                .fetch_add(losses.unreadable, Ordering::Relaxed);
            counts
                .unwritten
                .fetch_add(losses.unwritten, Ordering::Relaxed);
            return;
        }
        let mut drops = Drops::default();
        event.record(&mut drops);
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

/// The files of one event.
#[derive(Default)]
struct Losses {
    unreadable: u64,
    unwritten: u64,
}

impl Visit for Losses {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == DAMAGED_RECORDS {
            self.unreadable = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() != "message" {
            return;
        }
        let message = format!("{value:?}");
        let begins = |begin: &&str| message.starts_with(*begin);
        self.unreadable += u64::from(UNREADABLE.iter().any(begins));
        self.unwritten += u64::from(UNWRITTEN.iter().any(begins));
    }
}
