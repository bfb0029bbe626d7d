//! Where readings are committed before they are acknowledged.
//!
//! A journal is a local file; what is delivered to a database afterwards is [`store`](crate::store)'s.

mod codec;
mod columns;
mod disk;
mod file;
mod held;
mod keyed;
mod lock;
mod salvage;
pub(crate) mod spool;
pub(crate) mod sqlite;

use std::fmt;
use std::path::{Path, PathBuf};

use iot_core::PacketId;

pub(crate) use lock::Lock;

use crate::reading::Entry;

/// Whose session it is that the broker keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionKey {
    /// Its address.
    pub(crate) broker: String,
    pub(crate) client_id: String,
}

/// QoS 2 packet ids that are held, each with its message's fingerprint.
pub(crate) type Held = Vec<(PacketId, u64)>;

/// A change of the session, for [`held`]; without a session to keep they mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// This packet id stands for the message of this fingerprint.
    Hold(PacketId, u64),
    /// It does no more.
    Release(PacketId),
    /// None does any more.
    Forget,
}

/// Commits what was received, so that it can be acknowledged.
///
/// Calls block until the disk has answered: make them on a thread of their own.
pub(crate) trait Journal: Send {
    /// Keeps the changes of this session from now on; returns what it holds already.
    ///
    /// # Errors
    /// The file can't be read.
    fn resume(&mut self, key: &SessionKey) -> anyhow::Result<Held>;

    /// Commits `entries` and `changes`, all or none of them. When it returns they are on disk, also through a loss of power.
    ///
    /// An entry that is there already (the same id) is left as it is, so a call can be repeated.
    ///
    /// # Errors
    ///
    /// Nothing of this call is committed and all from before is kept. A [`Retryable`] cause (find it with
    /// `downcast_ref`) may pass, so try again later. Any other is fatal: after a failed fsync nobody knows what the disk
    /// holds, so acknowledge nothing and exit.
    fn commit_with(&mut self, entries: &[Entry], changes: &[Change]) -> anyhow::Result<Committed>;

    /// Commits `entries` only.
    #[cfg(test)]
    fn commit(&mut self, entries: &[Entry]) -> anyhow::Result<Committed> {
        self.commit_with(entries, &[])
    }
}

/// What one commit did; the sum is the number of its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Committed {
    /// Readings that are new.
    pub(crate) stored: u64,
    /// Rejections that are new.
    pub(crate) rejected: u64,
    /// Entries that were there already.
    pub(crate) duplicates: u64,
    /// Repetitions of what is stored, which are not stored again.
    pub(crate) skipped: u64,
}

/// A cause that can pass by itself, after which the same commit succeeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retryable {
    /// No room on the disk.
    Full,
    /// Another program is writing to the file, or holds it open to write, for longer than we waited.
    Locked,
}

impl fmt::Display for Retryable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the disk is full",
            Self::Locked => "another program has locked it",
        })
    }
}

impl std::error::Error for Retryable {}

/// Returns the path of a file that belongs to the one at `path`: its name with `end` behind it.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
