//! The result of a run, and whether it is a success.

use anyhow::{Result, bail};
use iot_cli::{Interrupted, notify};
use iot_core::QoS;

use super::counts::{Counts, messages_were};
use crate::name::NAME;
use crate::verify::verdict::Verdict;

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) connections: usize,
    pub(crate) devices: usize,
    /// The highest QoS of the devices.
    pub(crate) qos: QoS,
    pub(crate) counts: Counts,
    /// What the verifier found, if there is one.
    pub(crate) verdict: Option<Verdict>,
    /// A number of messages was asked for, or the devices had nothing more to publish.
    pub(crate) is_bounded: bool,
}

impl Outcome {
    /// Returns the error of a run that a signal has ended before its end: how many messages were
    /// published, of `count`.
    pub(super) fn interrupted(&self, code: u8, count: Option<u64>) -> anyhow::Error {
        let counts = &self.counts;
        let missing = counts.pending + counts.rejected + counts.dropped;
        let mut line = match (counts.messages.saturating_sub(missing), count) {
            (0, Some(1)) => "interrupted: the message was not published".to_owned(),
            (0, _) if counts.messages == 0 => "interrupted: nothing was published".to_owned(),
            (sent, _) => format!("interrupted: {} published", messages_were(sent)),
        };
        if let Some(missing) = counts.missing(self.qos) {
            line = format!("{line}; {missing}");
        }
        Interrupted::new(line, code).into()
    }

    /// Turns the end of the run into its result: an error says what is missing, too.
    ///
    /// # Errors
    /// The error that ended the run, a complaint of the verifier, or what is missing. With QoS 0,
    /// messages that are missing from a run without bounds are only reported.
    pub(super) fn judge(&self, end: Result<()>) -> Result<()> {
        let missing = self.counts.missing(self.qos);
        match (end, missing) {
            (Err(error), None) => return Err(error),
            (Err(error), Some(missing)) => return Err(error.context(missing)),
            (Ok(()), missing) => {
                if let Some(complaint) = self.verdict.as_ref().and_then(Verdict::complaint) {
                    bail!(
                        "verified, of {} messages: {complaint}",
                        self.counts.messages
                    );
                }
                let Some(missing) = missing else {
                    return Ok(());
                };
                let is_allowed =
                    self.qos == QoS::AtMostOnce && !self.is_bounded && self.counts.rejected == 0;
                if !is_allowed {
                    bail!(missing);
                }
                notify(NAME, &missing);
            }
        }
        Ok(())
    }
}
