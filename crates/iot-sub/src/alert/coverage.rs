//! Whether the filters of alerts select what is meant: a filter that selects nothing, or several
//! values of a message, may be mistyped.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use iot_alert::{Condition, Settings};
use iot_store::Reading;
use iot_store::read::SeriesFilter;

use crate::output::Messages;

/// After which time with a broker a filter that has selected nothing is reported.
const AFTER: Duration = Duration::from_mins(1);
/// Most metrics in one line.
const METRICS_SHOWN: usize = 8;

/// Reports filters that select nothing, or several values of a message; each once.
#[derive(Debug)]
pub(super) struct Coverage {
    state: Mutex<State>,
    /// Nothing is to be reported about filters that select nothing.
    is_complete: AtomicBool,
    /// Nothing is to be reported about several values of a message.
    is_unambiguous: AtomicBool,
    messages: Messages,
}

#[derive(Debug)]
struct State {
    filters: Vec<Watched>,
    /// The time with a broker.
    passed: Duration,
    is_connected: bool,
    was_connected: bool,
}

/// A filter of an alert.
#[derive(Debug)]
struct Watched {
    /// What a person calls the alert.
    name: String,
    filter: SeriesFilter,
    has_selected: bool,
    /// The metrics of its topics, while the one that it names is not among them.
    metrics: BTreeSet<String>,
    /// One value is meant, and the filter does not say which.
    is_ambiguous: bool,
}

impl Coverage {
    pub(super) fn new(settings: &Settings, messages: &Messages) -> Self {
        let watched = |name: String, filter: &SeriesFilter, is_ambiguous| Watched {
            name,
            filter: filter.clone(),
            has_selected: false,
            metrics: BTreeSet::new(),
            is_ambiguous,
        };
        let rules = settings.rules.iter().map(|rule| {
            let is_one_value = rule.condition != Condition::Rejected;
            let is_ambiguous = is_one_value && rule.filter.metric().is_none();
            watched(format!("alert `{}`", rule.name), &rule.filter, is_ambiguous)
        });
        let silence = settings.silence.iter().filter_map(|rule| {
            let filter = rule.filter.as_ref()?;
            Some(watched("--silent-after".to_owned(), filter, false))
        });
        let filters: Vec<Watched> = rules.chain(silence).collect();
        Self {
            is_unambiguous: AtomicBool::new(is_unambiguous(&filters)),
            state: Mutex::new(State {
                filters,
                passed: Duration::ZERO,
                is_connected: false,
                was_connected: false,
            }),
            is_complete: AtomicBool::new(false),
            messages: messages.clone(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of the readings of one message.
    pub(super) fn observe(&self, readings: &[Reading]) {
        let has_one_value = readings.len() < 2 || self.is_unambiguous.load(Ordering::Relaxed);
        if has_one_value && self.is_complete.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        for watched in &mut state.filters {
            if let Some(line) = watched.observe(readings) {
                self.messages.report(&line);
            }
        }
        self.note(&state);
    }

    /// Takes note of a message that was rejected, which only an alert about that selects.
    pub(super) fn rejected(&self, topic: &str) {
        self.known(topic, None);
    }

    /// Takes note of a series that the store knows.
    pub(super) fn known(&self, topic: &str, metric: Option<&str>) {
        if self.is_complete.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        for watched in &mut state.filters {
            watched.add(topic, metric);
        }
        self.note(&state);
    }

    fn note(&self, state: &State) {
        let is_complete =
            state.is_over() || state.filters.iter().all(|watched| watched.has_selected);
        self.is_complete.store(is_complete, Ordering::Relaxed);
        let is_unambiguous = is_unambiguous(&state.filters);
        self.is_unambiguous.store(is_unambiguous, Ordering::Relaxed);
    }

    pub(super) fn set_connected(&self, connected: bool) {
        let mut state = self.state();
        state.is_connected = connected;
        state.was_connected |= connected;
    }

    /// Reports filters that have selected nothing for too long.
    pub(super) fn tick(&self, elapsed: Duration) {
        let mut state = self.state();
        if !state.is_connected {
            return;
        }
        if state.is_over() {
            return;
        }
        state.passed += elapsed;
        if state.is_over() {
            self.report(&state);
            self.note(&state);
        }
    }

    /// Reports filters that have selected nothing until the end, unless they are reported.
    pub(super) fn finish(&self) {
        let state = self.state();
        if state.was_connected && !state.is_over() {
            self.report(&state);
        }
    }

    fn report(&self, state: &State) {
        for watched in state.filters.iter().filter(|it| !it.has_selected) {
            self.messages.report(&watched.missing());
        }
    }
}

impl State {
    /// Whether filters that have selected nothing are reported.
    fn is_over(&self) -> bool {
        self.passed >= AFTER
    }
}

fn is_unambiguous(filters: &[Watched]) -> bool {
    filters.iter().all(|watched| !watched.is_ambiguous)
}

impl Watched {
    /// Returns a line if the message has several values, of which one is meant.
    fn observe(&mut self, readings: &[Reading]) -> Option<String> {
        for reading in readings {
            if self.has_selected {
                break;
            }
            self.add(&reading.topic, reading.metric.as_deref());
        }
        if !self.is_ambiguous || readings.len() < 2 {
            return None;
        }
        let first = readings
            .iter()
            .find(|reading| self.filter.matches_topic(&reading.topic))?;
        let same_topic = readings.iter().filter(|it| it.topic == first.topic);
        let metrics: BTreeSet<&str> = same_topic.filter_map(|it| it.metric.as_deref()).collect();
        let example = metrics.first().filter(|_| metrics.len() > 1)?;
        self.is_ambiguous = false;
        Some(format!(
            "{} watches each value of `{}`: {} (to watch one, write its name behind the topic, as in '{}#{example}')",
            self.name,
            first.topic,
            listed(metrics.iter()),
            self.filter
        ))
    }

    fn add(&mut self, topic: &str, metric: Option<&str>) {
        if self.has_selected || !self.filter.matches_topic(topic) {
            return;
        }
        if self.filter.selects(topic, metric) {
            self.has_selected = true;
            self.metrics.clear();
        } else if let Some(metric) = metric
            && self.metrics.len() <= METRICS_SHOWN
        {
            self.metrics.insert(metric.to_owned());
        }
    }

    fn missing(&self) -> String {
        let Self { name, filter, .. } = self;
        let line = format!("{name} has seen no reading of `{filter}`");
        if self.metrics.is_empty() {
            return line;
        }
        let metrics = listed(self.metrics.iter());
        format!("{line} (metrics of `{}`: {metrics})", filter.topic_filter())
    }
}

fn listed<T: std::fmt::Display>(metrics: impl ExactSizeIterator<Item = T>) -> String {
    let others = metrics.len() > METRICS_SHOWN;
    let names = metrics
        .take(METRICS_SHOWN)
        .map(|metric| format!("`{metric}`"));
    let names = names.collect::<Vec<_>>().join(", ");
    if others { names + " and others" } else { names }
}
