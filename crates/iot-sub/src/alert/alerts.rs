//! What the pipeline calls: each reading, each commit, each connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use iot_alert::{
    AlertFile, Change, Engine, FileError, Observation, STORE, Sample, Seen, SeenBefore, Tag,
};
use iot_core::{ClientConfig, Message};
use iot_store::read::{Row, SeriesFilter};
use iot_store::sqlite::private_file;
use iot_store::{Entry, Value};

use super::courier::{Courier, Shared};
use super::coverage::Coverage;
use super::delivery::Delivery;
use super::exec::Program;
use super::history::History;
use super::lines::Lines;
use super::mqtt::Mqtt;
use super::plan::AlertPlan;
use super::source::Source;
use super::url::Url;
use crate::clock;
use crate::failpoint::{self, Point};
use crate::output::Messages;
use crate::watch::alert_numbers::AlertNumbers;

/// Most reports that wait for one destination.
const OUTBOX_LIMIT: u64 = 10_000;
/// How often time alone is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long the end of the program waits for reports that can be delivered.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Watches readings, and reports changes.
#[derive(Debug)]
pub(crate) struct Alerts {
    plan: AlertPlan,
    state: Mutex<State>,
    /// Whether there are changes that are not on disk.
    has_changes: AtomicBool,
    shared: Arc<Shared>,
    coverage: Coverage,
    messages: Messages,
    numbers: Arc<AlertNumbers>,
}

#[derive(Debug)]
struct State {
    engine: Engine,
    changes: Vec<Change>,
    /// Messages whose changes are among these, or on disk.
    seen: Seen,
    seen_before: SeenBefore,
    /// The fault of the file that was reported.
    fault: Option<String>,
    /// Whether it was reported that there are too many series.
    reported_unwatched: bool,
}

/// Where the readings of a message come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// What tells the message from others; `None` if it cannot come again.
    tag: Option<Tag>,
    /// The broker had kept it.
    is_retained: bool,
    /// The broker has delivered it before.
    is_again: bool,
}

impl Origin {
    pub(crate) fn of(message: &Message) -> Self {
        Self::with(message, || message.fingerprint())
    }

    /// Returns the origin of a message with this fingerprint.
    pub(crate) fn with(message: &Message, fingerprint: impl FnOnce() -> u64) -> Self {
        Self {
            tag: message.packet_id.map(|id| Tag {
                packet_id: id.get(),
                fingerprint: fingerprint(),
            }),
            is_retained: message.retain,
            is_again: message.dup,
        }
    }
}

