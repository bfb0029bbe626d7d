//! Reads entries back from the spool.

use chrono::{SubsecRound, Utc};
use iot_store::{Entry, ReadingId, Rejection};
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

use super::codec;
use super::seq::Seq;

/// What [`fetch`] has found.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) entries: Vec<(Seq, Entry)>,
    /// There are more behind them.
    pub(crate) more: bool,
}

/// Reads the entries behind number `after`: `most` of them, and `bytes` of them but for one that is
/// larger.
pub(super) fn fetch(
    connection: &Connection,
    after: Seq,
    most: usize,
    bytes: usize,
) -> rusqlite::Result<Fetched> {
    let mut select =
        connection.prepare_cached("SELECT seq, entry FROM entries WHERE seq > ? ORDER BY seq")?;
    let mut rows = select.query([after])?;
    let mut fetched = Fetched::default();
    let mut taken = 0;
    while let Some(row) = rows.next()? {
        let seq = row.get(0)?;
        let blob = match row.get_ref(1)? {
            ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
            _ => &[],
        };
        taken += blob.len();
        if fetched.entries.len() >= most || (taken > bytes && !fetched.entries.is_empty()) {
            fetched.more = true;
            break;
        }
        let entry = match codec::decode(blob) {
            Ok((number, entry)) if number == seq => entry,
            _ => unreadable(seq, blob),
        };
        fetched.entries.push((seq, entry));
    }
    Ok(fetched)
}

/// Returns what becomes of an entry whose bytes have changed on the disk: it is kept where bad
/// messages are.
fn unreadable(seq: Seq, blob: &[u8]) -> Entry {
    // The same on each attempt.
    let mut hash = Sha256::new();
    hash.update(seq.to_le_bytes());
    hash.update(blob);
    let hash = <[u8; 32]>::from(hash.finalize());
    let mut id = [0; 12];
    id.copy_from_slice(&hash[..12]);
    Entry::Rejection(Rejection::new(
        ReadingId::from(id),
        "".into(),
        blob,
        "its bytes in the spool were damaged".to_owned(),
        Utc::now().trunc_subsecs(3),
    ))
}
