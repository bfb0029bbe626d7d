//! Which store is read.

use clap::Args;
use iot_cli::{StoreUrl, UsageError};
use iot_store::mongodb_options::check_collection;

/// Which store.
#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreArgs {
    /// Read the store mongodb://… or sqlite:PATH [default: mongodb://localhost:27017]
    #[arg(long, env = "IOT_STORE", hide_env_values = true, value_name = "STORE")]
    #[arg(value_parser = StoreUrl::parse_readable)]
    store: Option<StoreUrl>,

    /// Read MongoDB collection NAME, and rejected messages in NAME_rejected
    #[arg(long, env = "IOT_COLLECTION", hide_env_values = true)]
    #[arg(value_name = "NAME", default_value = "sensors", value_parser = collection)]
    #[arg(hide_short_help = true)]
    pub(crate) collection: String,
}

fn collection(name: &str) -> anyhow::Result<String> {
    check_collection(name)?;
    Ok(name.to_owned())
}

impl StoreArgs {
    /// Returns the store's URL.
    ///
    /// # Errors
    /// [`UsageError`] for `none`.
    pub(crate) fn url(&self) -> Result<StoreUrl, UsageError> {
        match &self.store {
            Some(StoreUrl::Nowhere) => Err(UsageError::new(
                "the store is none: there is nothing to read (give --store sqlite:PATH or mongodb://…)",
            )),
            Some(url) => Ok(url.clone()),
            None => Ok(StoreUrl::local_mongodb()),
        }
    }

    /// Returns the store as `iot-store` names it.
    ///
    /// # Errors
    /// [`UsageError`] for `none`.
    pub(crate) fn text(&self) -> Result<String, UsageError> {
        Ok(match self.url()? {
            StoreUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
            StoreUrl::MongoDb(url) => url,
            StoreUrl::Nowhere => String::new(),
        })
    }

    /// Returns what a person calls the store: a path, or a URL without its password.
    ///
    /// # Errors
    /// [`UsageError`] for `none`, or a malformed URL.
    pub(crate) fn name(&self) -> Result<String, UsageError> {
        match self.url()? {
            StoreUrl::MongoDb(url) => iot_store::mongodb::name(&url, &self.collection)
                .map_err(|fault| UsageError::new(format!("{fault:#}"))),
            StoreUrl::Sqlite(path) => Ok(path.display().to_string()),
            StoreUrl::Nowhere => Ok(String::new()),
        }
    }

    /// Returns whether a store is named.
    pub(crate) fn is_named(&self) -> bool {
        self.store.is_some()
    }
}
