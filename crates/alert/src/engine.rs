//! Decides from readings and the time which alerts begin and which are over.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU8;
use std::ops::Range;
use std::time::Duration;

use iot_store::read::SeriesFilter;

use crate::change::{Change, Phase};
use crate::condition::Condition;
use crate::instance::{Instance, millis};
use crate::observation::Observation;
use crate::report::Reporter;
use crate::rule::{Rule, SILENT, SilenceRule};
use crate::sample::Sample;
use crate::series_table::SeriesTable;
use crate::silence;

/// A jump of the clock by more than this many milliseconds between two ticks is one.
const CLOCK_JUMP: i64 = 5000;

/// What is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Alerts; their names differ.
    pub rules: Vec<Rule>,
    /// What counts as silent; the first rule that watches a topic counts. At most 255.
    pub silence: Vec<SilenceRule>,
    /// After which time an alert that goes on is reported again; `None` reports it once.
    pub repeat: Option<Duration>,
    /// A reading older than this neither begins nor ends an alert. Ten minutes by default.
    pub max_age: Duration,
    /// Memory for the series that are watched, in bytes. 64 MiB by default.
    pub memory_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            silence: Vec::new(),
            repeat: None,
            max_age: Duration::from_mins(10),
            memory_limit: 64 << 20,
        }
    }
}

/// Decides which alerts begin and which are over.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    series: SeriesTable,
    instances: Vec<Instance>,
    reporter: Reporter,
    /// Series that are silent, and since when.
    silent: HashMap<u32, Phase>,
    /// Silence is counted from here at the earliest: the start, the last connection, a clock jump.
    counted_from: i64,
    connected: bool,
    last_tick: i64,
    /// Whether an alert is about rejected messages.
    watches_rejections: bool,
    /// Series that stand for a topic of which no reading is known: it is named for silence without
    /// a metric, or only rejected messages have come.
    expected: HashSet<u32>,
}

impl Engine {
    /// Returns an engine that starts at `now`, not connected.
    pub fn new(settings: Settings, now: i64) -> Self {
        let is_rejected = |rule: &Rule| rule.condition == Condition::Rejected;
        let mut engine = Self {
            watches_rejections: settings.rules.iter().any(is_rejected),
            series: SeriesTable::new(settings.memory_limit),
            settings,
            instances: Vec::new(),
            reporter: Reporter::default(),
            silent: HashMap::new(),
            counted_from: now,
            connected: false,
            last_tick: now,
            expected: HashSet::new(),
        };
        engine.expect_named();
        engine
    }

    /// Takes note of the series that are named for silence: one that is never heard is silent, too.
    fn expect_named(&mut self) {
        let filters = self.settings.silence.iter();
        let filters: Vec<_> = filters.filter_map(|rule| rule.filter.clone()).collect();
        for filter in filters {
            if let Some(topic) = filter.exact_topic()
                && let Some(number) = self.series_number(topic, filter.metric().flatten())
            {
                self.expect(number);
            }
        }
    }

    /// Takes note that a series stands for its topic, if no reading of it is known and each value
    /// of the topic ends its silence.
    fn expect(&mut self, number: u32) {
        let slot = self.series.get(number);
        let Some(rule) = slot.silence.filter(|_| slot.newest == i64::MIN) else {
            return;
        };
        let rule = &self.settings.silence[usize::from(rule.get()) - 1];
        let names_metric = |filter: &SeriesFilter| filter.metric().is_some();
        if !rule.filter.as_ref().is_some_and(names_metric) {
            self.expected.insert(number);
        }
    }

    /// Returns the series that stands for a topic of which no reading is known, if there is one.
    fn expected_series(&self, topic: &str) -> Option<u32> {
        let number = (!self.expected.is_empty()).then(|| self.series.find(topic, None))??;
        self.expected.contains(&number).then_some(number)
    }

    /// A reading of another series of its topic is known: this one need not come.
    fn drop_expected(&mut self, number: u32) {
        self.series.get_mut(number).silence = None;
        self.expected.remove(&number);
    }

    /// Returns how many series are watched.
    pub fn watched(&self) -> usize {
        self.series.len()
    }

