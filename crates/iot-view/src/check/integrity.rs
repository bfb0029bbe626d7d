//! Whether the file of a store is whole.

use anyhow::Result;
use iot_cli::StoreUrl;
use iot_store::sqlite::damage_in;

use crate::args::StoreArgs;

/// Returns what is damaged in the file; `None` for a server, which checks its own files.
///
/// # Errors
/// The file can't be read.
pub(super) fn damage(store: &StoreArgs) -> Result<Option<Vec<String>>> {
    match store.url()? {
        StoreUrl::Sqlite(path) => damage_in(&path).map(Some),
        StoreUrl::MongoDb(_) | StoreUrl::Nowhere => Ok(None),
    }
}
