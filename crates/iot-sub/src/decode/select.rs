//! Which messages are taken, and when there are enough of them.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use iot_core::{Message, QoS, TopicFilter, TopicName};
use iot_store::RecentTable;
use rand::RngExt;

/// Bytes of memory for topics whose removal has not come back. That of a forgotten one counts as a
/// message.
const REMOVING_BYTES: usize = 8 << 20;

/// What is wanted of the broker's messages.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(crate) struct Selection {
    pub(crate) filter_out: Vec<TopicFilter>,
    pub(crate) unsubscribe: Vec<TopicFilter>,
    /// How many are taken before the end.
    pub(crate) count: Option<NonZeroU64>,
    /// The end, from the start of the program on.
    pub(crate) timeout: Option<Duration>,
    pub(crate) exit_after_subscribe: bool,
    pub(crate) no_retained: bool,
    pub(crate) retained_only: bool,
    pub(crate) remove_retained: bool,
    /// How many of a hundred are taken, by chance.
    pub(crate) percent: Option<f64>,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    Take,
    /// It is printed where messages are printed, and not stored: the echo of a removal.
    Show,
    /// It is not wanted: it is acknowledged, and that is all.
    Skip,
    /// It comes after the last one: the broker keeps it.
    Leave,
}

/// Selects messages.
#[derive(Debug)]
pub(crate) struct Selector {
    selection: Selection,
    /// Every message is taken.
    takes_all: bool,
    left: Option<u64>,
    /// Nothing more is taken.
    ended: bool,
    /// Topics whose removal comes back as an empty message.
    removing: RecentTable<()>,
    /// Messages to be published, which remove retained ones.
    removals: Vec<Message>,
    /// Answers that are waited for before the end.
    answers: usize,
}

impl Selector {
    pub(crate) fn new(selection: Selection) -> Self {
        let takes_all = selection.filter_out.is_empty()
            && selection.count.is_none()
            && selection.percent.is_none()
            && !selection.no_retained
            && !selection.retained_only
            && !selection.remove_retained;
        Self {
            takes_all,
            left: selection.count.map(NonZeroU64::get),
            ended: false,
            removing: RecentTable::new(REMOVING_BYTES),
            removals: Vec::new(),
            answers: if selection.unsubscribe.is_empty() {
                1
            } else {
                2
            },
            selection,
        }
    }

    /// Returns what is to be unsubscribed from.
    pub(crate) fn unsubscribe(&self) -> &[TopicFilter] {
        &self.selection.unsubscribe
    }

    /// The broker has answered SUBSCRIBE or UNSUBSCRIBE.
    pub(crate) fn answered(&mut self) {
        self.answers = self.answers.saturating_sub(1);
        self.ended |= self.selection.exit_after_subscribe && self.answers == 0;
    }

    /// Whether the end has come.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes the messages that are to be published to remove what was retained.
    pub(crate) fn take_removals(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.removals)
    }

    /// The removal could not be published: the message stays retained, and comes again at the next
    /// start.
    pub(crate) fn not_removed(&mut self, topic: &TopicName) {
        self.removing.remove(topic.as_str());
    }

    /// Returns what becomes of `message`. One that is taken counts; its removal is among those of
    /// [`take_removals`](Self::take_removals) where that is wanted.
    pub(crate) fn select(&mut self, message: &Message) -> Selected {
        if self.takes_all && !self.ended {
            return Selected::Take;
        }
        self.select_one(message)
    }

    fn select_one(&mut self, message: &Message) -> Selected {
        let selection = &self.selection;
        if selection.retained_only && !message.retain {
            self.ended = true;
        }
        if self.ended {
            return Selected::Leave;
        }
        let topic = message.topic.as_str();
        if (message.retain && selection.no_retained)
            || selection
                .filter_out
                .iter()
                .any(|filter| filter.matches(topic))
        {
            return Selected::Skip;
        }
        if !self.removing.is_empty()
            && message.payload.is_empty()
            && !message.retain
            && self.removing.remove(topic).is_some()
        {
            return Selected::Show;
        }
        if let Some(percent) = selection.percent
            && !rand::rng().random_bool(percent / 100.0)
        {
            return Selected::Skip;
        }
        if message.retain && selection.remove_retained {
            let removal = Message::new(message.topic.clone(), ())
                .with_qos(QoS::AtLeastOnce)
                .with_retain(true);
            self.removals.push(removal);
            self.removing.insert(topic.into(), (), 0);
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
            self.ended = *left == 0;
        }
        Selected::Take
    }
}

/// The time that the user has given is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimedOut;

impl TimedOut {
    /// mosquitto's own for it.
    pub(crate) const EXIT_CODE: u8 = 27;
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timed out")
    }
}

impl std::error::Error for TimedOut {}
