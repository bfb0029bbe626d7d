//! Where the page gets what it shows.

use std::sync::Arc;

use iot_store::read::{ReadError, Reader};

use crate::health::Status;
use crate::live::Live;

/// Opens the store for reading. Is called on a thread for blocking calls.
pub type OpenReader = dyn Fn() -> Result<Box<dyn Reader>, ReadError> + Send + Sync;

/// What the page shows.
#[derive(Clone)]
pub struct Sources {
    /// The readings that arrive now; `None` if none do.
    pub live: Option<Live>,
    /// The store; `None` if there is none.
    pub store: Option<Arc<OpenReader>>,
    /// The state of the program.
    pub status: Arc<dyn Status>,
}
