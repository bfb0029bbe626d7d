//! A format of an export.

use anyhow::Result;

use super::record::Record;

/// Turns rows into bytes.
pub(super) trait Encoder {
    /// Appends what stands before the rows.
    fn begin(&mut self, out: &mut Vec<u8>);

    /// Appends a row, now or later.
    ///
    /// # Errors
    /// The format cannot hold it.
    fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<()>;

    /// Appends what is still to be written.
    ///
    /// # Errors
    /// The format cannot hold it.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<()>;
}
