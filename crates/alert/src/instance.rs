//! One alert of one series: its state, and what it remembers of the values.

use crate::change::Phase;
use crate::condition::Condition;
use crate::rule::Rule;
use crate::sample::Sample;
use crate::window::Window;

/// What an alert remembers of the values before.
#[derive(Debug)]
enum Memory {
    Nothing,
    /// For `rises`; for `falls` of the negated values.
    Window(Box<Window>),
    /// For `stuck`: the last value, and since when it is that.
    Unchanged(Option<(Sample, i64)>),
}

/// One alert of one series.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) rule: u16,
    pub(crate) series: u32,
    pub(crate) phase: Phase,
    memory: Memory,
    /// Time alone counts from here: after a restart, the values of the meantime are unknown.
    pub(crate) counted_from: i64,
    /// The value that decided last, and its unit.
    pub(crate) value: Option<(Sample, Option<Box<str>>)>,
}

impl Instance {
    pub(crate) fn new(number: u16, rule: &Rule, series: u32) -> Self {
        let memory = match rule.condition {
            Condition::Rises(_, within) | Condition::Falls(_, within) => {
                Memory::Window(Box::new(Window::new(millis(within))))
            }
            Condition::Stuck(_) => Memory::Unchanged(None),
            _ => Memory::Nothing,
        };
        Self {
            rule: number,
            series,
            phase: Phase::Ok,
            memory,
            counted_from: i64::MIN,
            value: None,
        }
    }

    /// Takes note of a value, and returns whether the condition holds; `None` if it does not apply
    /// to such a value.
    pub(crate) fn add(&mut self, rule: &Rule, sample: &Sample, time: i64) -> Option<bool> {
        let phase = self.phase;
        match (&rule.condition, &mut self.memory, sample) {
            (Condition::Rises(by, _), Memory::Window(window), Sample::Number(value)) => {
                Some(value - window.add(time, *value) >= *by)
            }
            (Condition::Falls(by, _), Memory::Window(window), Sample::Number(value)) => {
                Some(-value - window.add(time, -value) >= *by)
            }
            (Condition::Stuck(after), Memory::Unchanged(last), sample) => match last {
                Some((value, since)) if value == sample => Some(time - *since >= millis(*after)),
                other => {
                    let after = millis(*after);
                    // The first value after a restart: what was stuck then still is.
                    let since = match (&other, phase) {
                        (None, Phase::Firing { since, .. }) => time.min(since - after),
                        _ => time,
                    };
                    *other = Some((sample.clone(), since));
                    Some(time - since >= after)
                }
            },
            (condition, _, sample) => condition.holds(sample),
        }
    }

    /// Returns the state after a value at `time` for which the condition holds or not.
    pub(crate) fn after(&self, rule: &Rule, holds: bool, sample: &Sample, time: i64) -> Phase {
        let due = |since: i64| time - since >= millis(rule.lasting);
        let firing = |since| Phase::Firing {
            since,
            reported: time,
        };
        match self.phase {
            Phase::Ok if holds && rule.lasting.is_zero() => firing(time),
            Phase::Ok if holds => Phase::Pending { since: time },
            Phase::Pending { since } if holds && due(since) => firing(since),
            Phase::Pending { .. } if !holds => Phase::Ok,
            Phase::Firing { .. } if is_over(rule, holds, sample) => Phase::Ok,
            same => same,
        }
    }
}

fn is_over(rule: &Rule, holds: bool, sample: &Sample) -> bool {
    match &rule.clear {
        Some(clear) => clear.holds(sample) == Some(true),
        None => !holds,
    }
}

/// Returns a duration in milliseconds.
pub(crate) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
