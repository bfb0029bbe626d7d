//! A period in a time zone.

use chrono::{DateTime, Utc};
use iot_cli::Timezone;

/// From when until when, in whose time zone.
#[derive(Debug, Clone)]
pub(crate) struct Period {
    pub(crate) since: Option<DateTime<Utc>>,
    /// The first moment that is not part of it.
    pub(crate) until: Option<DateTime<Utc>>,
    pub(crate) zone: Timezone,
}
