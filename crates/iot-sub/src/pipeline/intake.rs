//! What becomes of each message, whoever sent it: selected, printed, decoded, downsampled, and handed to the queue.

use std::sync::Arc;

use anyhow::Result;
use chrono::{DateTime, Utc};
use iot_core::{Message, SkippedMessage};
use iot_store::sqlite::held::SessionKey;
use iot_store::{Entry, Stored};

use crate::acknowledge::{Ack, Acknowledger};
use crate::args::IntakePlan;
use crate::counts::Counts;
use crate::decode::decoder::Decoder;
use crate::decode::downsample::Downsampler;
use crate::decode::select::{Selected, Selector};
use crate::failpoint::{self, Point};
use crate::output::{Messages, Output};
use crate::pipeline::group_commit::GroupCommit;
use crate::pipeline::queue::{OnCommit, Queue, QueueEntry};

/// How a message with QoS 1 or 2 is acknowledged.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) ack: Ack,
    /// Set where its packet identifier is to be noted on disk: for this session, with the message's fingerprint.
    pub(crate) hold: Option<(Arc<SessionKey>, u64)>,
}

/// Takes messages.
pub(crate) struct Intake {
    pub(crate) selector: Selector,
    pub(crate) decoder: Decoder,
    pub(crate) output: Output,
    pub(crate) messages: Messages,
    pub(crate) counts: Arc<Counts>,
    downsampler: Option<Downsampler>,
    /// The way to the store; none where nothing is stored.
    queue: Option<Arc<Queue>>,
    acknowledger: Acknowledger,
    /// What waits to be handed on together.
    batch: Vec<QueueEntry>,
    unstored: Unstored,
    /// When the messages at hand were received.
    now: DateTime<Utc>,
}

/// Messages that go no further: printed and not stored, or not wanted.
#[derive(Debug, Default)]
struct Unstored {
    shown: u64,
    skipped: u64,
    acks: Vec<Ack>,
}

impl Unstored {
    fn show(&mut self, ticket: Option<Ticket>) {
        self.shown += 1;
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
    /// A thread that can't be started.
    pub(crate) fn new(
        plan: IntakePlan,
        broker: &str,
        queue: Option<Arc<Queue>>,
        acknowledger: Acknowledger,
        counts: Arc<Counts>,
        messages: Messages,
    ) -> Result<Self> {
        Ok(Self {
            output: Output::new(plan.output, broker)?,
            decoder: Decoder::new(plan.payload, plan.fields, broker.to_owned()),
            downsampler: Downsampler::new(plan.downsampling),
            selector: Selector::new(plan.selection),
            messages,
            counts,
            queue,
            acknowledger,
            batch: Vec::new(),
            unstored: Unstored::default(),
            now: Utc::now(),
        })
    }

    /// What comes from here on was received now.
    pub(crate) fn begin(&mut self) {
        self.now = Utc::now();
    }

    /// Whether nothing more should be received for now.
    pub(crate) fn is_full(&self) -> bool {
        match &self.queue {
            Some(queue) => queue.is_full(),
            // What is only printed is held up by who reads it; nothing is left out.
            None => self.output.is_full(),
        }
    }

    /// Whether messages are stored.
    pub(crate) fn stores(&self) -> bool {
        self.queue.is_some()
    }

    /// Takes a message.
    pub(crate) fn message(&mut self, message: Message, ticket: Option<Ticket>) {
        failpoint::pass(Point::BeforeReceive);
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
            self.unstored.show(ticket);
            return;
        }
        let skips = self.decoder.skips(&message);
        let entry = self.decoder.entry(message, self.now);
        match &entry {
            Entry::Reading(reading) => self.output.reading(reading),
            Entry::Rejection(rejection) => self.messages.rejection(rejection),
        }
        let left_out = match (&mut self.downsampler, &entry) {
            (Some(downsampler), Entry::Reading(reading)) => !skips && !downsampler.keeps(reading),
            _ => false,
        };
        if skips || left_out {
            self.unstored.skip(ticket.map(|ticket| ticket.ack));
            return;
        }
        self.push(entry, ticket);
    }

