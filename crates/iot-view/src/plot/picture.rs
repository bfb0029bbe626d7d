//! What is drawn, wherever that is.

use chrono::{DateTime, Utc};
use iot_cli::Timezone;

use super::panel::Panel;

/// What is drawn.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) title: String,
    pub(crate) since: DateTime<Utc>,
    pub(crate) until: DateTime<Utc>,
    pub(crate) zone: Timezone,
    pub(crate) panels: Vec<Panel>,
}
