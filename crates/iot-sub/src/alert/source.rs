//! The store, as other connections than the pipeline's open it.

use iot_cli::StoreUrl;

/// A store, as the reading side opens it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) url: String,
    pub(super) collection: String,
}

impl Source {
    /// Returns the source for a store, if there is one.
    pub(super) fn new(url: &StoreUrl, collection: &str) -> Option<Self> {
        let url = match url {
            StoreUrl::Nowhere => return None,
            StoreUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            StoreUrl::MongoDb(url) => url.clone(),
        };
        Some(Self {
            url,
            collection: collection.to_owned(),
        })
    }
}