    fn push(&mut self, entry: Entry, ticket: Option<Ticket>) {
        let on_commit = match ticket {
            None => OnCommit::Nothing,
            Some(Ticket { ack, hold: None }) => OnCommit::Acknowledge(ack),
            Some(Ticket {
                ack,
                hold: Some((session, fingerprint)),
            }) => OnCommit::Hold(ack, session, fingerprint),
        };
        self.batch.push(QueueEntry {
            entry: Some(entry),
            on_commit,
        });
    }

    /// Keeps what is known of a message whose payload was longer than is held. It is acknowledged
    /// once that is on disk.
    pub(crate) fn skipped(&mut self, skipped: SkippedMessage, ticket: Option<Ticket>) {
        failpoint::pass(Point::BeforeReceive);
        match self.selector.select(&skipped.message) {
            Selected::Take if !self.decoder.skips(&skipped.message) => {}
            Selected::Take | Selected::Show | Selected::Skip => {
                self.unstored.skip(ticket.map(|ticket| ticket.ack));
                return;
            }
            Selected::Leave => return,
        }
        let entry = self.decoder.skipped(skipped, self.now);
        if let Entry::Rejection(rejection) = &entry {
            self.messages.rejection(rejection);
        }
        self.push(entry, ticket);
    }

    /// Takes a message that was taken before: it is acknowledged once that one is on disk.
    pub(crate) fn duplicate(&mut self, ack: Option<Ack>) {
        self.counts.received_duplicate();
        if let Some(ack) = ack {
            self.batch
                .push(QueueEntry::only(OnCommit::Acknowledge(ack)));
        }
    }

    /// Keeps what is known of a message that was too large. It is acknowledged already: nothing of it could be taken a second
    /// time.
    pub(crate) fn passed_over(&mut self, message: &Message, size: usize, limit: usize) {
        let entry = self.decoder.passed_over(message, size, limit, self.now);
        if let Entry::Rejection(rejection) = &entry {
            self.messages.rejection(rejection);
        }
        self.batch.push(QueueEntry {
            entry: Some(entry),
            on_commit: OnCommit::Nothing,
        });
    }

    /// Takes a change of a session.
    pub(crate) fn change(&mut self, on_commit: OnCommit) {
        self.batch.push(QueueEntry::only(on_commit));
    }

    /// Hands on what was taken since the last call, together.
    pub(crate) fn flush(&mut self) {
        self.output.flush();
        self.finish_unstored();
        if self.batch.is_empty() {
            return;
        }
        let entries = || self.batch.iter().filter_map(|item| item.entry.as_ref());
        // Before anybody else can count them on.
        self.counts.received(entries().count() as u64);
        if let Some(queue) = &self.queue {
            queue.extend(self.batch.drain(..));
            failpoint::pass(Point::AfterReceive);
            return;
        }
        let rejected = entries().filter(|entry| entry.as_rejection().is_some());
        let rejected = rejected.count() as u64;
        self.counts.completed(Stored {
            stored: entries().count() as u64 - rejected,
            rejected,
            ..Stored::default()
        });
        let mut group_commit: GroupCommit = self.batch.drain(..).collect();
        group_commit.answer(&self.acknowledger);
    }

    /// Acknowledges what goes no further.
    fn finish_unstored(&mut self) {
        let Unstored {
            shown,
            skipped,
            acks,
        } = std::mem::take(&mut self.unstored);
        if shown + skipped == 0 {
            return;
        }
        self.counts.received(shown + skipped);
        self.counts.completed(Stored {
            stored: shown,
            skipped,
            ..Stored::default()
        });
        self.acknowledger.acknowledge(&acks);
    }
}