    /// Returns how many readings were of series that are not watched for lack of memory.
    pub fn unwatched(&self) -> u64 {
        self.series.unwatched()
    }

    /// Returns how many alerts of series are firing, and how many are pending.
    pub fn counts(&self) -> (usize, usize) {
        let is_firing = |instance: &&Instance| matches!(instance.phase, Phase::Firing { .. });
        let is_pending = |instance: &&Instance| matches!(instance.phase, Phase::Pending { .. });
        let firing = self.instances.iter().filter(is_firing).count();
        let pending = self.instances.iter().filter(is_pending).count();
        (firing + self.silent.len(), pending)
    }

    /// Takes over states that were saved before a restart. An alert that no longer exists is over.
    pub fn restore(&mut self, states: Vec<Change>, now: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        for state in states {
            if !self.restore_one(&state, now) {
                let reason = "the alert is no longer configured";
                changes.push(self.reporter.gone(&state, reason, now));
            }
        }
        changes
    }

    fn restore_one(&mut self, state: &Change, now: i64) -> bool {
        let metric = state.metric.as_deref();
        let Some(series) = self.series_number(&state.topic, metric) else {
            return false;
        };
        if state.name == SILENT {
            let slot = self.series.get_mut(series);
            slot.silent = slot.silence.is_some();
            if slot.silent {
                self.silent.insert(series, state.phase);
            }
            return slot.silent;
        }
        let rules = &self.settings.rules;
        let instance = self.instances.iter_mut().find(|instance| {
            instance.series == series && *rules[usize::from(instance.rule)].name == state.name
        });
        let known = instance.is_some();
        if let Some(instance) = instance {
            instance.phase = state.phase;
            instance.counted_from = now;
        }
        known
    }

    /// Takes note of a series that the store knows, with the time of its newest reading: its
    /// silence is noticed although it never comes back.
    pub fn known_series(&mut self, topic: &str, metric: Option<&str>, newest: i64) {
        if let (Some(_), Some(number)) = (metric, self.expected_series(topic))
            && !self.series.get(number).silent
        {
            self.drop_expected(number);
        }
        if let Some(number) = self.series_number(topic, metric) {
            let slot = self.series.get_mut(number);
            slot.newest = slot.newest.max(newest);
            self.expected.remove(&number);
        }
    }

    /// Takes note of a stored reading, for conditions that look back. It changes no state.
    pub fn recall(&mut self, reading: &Observation<'_>) {
        let Some(number) = self.series_number(reading.topic, reading.metric) else {
            return;
        };
        let Some(sample) = &reading.sample else {
            return;
        };
        for at in self.instances_of(number) {
            let instance = &mut self.instances[at];
            let rule = &self.settings.rules[usize::from(instance.rule)];
            instance.add(rule, sample, reading.time);
        }
    }

    /// Takes note of whether readings can arrive: without a broker no series is silent.
    pub fn set_connected(&mut self, connected: bool, now: i64) {
        if connected && !self.connected {
            self.counted_from = self.counted_from.max(now);
        }
        self.connected = connected;
    }

    /// Takes a reading that was received at `now`.
    pub fn observe(&mut self, reading: &Observation<'_>, now: i64, changes: &mut Vec<Change>) {
        let Some(number) = self.series_number(reading.topic, reading.metric) else {
            return;
        };
        let slot = self.series.get_mut(number);
        // The newest reading decides: a late one says what is over already.
        if reading.retained || reading.time < slot.newest {
            return;
        }
        let time = reading.time.min(now);
        if let Some(expected) = self.expected_series(reading.topic) {
            if expected == number {
                self.expected.remove(&number);
            } else {
                self.end_silence(expected, reading, now, changes);
                self.drop_expected(expected);
            }
        }
        let slot = self.series.get_mut(number);
        if slot.newest != i64::MIN && slot.newest >= self.counted_from {
            slot.interval.add(time - slot.newest);
        }
        slot.newest = time;
        let is_old = now - time > millis(self.settings.max_age);
        let was_silent = slot.silent;
        if was_silent && !self.is_silent(number, now) {
            self.end_silence(number, reading, now, changes);
        }
        if is_old {
            return;
        }
        self.apply_rules(number, reading, time, now, changes);
        self.end_rejected(reading.topic, now, changes);
    }

