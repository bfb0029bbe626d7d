//! Reports on stderr.

use std::fmt;

use iot_alert::{AlertState, Event};
use iot_cli::printable;

use super::delivery::{Delivery, Undelivered};
use crate::output::Messages;

/// Prints reports as lines.
pub(super) struct Lines(pub(super) Messages);

impl Delivery for Lines {
    fn name(&self) -> String {
        "stderr".into()
    }

    fn deliver(&mut self, event: &Event) -> Result<(), Undelivered> {
        self.0.report(&Line(event));
        Ok(())
    }
}

/// A report for people, on one line.
pub(super) struct Line<'a>(pub(super) &'a Event);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Event {
            name,
            topic,
            metric,
            state,
            reason,
            ..
        } = self.0;
        let state = match state {
            AlertState::Firing => "ALERT",
            AlertState::Ok => "ok",
        };
        write!(f, "{state} {}: {}", printable(name), printable(topic))?;
        if let Some(metric) = metric {
            write!(f, "#{}", printable(metric))?;
        }
        write!(f, ": {}", printable(reason))
    }
}
