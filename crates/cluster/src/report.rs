//! What a round has shown.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use torture::usage::Usage;

use crate::broker::Mode;
use crate::fault::Fault;
use crate::member::Work;
use crate::plan::Plan;
use crate::threads::Busiest;
use crate::world::Usages;

/// The rate up to which the mode raft+msg must not lose anything.
pub(crate) const LOSSLESS_RATE: u32 = 2_000;

/// The group while nothing happens.
pub(crate) struct Calm {
    pub(crate) plan: Plan,
    pub(crate) time: Duration,
    pub(crate) used: Usages,
    pub(crate) busiest: Busiest,
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
    /// How often a connection broke while a node wrote a message to it.
    pub(crate) broken_writes: u64,
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
    fn lost(&self) -> u64 {
        self.lost_dropped + self.lost_in_memory + self.lost_unseen
    }
}

impl Outcome {
    /// What the broker has lost.
    pub(crate) fn lost(&self) -> u64 {
        self.verdict.lost()
    }

    /// Whether the broker must not lose anything.
    pub(crate) fn must_be_lossless(&self) -> bool {
        let faults = &self.plan.faults;
        match self.plan.mode {
            Mode::Raft => faults.is_empty(),
            Mode::RaftWithMessages => self.plan.rate.is_some_and(|rate| rate <= LOSSLESS_RATE),
            // A killed mosquitto forgets what it has not saved; one that ends restores sessions
            // without their shared subscriptions.
            Mode::Mosquitto => !faults.iter().any(|fault| fault.ends_a_node()),
        }
    }
}

impl Calm {
    /// How many messages were stored.
    fn messages(&self) -> f64 {
        self.sum(|work| work.stored).max(1.0)
    }

    fn sum(&self, value: fn(&Work) -> f64) -> f64 {
        self.members.values().map(value).sum()
    }

    /// Messages a second.
    pub(crate) fn rate(&self) -> f64 {
        self.messages() / self.time.as_secs_f64()
    }

    /// Microseconds of processor time a message.
    fn processor(&self, usage: Usage) -> f64 {
        usage.processor.as_secs_f64() * 1e6 / self.messages()
    }

    /// Processors that parts and threads use, in the form that `bench-group` reads.
    fn for_the_model(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plan, used, busiest) = (&self.plan, self.used, self.busiest);
        let seconds = self.time.as_secs_f64();
        let share = |time: Duration| time.as_secs_f64() / seconds;
        let (commits, deliveries) = (
            self.sum(|work| work.commits),
            self.sum(|work| work.deliveries),
        );
        write!(
            f,
            "  run: members={} offered={} rate={:.1} commits={:.2} commit-ms={:.3} deliveries={:.2} delivery-ms={:.3}",
            plan.members,
            plan.rate.unwrap_or(0),
            self.rate(),
            commits / seconds,
            self.sum(|work| work.commit_seconds) * 1e3 / commits.max(1.0),
            deliveries / seconds,
            self.sum(|work| work.delivery_seconds) * 1e3 / deliveries.max(1.0),
        )?;
        let parts = [
            ("busy", used.machine),
            ("brokers", used.brokers.processor),
            ("group", used.members.processor),
            ("database", used.database.processor),
            ("publishers", used.publishers.processor),
            ("broker-thread", busiest.broker),
            ("member-thread", busiest.member),
            ("database-thread", busiest.database),
            ("publisher-thread", busiest.publisher),
            ("committing", busiest.committing),
        ];
        for (name, time) in parts {
            write!(f, " {name}={:.4}", share(time))?;
        }
        Ok(())
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
        let received = self.sum(|work| work.received).max(1.0);
        for (member, work) in &self.members {
            let share = work.received * 100.0 / received;
            write!(f, " {member} {share:.1} %")?;
        }
        writeln!(
            f,
            "\n  processor time a message: brokers {:.0} µs, members {:.0} µs, database {:.0} µs, publishers {:.0} µs; {:.2} processors busy",
            self.processor(used.brokers),
            self.processor(used.members),
            self.processor(used.database),
            self.processor(used.publishers),
            used.machine.as_secs_f64() / self.time.as_secs_f64(),
        )?;
        let commits = self.sum(|work| work.commits).max(1.0);
        let deliveries = self.sum(|work| work.deliveries).max(1.0);
        let seconds = self.time.as_secs_f64();
        writeln!(
            f,
            "  members: {:.1} commits/s of {:.1} messages, {:.2} ms each; {:.1} inserts/s of {:.1} messages, {:.2} ms each",
            commits / seconds,
            self.messages() / commits,
            self.sum(|work| work.commit_seconds) * 1e3 / commits,
            deliveries / seconds,
            self.messages() / deliveries,
            self.sum(|work| work.delivery_seconds) * 1e3 / deliveries,
        )?;
        #[expect(clippy::cast_precision_loss, reason = "it is shown with few digits")]
        let fsyncs = used.fsyncs as f64;
        writeln!(
            f,
            "  written a message: members {:.0} bytes, database {:.0} bytes; fsyncs of the database: {:.1} a second",
            self.written(used.members),
            self.written(used.database),
            fsyncs / seconds,
        )?;
        self.for_the_model(f)
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
        let nothing_missing = if plan.has_witness() && plan.mode.names_acknowledged() {
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
        if verdict.broken_writes > 0 {
            let broken = verdict.broken_writes;
            write!(
                f,
                "\n  connections that broke while a node wrote to them: {broken}"
            )?;
        }
        for (reason, count) in &verdict.drops {
            write!(f, "\n  the broker dropped {count} times: {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_checked_is_not_reported() {
        for (mode, is_checked) in [
            (Mode::Raft, true),
            (Mode::RaftWithMessages, true),
            (Mode::Mosquitto, false),
        ] {
            let outcome = Outcome {
                plan: Plan {
                    seed: 1,
                    mode,
                    rate: None,
                    members: 3,
                    faults: vec![Fault::Join],
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
