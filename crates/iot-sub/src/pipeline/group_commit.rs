//! One commit: its entries, the changes of the session in the same transaction, and the
//! acknowledgements that are sent afterwards.

use iot_store::Entry;
use iot_store::sqlite::decoder_state::StateRow;
use iot_store::sqlite::held::{Change, SessionChange};
use tokio::sync::oneshot;

use crate::acknowledge::{Ack, Acknowledger, Release};
use crate::failpoint::{self, Point};
use crate::pipeline::queue::{OnCommit, QueueEntry};

/// Entries and changes, in the order of their arrival.
#[derive(Debug, Default)]
pub(crate) struct GroupCommit {
    pub(crate) entries: Vec<Entry>,
    pub(crate) changes: Vec<SessionChange>,
    /// What decoders have learned from the messages.
    pub(crate) state: Vec<StateRow>,
    acks: Vec<Ack>,
    releases: Vec<Release>,
    /// Notified when the session's packet identifiers are removed.
    forgotten: Vec<oneshot::Sender<()>>,
}

impl GroupCommit {
    pub(crate) fn add(&mut self, item: QueueEntry) {
        let QueueEntry {
            entry,
            on_commit,
            state,
        } = item;
        self.entries.extend(entry);
        self.state.extend(state.into_iter().flatten());
        match on_commit {
            OnCommit::Nothing => {}
            OnCommit::Acknowledge(token) => self.acks.push(token),
            OnCommit::Hold(ack, session, fingerprint) => {
                let change = Change::Hold(ack.id().0, fingerprint);
                self.changes.push(SessionChange { session, change });
                self.acks.push(ack);
            }
            OnCommit::Release(release, session) => {
                let change = Change::Release(release.id().0);
                self.changes.push(SessionChange { session, change });
                self.releases.push(release);
            }
            OnCommit::Forget(session, sender) => {
                let change = Change::Forget;
                self.changes.push(SessionChange { session, change });
                self.forgotten.push(sender);
            }
        }
    }

    /// Returns whether there is something to commit.
    pub(crate) fn has_content(&self) -> bool {
        !self.entries.is_empty() || !self.changes.is_empty() || !self.state.is_empty()
    }

    /// Returns whether there is nothing to commit or to acknowledge.
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_content() && self.acks.is_empty()
    }

    /// Acknowledges all of it after the commit; the entries stay.
    pub(crate) fn acknowledge(&mut self, acknowledger: &Acknowledger) {
        self.changes.clear();
        self.state.clear();
        if !self.acks.is_empty() {
            failpoint::pass(Point::BeforeAck);
            acknowledger.acknowledge(&self.acks);
            self.acks.clear();
            failpoint::pass(Point::AfterAck);
        }
        for release in self.releases.drain(..) {
            acknowledger.release(release);
            failpoint::pass(Point::AfterPubrel);
        }
        for sender in self.forgotten.drain(..) {
            // The connection may be lost already.
            let _ = sender.send(());
        }
    }
}

impl FromIterator<QueueEntry> for GroupCommit {
    fn from_iter<T: IntoIterator<Item = QueueEntry>>(items: T) -> Self {
        let mut commit = Self::default();
        items.into_iter().for_each(|item| commit.add(item));
        commit
    }
}
