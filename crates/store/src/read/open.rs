//! Opens a store for reading.

use super::error::ReadError;
use super::reader::Reader;

/// Opens the store at `store`: `sqlite:PATH`, or the `mongodb://` URL of a deployment, whose
/// readings are in `collection`. Nothing is written to it, and an SQLite file must be there.
///
/// # Errors
/// There is no such store, or it can't be read.
pub fn open(store: &str, collection: &str) -> Result<Box<dyn Reader>, ReadError> {
    let _ = collection;
    Err(ReadError::Failed(format!(
        "store `{store}` cannot be read yet"
    )))
}
