//! The numbers of a round, and of all rounds.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The numbers of one round, or their sum.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) sent: u64,
    /// What `iot-sub` has acknowledged.
    pub(crate) acknowledged: u64,
    pub(crate) runs: u64,
    pub(crate) found: u64,
    pub(crate) sent_again: [u64; 3],
    pub(crate) published_again: [u64; 3],
    pub(crate) stored_again: [u64; 3],
    /// Readings that a killed broker forgot before `iot-sub` received them.
    pub(crate) forgotten: u64,
    pub(crate) faults: BTreeMap<String, u64>,
}

/// One round.
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) kind: &'static str,
    pub(crate) time: Duration,
    pub(crate) numbers: Numbers,
}

/// All rounds, by their kind.
#[derive(Default)]
pub(crate) struct Report {
    kinds: BTreeMap<&'static str, (u64, Numbers)>,
    faults: BTreeMap<String, u64>,
    time: Duration,
}

impl Report {
    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.time += outcome.time;
        for (fault, count) in &outcome.numbers.faults {
            *self.faults.entry(fault.clone()).or_default() += count;
        }
        let (rounds, sum) = self.kinds.entry(outcome.kind).or_default();
        *rounds += 1;
        let new = outcome.numbers;
        sum.sent += new.sent;
        sum.acknowledged += new.acknowledged;
        sum.runs += new.runs;
        sum.found += new.found;
        sum.forgotten += new.forgotten;
        for qos in 0..3 {
            sum.sent_again[qos] += new.sent_again[qos];
            sum.published_again[qos] += new.published_again[qos];
            sum.stored_again[qos] += new.stored_again[qos];
        }
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acknowledged to the publishers, {} by iot-sub, {} runs of iot-sub, {} found in the spool; QoS 1: {} sent again by the broker, \
             {} by publishers, {} stored again; QoS 2: {} sent again, {} by publishers, {} stored again",
            self.sent,
            self.acknowledged,
            self.runs,
            self.found,
            self.sent_again[1],
            self.published_again[1],
            self.stored_again[1],
            self.sent_again[2],
            self.published_again[2],
            self.stored_again[2],
        )?;
        if self.forgotten > 0 {
            write!(f, "; {} forgotten by the killed broker", self.forgotten)?;
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: u64 = self.numbers.faults.values().sum();
        write!(
            f,
            "seed {}, {}: {faults} faults in {} s, nothing missing, changed or invented; {}",
            self.seed,
            self.kind,
            self.time.as_secs(),
            self.numbers
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounds: u64 = self.kinds.values().map(|(rounds, _)| rounds).sum();
        writeln!(f, "{rounds} rounds in {} s", self.time.as_secs())?;
        for (kind, (rounds, numbers)) in &self.kinds {
            writeln!(f, "  {kind}, {rounds} rounds: {numbers}")?;
        }
        writeln!(f, "Faults:")?;
        for (fault, count) in &self.faults {
            writeln!(f, "  {count:>5} × {fault}")?;
        }
        Ok(())
    }
}
