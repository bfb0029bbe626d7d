//! Limits what structured values of one message may take: an array of bytes, as JSON, takes a
//! hundred times as much memory, and each row of a table repeats the names of its columns.

use super::names::NAME;
use crate::reason::{PAYLOAD_LIMIT_BYTES, Reason};

/// What a JSON value takes, and a place in an object.
const NODE: usize = 96;

/// The bytes that are left.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new() -> Self {
        // A number in JSON takes two bytes at least.
        Self(4 * PAYLOAD_LIMIT_BYTES)
    }

    /// Takes `count` JSON values, or keys with values, with texts of so many bytes.
    pub(super) fn take(&mut self, count: usize, text_bytes: usize) -> Result<(), Reason> {
        let bytes = count.saturating_mul(NODE).saturating_add(text_bytes);
        self.0 = self.0.checked_sub(bytes).ok_or_else(|| {
            Reason::malformed(
                NAME,
                "more arrays, tables and templates than memory is spent on",
            )
        })?;
        Ok(())
    }
}