    /// Decides about the alerts of a series after a reading at `time`.
    fn apply_rules(
        &mut self,
        number: u32,
        reading: &Observation<'_>,
        time: i64,
        now: i64,
        changes: &mut Vec<Change>,
    ) {
        let Some(sample) = &reading.sample else {
            return;
        };
        for at in self.instances_of(number) {
            let instance = &mut self.instances[at];
            let rule = &self.settings.rules[usize::from(instance.rule)];
            let Some(holds) = instance.add(rule, sample, time) else {
                continue;
            };
            let phase = instance.after(rule, holds, sample, time);
            instance.counted_from = i64::MIN;
            if phase != instance.phase || phase != Phase::Ok {
                instance.value = Some((sample.clone(), reading.unit.map(Into::into)));
            }
            self.enter(at, phase, now, changes);
        }
    }

    /// Takes note of a message that was rejected at `now`.
    pub fn rejected(&mut self, topic: &str, reason: &str, now: i64, changes: &mut Vec<Change>) {
        if !self.watches_rejections {
            return;
        }
        let Some(number) = self.series_number(topic, None) else {
            return;
        };
        self.expect(number);
        for at in self.rejected_instances(number) {
            let instance = &mut self.instances[at];
            let rule = &self.settings.rules[usize::from(instance.rule)];
            let sample = Sample::Text(reason.to_owned());
            let phase = instance.after(rule, true, &sample, now);
            instance.value = Some((sample, None));
            self.enter(at, phase, now, changes);
        }
    }

    /// A message of the topic could be read.
    fn end_rejected(&mut self, topic: &str, now: i64, changes: &mut Vec<Change>) {
        if !self.watches_rejections {
            return;
        }
        if let Some(number) = self.series.find(topic, None) {
            for at in self.rejected_instances(number) {
                self.enter(at, Phase::Ok, now, changes);
            }
        }
    }

    /// Returns where the alerts of a series are.
    fn instances_of(&self, number: u32) -> Range<usize> {
        let slot = self.series.get(number);
        let first = slot.first_instance as usize;
        first..first + usize::from(slot.instances)
    }

    /// Returns where those about rejected messages are.
    fn rejected_instances(&self, number: u32) -> Vec<usize> {
        let is_rejected = |at: &usize| {
            let rule = usize::from(self.instances[*at].rule);
            self.settings.rules[rule].condition == Condition::Rejected
        };
        self.instances_of(number).filter(is_rejected).collect()
    }

    /// Puts an alert into a state; a new state is a change.
    fn enter(&mut self, at: usize, phase: Phase, now: i64, changes: &mut Vec<Change>) {
        let instance = &mut self.instances[at];
        if phase == instance.phase {
            return;
        }
        let before = std::mem::replace(&mut instance.phase, phase);
        let rule = &self.settings.rules[usize::from(instance.rule)];
        let slot = self.series.get(instance.series);
        changes.push(self.reporter.step(rule, slot, instance, before, now));
    }

    /// Decides what time alone decides: silence, conditions that have held for long enough, and
    /// repeated reports. `elapsed` is the time since the last call by a clock that never jumps.
    pub fn tick(&mut self, now: i64, elapsed: Duration, changes: &mut Vec<Change>) {
        let jump = now - self.last_tick - millis(elapsed);
        self.last_tick = now;
        if jump.abs() > CLOCK_JUMP {
            self.clock_jumped(now);
        }
        self.begin_silences(now, changes);
        self.advance_instances(now, changes);
        self.repeat_silences(now, changes);
    }

    /// After a jump of the clock, silence is counted from now, and nothing lies in the future.
    fn clock_jumped(&mut self, now: i64) {
        self.counted_from = now;
        for (_, slot) in self.series.iter_mut() {
            slot.newest = slot.newest.min(now);
        }
        for instance in &mut self.instances {
            match &mut instance.phase {
                Phase::Pending { since } => *since = (*since).min(now),
                Phase::Firing { reported, .. } => *reported = (*reported).min(now),
                Phase::Ok => {}
            }
        }
    }

