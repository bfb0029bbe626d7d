//! Words a change of state for people and machines.

use std::time::Duration;

use crate::change::{Change, Phase};
use crate::condition::Short;
use crate::instance::Instance;
use crate::observation::Observation;
use crate::rule::{Rule, SILENT};
use crate::sample::Sample;
use crate::series_table::Slot;
use iot_store::alerts::{AlertState, Event};

/// Makes reports and gives them ids.
#[derive(Debug)]
pub(crate) struct Reporter {
    process: u64,
    last: u64,
}

impl Default for Reporter {
    fn default() -> Self {
        Self {
            process: rand::random::<u64>(),
            last: 0,
        }
    }
}

impl Reporter {
    /// Returns the change of an alert's state, with a report if it begins, goes on or is over.
    pub(crate) fn step(
        &mut self,
        rule: &Rule,
        slot: &Slot,
        instance: &Instance,
        before: Phase,
        now: i64,
    ) -> Change {
        let value = || instance.value.as_ref();
        let shown = match value() {
            Some((sample, unit)) => shown(&sample.to_json(), unit.as_deref()),
            None => "no value since the start".to_owned(),
        };
        let condition = match rule.lasting {
            Duration::ZERO => rule.condition.to_string(),
            lasting => format!("{} for {}", rule.condition, Short(lasting)),
        };
        let report = match (before, instance.phase) {
            (Phase::Firing { .. }, Phase::Firing { since, .. }) => {
                let lasted = lasted(now - since);
                Some((
                    true,
                    since,
                    format!("{shown} ({condition}), for {lasted} now"),
                ))
            }
            (_, Phase::Firing { since, .. }) => {
                Some((false, since, format!("{shown} ({condition})")))
            }
            (Phase::Firing { since, .. }, Phase::Ok) => {
                let lasted = lasted(now - since);
                Some((
                    false,
                    since,
                    format!("{shown}; `{condition}` lasted {lasted}"),
                ))
            }
            _ => None,
        };
        let event = report.map(|(repeated, since, reason)| {
            let mut event = self.event(&rule.name, slot, instance.phase, now);
            event.repeated = repeated;
            event.since = since;
            event.reason = reason;
            event.value = value().map(|(sample, _)| sample.to_json());
            event.unit = value().and_then(|(_, unit)| unit.as_deref().map(str::to_owned));
            event
        });
        let reason = match instance.phase {
            Phase::Ok => String::new(),
            _ => format!("{shown} ({condition})"),
        };
        change(&rule.name, slot, instance.phase, reason, event)
    }

    /// Returns the change of a series that is silent.
    pub(crate) fn silent(&mut self, slot: &Slot, phase: Phase, repeated: bool, now: i64) -> Change {
        let mut event = self.event(SILENT, slot, phase, now);
        if let Phase::Firing { since, .. } = phase {
            event.since = since;
            event.reason = format!("no reading for {}", lasted(now - since));
        }
        event.repeated = repeated;
        change(SILENT, slot, phase, "no reading".to_owned(), Some(event))
    }

    /// Returns the change of a series that has a reading again.
    pub(crate) fn back(
        &mut self,
        slot: &Slot,
        before: Phase,
        reading: &Observation<'_>,
        now: i64,
    ) -> Change {
        let mut event = self.event(SILENT, slot, Phase::Ok, now);
        if let Phase::Firing { since, .. } = before {
            event.since = since;
            event.reason = format!("a reading again after {}", lasted(now - since));
        }
        event.value = reading.sample.as_ref().map(Sample::to_json);
        event.unit = reading.unit.map(str::to_owned);
        change(SILENT, slot, Phase::Ok, String::new(), Some(event))
    }

    /// Returns the end of a saved state that belongs to nothing any more.
    pub(crate) fn gone(&mut self, state: &Change, reason: &str, now: i64) -> Change {
        let event = match state.phase {
            Phase::Firing { since, .. } => Some(Event {
                id: self.id(now),
                name: state.name.clone(),
                topic: state.topic.clone(),
                metric: state.metric.clone(),
                state: AlertState::Ok,
                repeated: false,
                value: None,
                unit: None,
                since,
                time: now,
                reason: reason.to_owned(),
            }),
            _ => None,
        };
        Change {
            phase: Phase::Ok,
            reason: String::new(),
            event,
            ..state.clone()
        }
    }

    fn event(&mut self, name: &str, slot: &Slot, phase: Phase, now: i64) -> Event {
        Event {
            id: self.id(now),
            name: name.to_owned(),
            topic: slot.topic().to_owned(),
            metric: slot.metric().map(str::to_owned),
            state: match phase {
                Phase::Firing { .. } => AlertState::Firing,
                _ => AlertState::Ok,
            },
            repeated: false,
            value: None,
            unit: None,
            since: now,
            time: now,
            reason: String::new(),
        }
    }

    /// Returns an id: 24 hex digits of the time, a counter and a number of this process.
    fn id(&mut self, now: i64) -> String {
        const COUNTER_BITS: u32 = 24;
        let time = u64::try_from(now).unwrap_or(0) & ((1 << 40) - 1);
        self.last = (time << COUNTER_BITS).max(self.last + 1);
        format!("{:016x}{:08x}", self.last, self.process & 0xffff_ffff)
    }
}

fn change(name: &str, slot: &Slot, phase: Phase, reason: String, event: Option<Event>) -> Change {
    Change {
        name: name.to_owned(),
        topic: slot.topic().to_owned(),
        metric: slot.metric().map(str::to_owned),
        phase,
        reason,
        event,
    }
}

fn shown(value: &serde_json::Value, unit: Option<&str>) -> String {
    let value = match value {
        serde_json::Value::String(text) => text.clone(),
        // Whole numbers are shown without `.0`.
        value => value
            .as_f64()
            .map_or_else(|| value.to_string(), |number| number.to_string()),
    };
    match unit {
        Some(unit) => format!("{value} {unit}"),
        None => value,
    }
}

/// Returns a time for people, in its two largest units: `45s`, `35m`, `2h 5m`, `3d 4h`.
fn lasted(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) if minutes >= 10 || seconds % 60 == 0 => format!("{minutes}m"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, 0) => format!("{hours}h"),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, 0, _) => format!("{days}d"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}
