//! Opens a store for reading.

use super::error::ReadError;
use super::reader::Reader;

/// Opens the store at `store`: `sqlite:PATH`, or the `mongodb://` URL of a deployment, whose
/// readings are in `collection`. Nothing is written to a file, which must be there.
///
/// # Errors
/// There is no such store, or it can't be read.
pub fn open(store: &str, collection: &str) -> Result<Box<dyn Reader>, ReadError> {
    #[cfg(feature = "sqlite")]
    if let Some(path) = crate::upkeep::sqlite_path(store) {
        let reader = crate::sqlite::SqliteReader::open(path)?;
        return Ok(Box::new(reader));
    }
    #[cfg(feature = "mongodb")]
    if store.starts_with("mongodb") {
        let reader = crate::mongodb::MongoReader::open(store, collection)?;
        return Ok(Box::new(reader));
    }
    let _ = (store, collection);
    let line = "a store that can be read is mongodb://… or sqlite:PATH";
    Err(ReadError::Unusable(line.to_owned()))
}