    fn begin_silences(&mut self, now: i64, changes: &mut Vec<Change>) {
        if !self.connected || self.settings.silence.is_empty() {
            return;
        }
        for (number, slot) in self.series.iter_mut() {
            let Some(rule) = slot.silence.filter(|_| !slot.silent) else {
                continue;
            };
            let after = self.settings.silence[usize::from(rule.get()) - 1].after;
            let Some(limit) = silence::limit(after, slot.interval) else {
                continue;
            };
            if now.saturating_sub(slot.newest.max(self.counted_from)) < limit {
                continue;
            }
            slot.silent = true;
            let since = if slot.newest == i64::MIN {
                self.counted_from
            } else {
                slot.newest
            };
            let phase = Phase::Firing {
                since,
                reported: now,
            };
            self.silent.insert(number, phase);
            changes.push(self.reporter.silent(slot, phase, false, now));
        }
    }

    fn advance_instances(&mut self, now: i64, changes: &mut Vec<Change>) {
        let repeat = self.settings.repeat.map(millis);
        for at in 0..self.instances.len() {
            let instance = &self.instances[at];
            let rule = &self.settings.rules[usize::from(instance.rule)];
            let is_due = match instance.phase {
                Phase::Ok => false,
                Phase::Pending { since } => {
                    now - since.max(instance.counted_from) >= millis(rule.lasting)
                }
                Phase::Firing { reported, .. } => {
                    repeat.is_some_and(|after| now - reported >= after)
                }
            };
            if let (true, Phase::Pending { since } | Phase::Firing { since, .. }) =
                (is_due, instance.phase)
            {
                let reported = now;
                self.enter(at, Phase::Firing { since, reported }, now, changes);
            }
        }
    }

    fn repeat_silences(&mut self, now: i64, changes: &mut Vec<Change>) {
        let Some(repeat) = self.settings.repeat.map(millis) else {
            return;
        };
        for (number, phase) in &mut self.silent {
            if let Phase::Firing { reported, .. } = phase
                && now - *reported >= repeat
            {
                *reported = now;
                changes.push(
                    self.reporter
                        .silent(self.series.get(*number), *phase, true, now),
                );
            }
        }
    }

    fn end_silence(
        &mut self,
        number: u32,
        reading: &Observation<'_>,
        now: i64,
        changes: &mut Vec<Change>,
    ) {
        self.series.get_mut(number).silent = false;
        if let Some(before) = self.silent.remove(&number) {
            let slot = self.series.get(number);
            changes.push(self.reporter.back(slot, before, reading, now));
        }
    }

    /// Whether the newest reading of a series is older than its rule allows.
    fn is_silent(&self, number: u32, now: i64) -> bool {
        let slot = self.series.get(number);
        let Some(rule) = slot.silence else {
            return false;
        };
        let after = self.settings.silence[usize::from(rule.get()) - 1].after;
        silence::limit(after, slot.interval).is_some_and(|limit| now - slot.newest >= limit)
    }

    /// Returns the number of a series that a rule watches.
    fn series_number(&mut self, topic: &str, metric: Option<&str>) -> Option<u32> {
        if let Some(number) = self.series.find(topic, metric) {
            return Some(number);
        }
        let rules = (0u16..).zip(&self.settings.rules);
        let rules: Vec<_> = rules
            .filter(|(_, rule)| rule.watches(topic, metric))
            .collect();
        let position = self
            .settings
            .silence
            .iter()
            .position(|rule| rule.watches(topic, metric));
        if rules.is_empty() && position.is_none() {
            return None;
        }
        let number = self.series.add(topic, metric)?;
        let slot = self.series.get_mut(number);
        slot.silence = position
            .and_then(|position| u8::try_from(position + 1).ok())
            .and_then(NonZeroU8::new);
        slot.first_instance = u32::try_from(self.instances.len()).unwrap_or(u32::MAX);
        slot.instances = u16::try_from(rules.len()).unwrap_or(u16::MAX);
        let instances = rules
            .into_iter()
            .map(|(at, rule)| Instance::new(at, rule, number));
        self.instances.extend(instances);
        Some(number)
    }
}
