//! What a round has shown.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use torture::usage::Usage;

use crate::fault::Fault;
use crate::member::Work;
use crate::plan::Plan;
use crate::world::Usages;

/// The group while nothing happens.
pub(crate) struct Calm {
    pub(crate) time: Duration,
    pub(crate) used: Usages,
    pub(crate) members: BTreeMap<String, Work>,
}

/// How long the group took after a fault.
pub(crate) struct Recovery {
    pub(crate) fault: Fault,
    /// From the beginning of the fault until the full rate; `None` if that did not come.
    pub(crate) after: Option<Duration>,
}

/// What the ledger has decided. Everything else would have failed.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) sent: u64,
    pub(crate) stored: u64,
    pub(crate) acknowledgements: u64,
    /// Lost by the broker: it wrote down that it dropped them.
    pub(crate) lost_dropped: u64,
    /// Lost by the broker: a node has received them, and they never reached a member.
    pub(crate) lost_in_memory: u64,
    /// Lost by the broker: acknowledged to the publisher, and no node has written them down.
    pub(crate) lost_unseen: u64,
    /// Drops by reason.
    pub(crate) drops: BTreeMap<String, u64>,
}

/// A round that was passed.
pub(crate) struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) time: Duration,
    pub(crate) recoveries: Vec<Recovery>,
    pub(crate) verdict: Verdict,
}

impl Verdict {
    /// What the broker has lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lost_dropped + self.lost_in_memory + self.lost_unseen
    }
}

impl Calm {
    fn messages(&self) -> f64 {
        let received = self.members.values().map(|work| work.received);
        received.sum::<f64>().max(1.0)
    }

    /// Messages a second.
    pub(crate) fn rate(&self) -> f64 {
        self.messages() / self.time.as_secs_f64()
    }

    /// Microseconds of processor time a message.
    fn processor(&self, usage: Usage) -> f64 {
        usage.processor.as_secs_f64() * 1e6 / self.messages()
    }

    fn written(&self, usage: Usage) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "it is shown with few digits")]
        let bytes = usage.written as f64;
        bytes / self.messages()
    }
}

impl fmt::Display for Calm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.used;
        writeln!(f, "  without faults: {:.0} messages/s", self.rate())?;
        write!(f, "  share:")?;
        for (member, work) in &self.members {
            let share = work.received * 100.0 / self.messages();
            write!(f, " {member} {share:.1} %")?;
        }
        let all = [used.brokers, used.members, used.database, used.publishers];
        let cores = all.iter().map(|it| it.processor.as_secs_f64()).sum::<f64>();
        writeln!(
            f,
            "\n  processor time a message: brokers {:.0} µs, members {:.0} µs, database {:.0} µs, publishers {:.0} µs; {:.2} processors used",
            self.processor(used.brokers),
            self.processor(used.members),
            self.processor(used.database),
            self.processor(used.publishers),
            cores / self.time.as_secs_f64(),
        )?;
        let commits = self
            .members
            .values()
            .map(|work| work.commits)
            .sum::<f64>()
            .max(1.0);
        let seconds = self
            .members
            .values()
            .map(|work| work.commit_seconds)
            .sum::<f64>();
        write!(
            f,
            "  a commit of a member: {:.1} messages in {:.2} ms; written a message: members {:.0} bytes, database {:.0} bytes",
            self.messages() / commits,
            seconds * 1e3 / commits,
            self.written(used.members),
            self.written(used.database),
        )
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.fault.name();
        match self.after {
            Some(after) => write!(f, "  {name}: full rate after {:.1} s", after.as_secs_f64()),
            None => write!(f, "  {name}: not at full rate within a minute"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plan, verdict) = (&self.plan, &self.verdict);
        // mosquitto does not write down which messages the members have acknowledged.
        let nothing_missing = if plan.mode.names_acknowledged() {
            "nothing acknowledged is missing, "
        } else {
            ""
        };
        writeln!(
            f,
            "seed {}, mode {}, {} members: {} faults in {} s, {nothing_missing}nothing is twice or invented",
            plan.seed,
            plan.mode.name(),
            plan.members,
            self.recoveries.len(),
            self.time.as_secs()
        )?;
        writeln!(
            f,
            "  {} acknowledged to publishers, {} acknowledgements of members, {} stored",
            verdict.sent, verdict.acknowledgements, verdict.stored
        )?;
        write!(
            f,
            "  lost by the broker: {} ({} dropped and said so, {} received and gone, {} never written down)",
            verdict.lost(),
            verdict.lost_dropped,
            verdict.lost_in_memory,
            verdict.lost_unseen
        )?;
        for (reason, count) in &verdict.drops {
            write!(f, "\n  the broker dropped {count} times: {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Mode;

    #[test]
    fn what_was_not_checked_is_not_reported() {
        for (mode, is_checked) in [
            (Mode::Raft, true),
            (Mode::RaftWithMessages, true),
            (Mode::Mosquitto { logs: true }, false),
        ] {
            let outcome = Outcome {
                plan: Plan {
                    seed: 1,
                    mode,
                    rate: None,
                    members: 3,
                    faults: Vec::new(),
                },
                time: Duration::from_secs(1),
                recoveries: Vec::new(),
                verdict: Verdict::default(),
            };
            let report = outcome.to_string();
            assert_eq!(
                report.contains("acknowledged is missing"),
                is_checked,
                "{report}"
            );
            assert!(report.contains("nothing is twice or invented"), "{report}");
        }
    }
}
