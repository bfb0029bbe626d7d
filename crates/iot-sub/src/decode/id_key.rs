//! Ids made of what messages say of themselves, with `--id-key`: one that comes again, even to
//! another process, gets the same id, and is stored once.

#[cfg(test)]
mod tests;

use iot_store::ReadingId;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::json_time::time;

/// Returns the id of a message of `topic` that these values make what it is: the seconds (4 bytes)
/// of the first that is a time, and a hash of all. Without a time the hash is longer.
pub(super) fn id(topic: &str, values: &[&Json]) -> ReadingId {
    let mut hash = Sha256::new();
    hash.update(topic);
    for value in values {
        // Neither a topic nor JSON holds one.
        hash.update([0]);
        hash.update(value.to_string());
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut id = [0; 12];
    id.copy_from_slice(&hash[..12]);
    if let Some(seconds) = values.iter().find_map(|value| seconds(value)) {
        id[..4].copy_from_slice(&seconds.to_be_bytes());
    }
    ReadingId::from(id)
}

/// Returns the seconds of what is a time from 2001 on. A number that only looks so changes the
/// order of inserts, nothing else.
fn seconds(value: &Json) -> Option<u32> {
    const FIRST: u32 = 1_000_000_000;
    let seconds = u32::try_from(time(value)?.timestamp()).ok()?;
    (seconds >= FIRST).then_some(seconds)
}
