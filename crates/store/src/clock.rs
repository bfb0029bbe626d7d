//! The time, also on a machine whose clock is not set.

use std::time::SystemTime;

use chrono::{DateTime, Utc};

/// Returns the time. Unlike [`Utc::now`], it does not panic if the clock shows a time before 1970,
/// as that of a small computer without a battery does at its start.
pub fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}
