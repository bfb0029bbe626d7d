//! Opens a store for writing alerts.

use super::writer::AlertWriter;

/// Opens the store at `store` (as in [`open`](crate::read::open)), whose readings are in
/// `collection`; its alerts are in `COLLECTION_alerts`. A file must be there.
///
/// # Errors
/// There is no such store, or it can't be written.
pub fn open(store: &str, collection: &str) -> anyhow::Result<Box<dyn AlertWriter>> {
    #[cfg(feature = "sqlite")]
    if let Some(path) = crate::upkeep::sqlite_path(store) {
        let writer = crate::sqlite::AlertTables::open(path)?;
        return Ok(Box::new(writer));
    }
    #[cfg(feature = "mongodb")]
    if store.starts_with("mongodb") {
        let writer = crate::mongodb::AlertCollections::open(store, collection)?;
        return Ok(Box::new(writer));
    }
    let _ = (store, collection);
    anyhow::bail!("a store that can hold alerts is mongodb://… or sqlite:PATH")
}
