//! Opens the store.

use std::path::Path;

use anyhow::{Error, Result};
use iot_store::read::{ReadError, Reader};

use crate::args::StoreArgs;

/// The file that `iot-sub --embedded` makes where it is started.
const EMBEDDED: &str = "iot.db";

/// Opens the store for reading.
///
/// # Errors
/// It cannot be read.
pub(crate) fn open(args: &StoreArgs) -> Result<Box<dyn Reader>> {
    iot_store::read::open(&args.text()?, &args.collection).map_err(|error| hint(error, args))
}

/// Adds what helps: without `--store`, a file may be what is meant.
fn hint(error: ReadError, args: &StoreArgs) -> Error {
    let is_file = Path::new(EMBEDDED).is_file();
    match error {
        ReadError::Away(line) if !args.is_named() && is_file => Error::msg(format!(
            "{line} (for the file here: --store sqlite:{EMBEDDED})"
        )),
        ReadError::Away(line) if !args.is_named() => {
            Error::msg(format!("{line} (--store names another one)"))
        }
        error => error.into(),
    }
}
