//! What each destination of reports has to do.

use std::time::Duration;

use iot_alert::Event;
use iot_store::alerts::StateChange;

/// Why a report was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Undelivered {
    /// It may succeed later.
    Later(String),
    /// It would fail each time.
    Never(String),
}

/// A destination of reports.
pub(super) trait Delivery: Send {
    /// Returns what a person calls it.
    fn name(&self) -> String;

    /// Delivers one report, and returns when the destination has it. May take up to a minute.
    fn deliver(&mut self, event: &Event) -> Result<(), Undelivered>;

    /// Delivers states that have changed. Only the store gets them.
    fn deliver_states(&mut self, _changes: &[StateChange]) -> Result<(), Undelivered> {
        Ok(())
    }

    /// Returns the shortest and the longest delay after a failure.
    fn delays(&self) -> (Duration, Duration) {
        (Duration::from_secs(1), Duration::from_mins(5))
    }
}