/// The threads of alerts, which end with this.
pub(crate) struct AlertThreads {
    alerts: Arc<Alerts>,
    couriers: Vec<JoinHandle<()>>,
    ticker: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Alerts {
    /// Opens the file at `path`, and starts the threads. `config` is for publishing, `store` for
    /// what has happened, and `seen` for messages that may come again.
    ///
    /// # Errors
    /// The file cannot be used, or a thread cannot be started.
    pub(super) fn start(
        plan: AlertPlan,
        path: &std::path::Path,
        config: &ClientConfig,
        store: Option<Source>,
        seen: Seen,
        messages: &Messages,
    ) -> Result<AlertThreads> {
        let deliveries = deliveries(&plan, config, store, messages);
        let names = deliveries
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let cannot = || format!("cannot use the file of alerts `{}`", path.display());
        // One that cannot be made is reported where it is opened.
        let _ = private_file::create_unless_there(path);
        let file = AlertFile::open(path, names, OUTBOX_LIMIT);
        let file = file.map_err(explain).with_context(cannot)?;
        let now = clock::now().timestamp_millis();
        let mut engine = Engine::new(plan.settings.clone(), now);
        let changes = engine.restore(file.states().with_context(cannot)?, now);
        let seen = file.seen(seen).with_context(cannot)?;
        let shared = Arc::new(Shared::new(file));
        let destinations = deliveries.iter().map(|(name, _)| *name);
        let numbers = Arc::new(AlertNumbers::new(destinations));
        let alerts = Arc::new(Self {
            coverage: Coverage::new(&plan.settings, messages),
            plan,
            has_changes: AtomicBool::new(!changes.is_empty()),
            state: Mutex::new(State {
                engine,
                changes,
                seen_before: seen.before(),
                seen,
                fault: None,
                reported_unwatched: false,
            }),
            shared: Arc::clone(&shared),
            messages: messages.clone(),
            numbers: Arc::clone(&numbers),
        });
        alerts.commit();
        let couriers = { deliveries.into_iter().zip(numbers.destinations()) };
        let couriers = couriers.map(|((destination, delivery), numbers)| {
            let courier = Courier {
                destination,
                delivery,
                shared: Arc::clone(&shared),
                messages: messages.clone(),
                numbers: Arc::clone(numbers),
            };
            courier.start()
        });
        let couriers = couriers.collect::<Result<_>>()?;
        let ticker = Some(start_ticker(Arc::clone(&alerts))?);
        Ok(AlertThreads {
            alerts,
            couriers,
            ticker,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this topic is one that alerts are published to: such a message is no reading.
    pub(crate) fn is_own_topic(&self, topic: &str) -> bool {
        self.plan.is_own_topic(topic)
    }

    /// Takes note of a series that the store knows.
    pub(crate) fn known_series(&self, topic: &str, metric: Option<&str>, newest: DateTime<Utc>) {
        self.coverage.known(topic, metric);
        let newest = newest.timestamp_millis();
        self.state().engine.known_series(topic, metric, newest);
    }

    /// Returns which stored readings conditions look back to, and how far.
    pub(crate) fn look_back(&self) -> Vec<(SeriesFilter, Duration)> {
        let rules = self.plan.settings.rules.iter();
        rules
            .filter_map(|rule| Some((rule.filter.clone(), rule.looks_back()?)))
            .collect()
    }

    /// Takes note of a stored reading, for conditions that look back. Live readings come later.
    pub(crate) fn recall(&self, row: &Row) {
        let key = (&*row.key.topic, row.key.metric.as_deref());
        let time = row.time.timestamp_millis();
        let observation = observation(key, row.unit.as_deref(), &row.value, time);
        self.state().engine.recall(&observation);
    }

    /// Takes what a message became, received at `now`. A message that comes again, and that was
    /// looked at by an earlier run, is skipped: its changes are in the file.
    pub(crate) fn observe(&self, entry: &Entry, origin: Origin, now: DateTime<Utc>) {
        self.coverage.observe(entry.readings());
        let mut state = self.state();
        if let Some(tag) = origin.tag {
            state.seen.add(tag);
            if state.seen_before.take(tag) && origin.is_again {
                return;
            }
        }
        let State {
            engine, changes, ..
        } = &mut *state;
        if let Some(rejection) = entry.as_rejection() {
            self.coverage.rejected(&rejection.topic);
            let (topic, reason) = (&*rejection.topic, &*rejection.reason);
            engine.rejected(topic, reason, now.timestamp_millis(), changes);
        }
        for reading in entry.readings() {
            let time = reading.reg_date.timestamp_millis();
            let key = (&*reading.topic, reading.metric.as_deref());
            let mut observation = observation(key, reading.unit.as_deref(), &reading.value, time);
            observation.retained = origin.is_retained;
            engine.observe(&observation, now.timestamp_millis(), changes);
        }
        self.note(&state.changes);
    }

    /// Takes note of whether messages can arrive.
    pub(crate) fn set_connected(&self, connected: bool) {
        self.coverage.set_connected(connected);
        let now = clock::now().timestamp_millis();
        self.state().engine.set_connected(connected, now);
    }

    fn note(&self, changes: &[Change]) {
        if !changes.is_empty() {
            self.has_changes.store(true, Ordering::Release);
        }
    }

    /// Writes changes to disk. It is called before the readings that caused them are committed.
    ///
    /// If the disk is full, readings are stored all the same, and the changes are kept in memory.
    pub(crate) fn commit(&self) {
        if !self.has_changes.load(Ordering::Acquire) {
            return;
        }
        // Held until the changes are on disk: another caller waits for these, too, and commits stay
        // in order. Readings go on meanwhile.
        let mut file = self.shared.file();
        let (mut changes, seen) = {
            let mut state = self.state();
            (std::mem::take(&mut state.changes), state.seen.to_bytes())
        };
        if changes.is_empty() {
            return;
        }
        failpoint::pass(Point::BeforeAlertCommit);
        let result = file.commit(&changes, &seen);
        let mut state = self.state();
        match result {
            Ok(()) => {
                failpoint::pass(Point::AfterAlertCommit);
                let has_changes = !state.changes.is_empty();
                self.has_changes.store(has_changes, Ordering::Release);
                let was_faulty = state.fault.take().is_some();
                drop(state);
                drop(file);
                if was_faulty {
                    self.messages.report(&"alerts are written again");
                }
                self.shared.notify();
            }
            Err(error) => {
                changes.append(&mut state.changes);
                state.changes = changes;
                let fault = error.to_string();
                if state.fault.as_ref() != Some(&fault) {
                    self.messages.report(&format_args!(
                        "cannot write alerts: {fault} (kept in memory, and tried again)"
                    ));
                    state.fault = Some(fault);
                }
            }
        }
    }

    fn tick(&self, elapsed: Duration) {
        self.coverage.tick(elapsed);
        // Before the wait for the lock, which would look like a jump of the clock.
        let now = clock::now().timestamp_millis();
        let mut state = self.state();
        let State {
            engine,
            changes,
            reported_unwatched,
            ..
        } = &mut *state;
        engine.tick(now, elapsed, changes);
        self.note(changes);
        let (firing, pending) = engine.counts();
        self.numbers.set(firing, pending);
        if engine.unwatched() > 0 && !*reported_unwatched {
            *reported_unwatched = true;
            self.messages.report(&format_args!(
                "there are more series than alerts have memory for: only the first {} are watched",
                engine.watched()
            ));
        }
        drop(state);
        self.commit();
    }
}

/// Returns in words why the file cannot be used.
fn explain(error: FileError) -> anyhow::Error {
    match error {
        FileError::Sqlite(error) => iot_store::sqlite::failure::explain(error),
        error => error.into(),
    }
}

fn observation<'a>(
    (topic, metric): (&'a str, Option<&'a str>),
    unit: Option<&'a str>,
    value: &Value,
    time: i64,
) -> Observation<'a> {
    Observation {
        topic,
        metric,
        unit,
        sample: sample(value),
        time,
        retained: false,
    }
}

fn sample(value: &Value) -> Option<Sample> {
    match value {
        Value::Number(number) => Some(Sample::Number(*number)),
        Value::Text(text) => Some(Sample::Text(text.clone())),
        Value::Json(json) => Sample::from_json(json),
    }
}

/// Returns the destinations with their names in the file.
fn deliveries(
    plan: &AlertPlan,
    config: &ClientConfig,
    store: Option<Source>,
    messages: &Messages,
) -> Vec<(&'static str, Box<dyn Delivery>)> {
    let mut deliveries: Vec<(&'static str, Box<dyn Delivery>)> =
        vec![("stderr", Box::new(Lines(messages.clone())))];
    if let Some(store) = store {
        deliveries.push((STORE, Box::new(History::new(store))));
    }
    if let Some(topic) = &plan.topic {
        let mqtt = Mqtt::new(config.clone(), topic.clone(), plan.discovery.clone());
        deliveries.push(("mqtt", Box::new(mqtt)));
    }
    if let Some(exec) = &plan.exec {
        deliveries.push(("exec", Box::new(Program::new(exec.clone()))));
    }
    if let Some((url, format)) = &plan.url {
        deliveries.push(("url", Box::new(Url::new(url.clone(), *format))));
    }
    deliveries
}

fn start_ticker(alerts: Arc<Alerts>) -> Result<(mpsc::Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = mpsc::channel::<()>();
    let ticker = std::thread::Builder::new().name("alerts".into());
    let ticker = ticker.spawn(move || {
        let mut last = Instant::now();
        while stopped.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
            let now = Instant::now();
            alerts.tick(clock::passed(now - last));
            last = now;
        }
    });
    Ok((stop, ticker.context("cannot start a thread")?))
}

impl AlertThreads {
    /// Returns how many alerts are firing, and what became of reports.
    pub(crate) fn numbers(&self) -> Arc<AlertNumbers> {
        Arc::clone(&self.alerts.numbers)
    }

    /// Returns what the pipeline calls.
    pub(crate) fn alerts(&self) -> Arc<Alerts> {
        Arc::clone(&self.alerts)
    }

    /// Delivers what can be delivered at once, and ends the threads. The rest is delivered by the
    /// next run.
    pub(crate) fn finish(mut self) {
        if let Some((stop, ticker)) = self.ticker.take() {
            drop(stop);
            let _ = ticker.join();
        }
        self.alerts.coverage.finish();
        self.alerts.commit();
        self.alerts.shared.end(Instant::now() + END_TIMEOUT);
        for courier in self.couriers.drain(..) {
            let _ = courier.join();
        }
    }
}
