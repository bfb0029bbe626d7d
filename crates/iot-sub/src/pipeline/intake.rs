//! What happens to each message: it is selected, printed, decoded, downsampled, and added to the
//! queue.

use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use iot_core::{Message, SkippedMessage};
use iot_store::sqlite::decoder_state::StateRow;
use iot_store::sqlite::held::SessionKey;
use iot_store::{Entry, Stored};

use crate::acknowledge::{Ack, Acknowledger};
use crate::alert::{Alerts, Origin};
use crate::args::IntakePlan;
use crate::clock;
use crate::counts::Counts;
use crate::decode::select::{Selected, Selector};
use crate::failpoint::{self, Point};
use crate::output::{Messages, Output};
use crate::pipeline::decoding::Decoding;
use crate::pipeline::group_commit::GroupCommit;
use crate::pipeline::queue::{OnCommit, Queue, QueueEntry};

/// How a message with QoS 1 or 2 is acknowledged.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) ack: Ack,
    /// Set if its packet identifier is written to disk: the session, and the message's fingerprint.
    pub(crate) hold: Option<(Arc<SessionKey>, u64)>,
}

/// Receives messages and passes them to the queue.
pub(crate) struct Intake {
    pub(crate) selector: Selector,
    pub(crate) decoding: Decoding,
    pub(crate) output: Output,
    pub(crate) messages: Messages,
    pub(crate) counts: Arc<Counts>,
    alerts: Option<Arc<Alerts>>,
    /// The queue to the store; `None` without a store.
    queue: Option<Arc<Queue>>,
    acknowledger: Acknowledger,
    /// Payloads that are no reading are printed as well.
    prints_any_payload: bool,
    /// Entries for the queue since the last flush.
    batch: Vec<QueueEntry>,
    unstored: Unstored,
    /// When the current messages were received.
    now: DateTime<Utc>,
}

/// Messages that are not stored: only printed, rejected or skipped.
#[derive(Debug, Default)]
struct Unstored {
    shown: u64,
    rejected: u64,
    skipped: u64,
    acks: Vec<Ack>,
}

impl Unstored {
    fn show(&mut self, ticket: Option<Ticket>) {
        self.shown += 1;
        self.acks.extend(ticket.map(|ticket| ticket.ack));
    }

    fn reject(&mut self, ticket: Option<Ticket>) {
        self.rejected += 1;
        self.acks.extend(ticket.map(|ticket| ticket.ack));
    }

    fn skip(&mut self, ack: Option<Ack>) {
        self.skipped += 1;
        self.acks.extend(ack);
    }
}

