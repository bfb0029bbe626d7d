//! What became of each message of one insert.

#[cfg(feature = "mongodb")]
use crate::store::Stored;

/// What became of a message, as far as is known. Of several readings the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// Nothing of it is stored: it has no reading, or only repeats what is stored.
    Skipped,
    /// It was there before.
    Duplicate,
    /// At least one of its readings is new.
    Stored,
    /// The message is a rejection, or at least one of its readings was refused.
    Rejected,
}

/// What became of each message of one insert.
#[cfg(feature = "mongodb")]
#[derive(Debug)]
pub(crate) struct Tally {
    fates: Vec<Fate>,
    readings: u64,
}

#[cfg(feature = "mongodb")]
impl Tally {
    /// Returns the tally of so many messages, of which nothing is stored yet.
    pub(crate) fn new(messages: usize) -> Self {
        Self {
            fates: vec![Fate::Skipped; messages],
            readings: 0,
        }
    }

    /// Takes note of what became of one reading, or of the rejection, of a message.
    pub(crate) fn add(&mut self, message: usize, fate: Fate) {
        self.readings += u64::from(fate == Fate::Stored);
        if let Some(before) = self.fates.get_mut(message) {
            *before = fate.max(*before);
        }
    }

    /// Returns the counts.
    pub(crate) fn stored(&self) -> Stored {
        let mut stored = Stored {
            readings: self.readings,
            ..Stored::default()
        };
        for fate in &self.fates {
            *match fate {
                Fate::Skipped => &mut stored.skipped,
                Fate::Duplicate => &mut stored.duplicates,
                Fate::Stored => &mut stored.stored,
                Fate::Rejected => &mut stored.rejected,
            } += 1;
        }
        stored
    }
}
