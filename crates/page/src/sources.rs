//! Where the page gets what it shows.

use std::sync::Arc;

use crate::health::Status;
use crate::live::Live;

/// What the page shows.
#[derive(Clone)]
pub struct Sources {
    /// The readings that arrive now; `None` if none do.
    pub live: Option<Live>,
    /// The state of the program.
    pub status: Arc<dyn Status>,
}