impl Intake {
    /// Returns an intake of messages from `broker` into `queue`.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(crate) fn new(
        plan: IntakePlan,
        broker: &str,
        queue: Option<Arc<Queue>>,
        acknowledger: Acknowledger,
        counts: Arc<Counts>,
        messages: Messages,
    ) -> Result<Self> {
        if let (Some(queue), Some(alerts)) = (&queue, &plan.alerts) {
            let alerts = Arc::clone(alerts);
            queue.before_commit(move || alerts.commit());
        }
        Ok(Self {
            alerts: plan.alerts,
            output: Output::new(plan.output, broker, &messages)?,
            decoding: Decoding::new(
                plan.decode,
                plan.fields,
                plan.downsampling,
                broker,
                &messages,
            )?,
            selector: Selector::new(plan.selection),
            messages,
            counts,
            queue,
            prints_any_payload: plan.prints_any_payload,
            acknowledger,
            batch: Vec::new(),
            unstored: Unstored::default(),
            now: clock::now(),
        })
    }

    /// Sets the time of receipt of the next messages to now.
    pub(crate) fn begin(&mut self) {
        self.now = clock::now();
    }

    /// Whether nothing more should be received for now.
    pub(crate) fn is_full(&self) -> bool {
        match &self.queue {
            Some(queue) => queue.is_full(),
            // Without a store a slow reader of stdout stops reading; no message is left out.
            None => self.output.is_full(),
        }
    }

    /// Whether messages are stored.
    pub(crate) fn stores(&self) -> bool {
        self.queue.is_some()
    }

    /// Handles a message.
    pub(crate) fn message(&mut self, message: Message, ticket: Option<Ticket>) {
        failpoint::pass(Point::BeforeReceive);
        if self.is_own_alert(message.topic.as_str()) {
            self.unstored.skip(ticket.map(|ticket| ticket.ack));
            return;
        }
        let selected = self.selector.select(&message);
        match selected {
            Selected::Take | Selected::Show => {
                self.output.message(&message, self.now, &self.messages);
            }
            Selected::Skip => {}
            Selected::Leave => return,
        }
        if selected != Selected::Take {
            self.unstored.skip(ticket.map(|ticket| ticket.ack));
            return;
        }
        if self.queue.is_none() && self.output.shows_messages() {
            if self.counts.shows_readings() {
                let made = self.decoding.decode(message, self.now, &self.messages);
                self.record(made.entry.as_ref());
            }
            self.unstored.show(ticket);
            return;
        }
        if self.decoding.explains() {
            let (output, messages) = (&mut self.output, &self.messages);
            let entry = self.decoding.explain(message, self.now, output, messages);
            match entry {
                // It counts as rejected.
                Some(Entry::Rejection(_)) => self.push(entry, None, ticket),
                _ => self.unstored.show(ticket),
            }
            return;
        }
        let skips = self.decoding.decoder.skips(&message);
        let origin = self.alerts.is_some().then(|| Origin::of(&message));
        let mut made = self.decoding.decode(message, self.now, &self.messages);
        self.watch(made.entry.as_ref(), origin);
        if !self.print(made.entry.as_ref()) {
            self.unstored.show(ticket);
            return;
        }
        let state = { made.effects.take() }
            .and_then(|effects| self.decoding.take_effects(*effects))
            .filter(|_| self.queue.is_some());
        let entry = made.entry.as_mut().filter(|_| !skips);
        let is_kept = entry.is_some_and(|entry| self.decoding.keeps(entry));
        match (is_kept, state) {
            (false, None) => self.unstored.skip(ticket.map(|ticket| ticket.ack)),
            (false, state) => {
                self.unstored.skip(None);
                self.push(None, state, ticket);
            }
            // Nothing of it is kept, so it need not move.
            (true, _) if self.queue.is_none() => self.finish(made.entry.as_ref(), ticket),
            (true, state) => self.push(made.entry, state, ticket),
        }
    }

    /// Counts what a message became if there is no store.
    fn finish(&mut self, entry: Option<&Entry>, ticket: Option<Ticket>) {
        self.record(entry);
        match entry {
            Some(Entry::Rejection(_)) => self.unstored.reject(ticket),
            _ => self.unstored.show(ticket),
        }
    }

    /// Shows entries to the page and to those who ask for metrics.
    fn record<'a>(&self, entries: impl IntoIterator<Item = &'a Entry> + Clone) {
        if let Some(live) = &self.counts.live {
            live.record(entries.clone());
        }
        if let Some(exported) = &self.counts.exported
            && exported.record(entries, self.now)
        {
            self.messages.report(
                &"there are more series than --export-limit: the readings of further ones are not \
                  exported as metrics",
            );
        }
    }

    /// Takes note of whether messages can arrive.
    pub(crate) fn set_connected(&self, connected: bool) {
        if let Some(alerts) = &self.alerts {
            alerts.set_connected(connected);
        }
    }

    /// Whether the message is an alert of ours.
    fn is_own_alert(&self, topic: &str) -> bool {
        self.alerts
            .as_ref()
            .is_some_and(|alerts| alerts.is_own_topic(topic))
    }

    /// Shows what a message became to those who wait for alerts.
    fn watch(&self, entry: Option<&Entry>, origin: Option<Origin>) {
        if let (Some(alerts), Some(entry), Some(origin)) = (&self.alerts, entry, origin) {
            alerts.observe(entry, origin, self.now);
        }
    }

    /// Prints what a message became. Returns `false` if it is no reading, and was printed all the
    /// same.
    fn print(&mut self, entry: Option<&Entry>) -> bool {
        match entry {
            None => {}
            Some(Entry::Rejection(rejection)) => {
                let is_whole = rejection.payload.len() as u64 == rejection.length;
                if self.prints_any_payload
                    && is_whole
                    && self.output.payload(&rejection.topic, &rejection.payload)
                {
                    return false;
                }
                self.messages.rejection(rejection);
            }
            Some(entry) => {
                for reading in entry.readings() {
                    self.output.reading(reading);
                }
            }
        }
        true
    }

    /// A connection to the broker was made.
    pub(crate) fn connected(&mut self) {
        self.counts.gauges.connected();
        self.decoding.connected();
    }

    /// Counts series that downsampling has forgotten, and reports the first.
    fn count_forgotten(&self) {
        let forgotten = self.decoding.forgotten();
        if forgotten > 0 && self.counts.gauges.set_forgotten_topics(forgotten) == 0 {
            self.messages.report(&format_args!(
                "there are more series than --on-change and --min-interval have memory for: those \
                 without a message for the longest time are forgotten, and their next reading is stored"
            ));
        }
    }

    fn push(
        &mut self,
        entry: Option<Entry>,
        state: Option<Box<[StateRow]>>,
        ticket: Option<Ticket>,
    ) {
        if self.queue.is_none() {
            self.finish(entry.as_ref(), ticket);
            return;
        }
        let on_commit = match ticket {
            None => OnCommit::Nothing,
            Some(Ticket { ack, hold: None }) => OnCommit::Acknowledge(ack),
            Some(Ticket {
                ack,
                hold: Some((session, fingerprint)),
            }) => OnCommit::Hold(ack, session, fingerprint),
        };
        self.batch.push(QueueEntry {
            entry,
            on_commit,
            state,
        });
    }

    /// Stores a rejection for a message whose payload was too long to be read. It is acknowledged
    /// when the rejection is on disk.
    pub(crate) fn skipped(&mut self, skipped: SkippedMessage, ticket: Option<Ticket>) {
        failpoint::pass(Point::BeforeReceive);
        let is_own_alert = self.is_own_alert(skipped.message.topic.as_str());
        match self.selector.select(&skipped.message) {
            _ if is_own_alert => {
                self.unstored.skip(ticket.map(|ticket| ticket.ack));
                return;
            }
            Selected::Take if !self.decoding.decoder.skips(&skipped.message) => {}
            Selected::Take | Selected::Show | Selected::Skip => {
                self.unstored.skip(ticket.map(|ticket| ticket.ack));
                return;
            }
            Selected::Leave => return,
        }
        let origin = Origin::with(&skipped.message, || skipped.fingerprint);
        let entry = self.decoding.decoder.skipped(skipped, self.now);
        self.watch(Some(&entry), Some(origin));
        if let Entry::Rejection(rejection) = &entry {
            self.messages.rejection(rejection);
        }
        self.push(Some(entry), None, ticket);
    }

    /// Handles a message that was received before: it is acknowledged when that one is on disk.
    pub(crate) fn duplicate(&mut self, ack: Option<Ack>) {
        self.counts.received_duplicate();
        if let Some(ack) = ack {
            self.batch
                .push(QueueEntry::only(OnCommit::Acknowledge(ack)));
        }
    }

    /// Stores a rejection for a message that was too large. It is acknowledged already, because a
    /// second delivery would be too large as well.
    pub(crate) fn passed_over(&mut self, message: &Message, size: usize, limit: usize) {
        let entry = self
            .decoding
            .decoder
            .passed_over(message, size, limit, self.now);
        self.watch(Some(&entry), Some(Origin::of(message)));
        if let Entry::Rejection(rejection) = &entry {
            self.messages.rejection(rejection);
        }
        self.push(Some(entry), None, None);
    }

    /// Adds a change of a session.
    pub(crate) fn change(&mut self, on_commit: OnCommit) {
        self.batch.push(QueueEntry::only(on_commit));
    }

    /// Passes what was received since the last call to the queue, in one step.
    pub(crate) fn flush(&mut self) {
        self.pass_on();
        // After that: the thread that prints does not delay the commit.
        self.output.flush();
    }

    fn pass_on(&mut self) {
        self.count_forgotten();
        self.counts.gauges.decoded(&self.decoding.take_formats());
        self.finish_unstored();
        if self.batch.is_empty() {
            return;
        }
        let Some(queue) = &self.queue else {
            let mut group_commit: GroupCommit = self.batch.drain(..).collect();
            group_commit.acknowledge(&self.acknowledger);
            return;
        };
        let entries = { self.batch.iter() }.filter_map(|item| item.entry.as_ref());
        // Counted before another thread can count them as stored.
        self.counts.received(entries.clone().count() as u64);
        self.record(entries);
        queue.extend(self.batch.drain(..));
        failpoint::pass(Point::AfterReceive);
    }

    /// Acknowledges what is not stored.
    fn finish_unstored(&mut self) {
        let Unstored {
            shown,
            rejected,
            skipped,
            acks,
        } = std::mem::take(&mut self.unstored);
        let count = shown + rejected + skipped;
        if count == 0 {
            return;
        }
        self.counts.received(count);
        self.counts.completed(Stored {
            stored: shown,
            rejected,
            skipped,
            ..Stored::default()
        });
        if let Some(alerts) = &self.alerts {
            alerts.commit();
        }
        self.acknowledger.acknowledge(&acks);
    }
}
