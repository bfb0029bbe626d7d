//! The time of receipt, and of alerts.
//!
//! With the feature `failpoints` it can run faster, for a test of a week: with `IOT_CLOCK=600@T` it
//! agrees with the system's at T, in milliseconds since 1970, and runs 600 times as fast.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Returns the time.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

/// Returns how much time of this clock has passed in `elapsed` of a steady one.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn passed(elapsed: Duration) -> Duration {
    elapsed
}

#[cfg(feature = "failpoints")]
pub(crate) use fast::{now, passed};

#[cfg(feature = "failpoints")]
mod fast {
    use std::sync::LazyLock;

    use super::{DateTime, Duration, Utc};

    /// How much faster, and the time at which both clocks agree.
    static FAST: LazyLock<Option<(u32, i64)>> = LazyLock::new(|| {
        let text = std::env::var("IOT_CLOCK").ok()?;
        let parse = || {
            let (speed, base) = text.split_once('@')?;
            Some((speed.parse().ok()?, base.parse().ok()?))
        };
        Some(parse().unwrap_or_else(|| panic!("IOT_CLOCK is SPEED@MILLISECONDS, not `{text}`")))
    });

    pub(crate) fn now() -> DateTime<Utc> {
        let now = Utc::now();
        let Some((speed, base)) = *FAST else {
            return now;
        };
        let fast = base + (now.timestamp_millis() - base) * i64::from(speed);
        DateTime::from_timestamp_millis(fast).unwrap_or(now)
    }

    pub(crate) fn passed(elapsed: Duration) -> Duration {
        FAST.map_or(elapsed, |(speed, _)| elapsed * speed)
    }
}
