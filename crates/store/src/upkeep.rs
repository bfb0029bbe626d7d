//! What keeps a store small and fast: removing old readings, and making rollups.

use crate::expiry::{Expiry, Pruned};
use crate::reindexed::Reindexed;

/// Removes old readings and rejections from the store at `store` (as in
/// [`open`](crate::read::open)), in small steps beside the program that writes. `proceed` is called
/// after each; if it returns `false`, the work ends, and what is removed stays so.
///
/// # Errors
/// The store can't be written, or can't do this: from a MongoDB time-series collection, a server
/// before 7.0 deletes nothing by time, and MongoDB has no rollups that could be kept.
pub fn prune(
    store: &str,
    collection: &str,
    expiry: Expiry,
    proceed: &mut dyn FnMut(Pruned) -> bool,
) -> anyhow::Result<Pruned> {
    #[cfg(feature = "sqlite")]
    if let Some(path) = sqlite_path(store) {
        return crate::sqlite::prune(path, expiry, proceed);
    }
    #[cfg(feature = "mongodb")]
    if store.starts_with("mongodb") {
        return crate::mongodb::prune(store, collection, expiry, proceed);
    }
    let _ = (store, collection, expiry, proceed);
    anyhow::bail!("a store that can be pruned is mongodb://… or sqlite:PATH")
}

/// Makes the rollups of the store at `store`, in small steps beside the program that writes, or
/// goes on with that after an interruption; those that there are are made again only with `again`.
/// `proceed` is called after each step; if it returns `false`, the work ends, and the next call
/// continues. In MongoDB these are the rollups of days that are over, which charts would make when
/// they are asked for.
///
/// # Errors
/// The store can't be written, or another program turns its rollups off.
pub fn reindex(
    store: &str,
    collection: &str,
    again: bool,
    proceed: &mut dyn FnMut(Reindexed) -> bool,
) -> anyhow::Result<Reindexed> {
    #[cfg(feature = "sqlite")]
    if let Some(path) = sqlite_path(store) {
        return crate::sqlite::reindex(path, again, proceed);
    }
    #[cfg(feature = "mongodb")]
    if store.starts_with("mongodb") {
        return crate::mongodb::reindex(store, collection, again, proceed);
    }
    let _ = (store, collection, again, proceed);
    anyhow::bail!("a store with rollups is mongodb://… or sqlite:PATH")
}

#[cfg(feature = "sqlite")]
pub(crate) fn sqlite_path(store: &str) -> Option<&std::path::Path> {
    let path = store.strip_prefix("sqlite:")?;
    Some(std::path::Path::new(
        path.strip_prefix("//").unwrap_or(path),
    ))
}
