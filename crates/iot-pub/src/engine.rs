//! Publishes over 1 to N connections, as planned.
//!
//! The schedule is open: it never waits for an acknowledgement, so a slow broker shows as latency,
//! which counts from when a message was due. The schedule waits only for a connection whose queue
//! is full, and the messages after that keep their due times. Observers print the messages or
//! measure them.

mod coalesce;
pub(crate) mod counts;
mod driver;
mod edge_sessions;
mod file_limit;
mod link;
mod notices;
pub(crate) mod observer;
pub(crate) mod outcome;
mod publisher;
mod shared;
mod subscriber;
mod timer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use iot_cli::{Signals, notify};
use iot_core::{Connection, Handle};
use tokio::task::JoinSet;

use crate::device::Device;
use crate::name::NAME;
use crate::plan::Plan;
use crate::report::progress::{self, Progress};
use crate::verify::verifier::Verifier;
use coalesce::AckCoalescer;
use counts::messages_were;
use link::Link;
use notices::BrokerNotices;
use observer::Observer;
use outcome::Outcome;
use publisher::{Next, Publisher};
use shared::{RunState, Shared};
use subscriber::Subscriptions;
use timer::Timer;

/// How long the engine waits for acknowledgements after Ctrl-C.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of that passes before it reports what it waits for.
const DRAIN_NOTICE_DELAY: Duration = Duration::from_secs(1);
/// How long nothing may arrive before what is missing counts as lost.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the engine looks whether stdout is read.
const READ_INTERVAL: Duration = Duration::from_millis(5);
/// How long the broker may take to close the connections, and the reader of stdout to read what is
/// left.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The same after a second Ctrl-C.
const SHORT_DISCONNECT_TIMEOUT: Duration = Duration::from_millis(200);

/// Publishes as planned, and has the observers watch it.
///
/// # Errors
/// What prevents or ends the run, and what is missing at its end.
pub(crate) async fn run(plan: Plan, observers: Vec<Box<dyn Observer>>) -> Result<()> {
    file_limit::check(plan.connections + usize::from(plan.load.verify))?;
    let mut signals = Signals::listen()?;
    let mut engine = Engine::new(plan, observers);
    engine.subscribe()?;
    let end = engine.work(&mut signals).await;
    engine.finish(end, &mut signals).await
}

/// How a run without an error ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All is done, or a signal asked for the end.
    Complete,
    /// A second signal asks for the end at once.
    Now,
}

/// What the engine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The verifier subscribes.
    Subscribing,
    /// Makes the connections, the first of them at this time.
    Connecting(Instant),
    Publishing,
    /// Waits for acknowledgements; not for ever after a signal or an error.
    Draining(Option<DrainLimits>),
    /// Waits for the arrival of what was published.
    Verifying,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DrainLimits {
    /// When to report what is waited for; `None` after that.
    notice: Option<Instant>,
    deadline: Instant,
}

struct Engine {
    plan: Plan,
    shared: Arc<Shared>,
    /// Drive the connections.
    tasks: JoinSet<()>,
    /// The verifier's connection.
    subscriber: Option<Handle>,
    publisher: Publisher,
    phase: Phase,
    timer: Timer,
    progress: Progress,
    /// The phase in which a signal has come.
    stopped_in: Option<Phase>,
    /// What to press to end at once.
    end_key: &'static str,
    /// The error that ended publishing.
    error: Option<anyhow::Error>,
}

impl Engine {
    fn new(mut plan: Plan, observers: Vec<Box<dyn Observer>>) -> Self {
        let verifier = plan.load.verify.then(|| Verifier::new(&plan.devices));
        let edge_nodes = std::mem::take(&mut plan.edge_nodes);
        let mut state = RunState::new(BrokerNotices::new(&plan), edge_nodes, verifier, observers);
        state.confirms = plan.config.confirm_interval.is_some();
        // Load is worth a line, and so are lines, of which there may be many.
        let is_progress_shown = plan.load.is_load() || plan.is_lines;
        Self {
            shared: Shared::new(state),
            tasks: JoinSet::new(),
            subscriber: None,
            publisher: Publisher::new(&mut plan),
            phase: Phase::Connecting(Instant::now()),
            timer: Timer::new(),
            progress: Progress::new(is_progress_shown),
            stopped_in: None,
            end_key: "Ctrl-C",
            error: None,
            plan,
        }
    }

    /// Makes the verifier's connection, if there is a verifier.
    fn subscribe(&mut self) -> Result<()> {
        if !self.plan.load.verify {
            return Ok(());
        }
        let mut config = self.plan.config.clone();
        config.client_id = String::new();
        // What it misses while it is away counts as lost, so it needs no session.
        config.clean_session = true;
        let connection = Connection::new(config)?;
        self.subscriber = Some(connection.handle());
        let subscriptions = Subscriptions::new(self.publisher.devices(), self.plan.fail_fast)?;
        let shared = Arc::clone(&self.shared);
        self.tasks
            .spawn(subscriber::drive(shared, connection, subscriptions));
        self.phase = Phase::Subscribing;
        Ok(())
    }

    /// Runs until everything is published and acknowledged, or a signal asks for the end.
    async fn work(&mut self, signals: &mut Signals) -> Result<End> {
        let shared = Arc::clone(&self.shared);
        loop {
            let wake = self.step(Instant::now())?;
            if self.phase == Phase::Done {
                return self.error.take().map_or(Ok(End::Complete), Err);
            }
            self.timer
                .set(wake.into_iter().chain(self.progress.next()).min());
            tokio::select! {
                () = shared.changed.notified() => {}
                () = self.timer.expired() => {}
                () = self.publisher.ready() => {}
                () = signals.next() => {
                    if self.stopped_in.is_some() {
                        return Ok(End::Now);
                    }
                    self.stopped_in = Some(self.phase);
                    self.end_key = signals.key();
                    self.stop(Instant::now());
                }
            }
        }
    }

    /// Publishes nothing more, and gives what was published some time to be acknowledged.
    fn stop(&mut self, now: Instant) {
        let mut state = self.shared.lock();
        self.publisher.forget_held(&mut state);
        self.phase = Phase::Draining(Some(DrainLimits {
            notice: Some(now + DRAIN_NOTICE_DELAY),
            deadline: now + DRAIN_TIMEOUT,
        }));
    }

    /// Does what is due, and returns when to look again if nothing happens before.
    fn step(&mut self, now: Instant) -> Result<Option<Instant>> {
        if let Some(failure) = self.shared.lock().failure.take() {
            return Err(failure);
        }
        self.show_progress(now);
        loop {
            let phase = self.phase;
            let wake = match phase {
                Phase::Subscribing => {
                    self.subscribed(now);
                    None
                }
                Phase::Connecting(since) => self.connect(since, now)?,
                Phase::Publishing => self.publish(now),
                Phase::Draining(limits) => self.drain(limits, now),
                Phase::Verifying => self.verify(now),
                Phase::Done => None,
            };
            if self.phase == phase {
                return Ok(wake);
            }
        }
    }

    fn subscribed(&mut self, now: Instant) {
        let state = self.shared.lock();
        if state
            .verification
            .as_ref()
            .is_none_or(|verification| verification.is_subscribed)
        {
            self.phase = Phase::Connecting(now);
        }
    }

    /// Makes the connections that are due. Publishing starts when all are accepted.
    fn connect(&mut self, since: Instant, now: Instant) -> Result<Option<Instant>> {
        let mut state = self.shared.lock();
        let load = &self.plan.load;
        while state.links.len() < self.plan.connections {
            let index = state.links.len();
            let due = since.checked_add(load.connect_rate.due(index as u64));
            if due.is_none_or(|due| due > now) {
                return Ok(due);
            }
            let mut config = self.plan.config.clone();
            if let Some(prefix) = &load.id_prefix {
                config.client_id = format!("{prefix}{}", index + 1);
            } else if self.plan.connections > 1 {
                config.client_id = String::new();
            }
            if let Some(node) = state.edge_nodes.get(index) {
                config.clean_session = true;
                config.will = Some(node.will()?);
            }
            let connection = Connection::new(config)?;
            state.links.push(Link::new(connection.handle()));
            // With many connections, there is work while one waits; and a pause changes latency.
            let coalescer = AckCoalescer::new(self.plan.connections == 1 && load.report.is_none());
            let shared = Arc::clone(&self.shared);
            self.tasks
                .spawn(driver::drive(shared, index, connection, coalescer));
        }
        let gives_up = self.plan.gives_up_after.filter(|_| state.connected == 0);
        let gives_up = gives_up.and_then(|timeout| since.checked_add(timeout));
        if let Some(at) = gives_up {
            return if now >= at {
                Err(state.notices.given_up())
            } else {
                Ok(Some(at))
            };
        }
        if state.connected == state.links.len() {
            let connections = state.connected;
            for observer in &mut state.observers {
                observer.started(connections, now);
            }
            self.publisher.start(now);
            self.progress.start(now);
            self.phase = Phase::Publishing;
        }
        Ok(None)
    }

    fn publish(&mut self, now: Instant) -> Option<Instant> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        let properties = &self.plan.properties;
        match self.publisher.publish(&mut state, properties, now) {
            Ok(Next::At(at)) => return Some(at),
            Ok(Next::Event) => {}
            Ok(Next::Over) => self.phase = Phase::Draining(None),
            Err(error) => {
                // What was published before that gets its time as well.
                drop(state);
                self.error = Some(error);
                self.stop(now);
            }
        }
        None
    }

    fn drain(&mut self, limits: Option<DrainLimits>, now: Instant) -> Option<Instant> {
        let mut state = self.shared.lock();
        let pending = state.counts.pending;
        if pending == 0 || limits.is_some_and(|limits| now >= limits.deadline) {
            self.phase = match &mut state.verification {
                Some(verification) => {
                    verification.verifier.wait_from(now);
                    Phase::Verifying
                }
                None => Phase::Done,
            };
            return None;
        }
        let limits = limits?;
        match limits.notice {
            Some(notice) if now >= notice => {
                notify(
                    NAME,
                    &format!(
                        "{} not acknowledged yet: waiting for the broker, up to {} s; {} ends now",
                        messages_were(pending),
                        DRAIN_TIMEOUT.as_secs(),
                        self.end_key
                    ),
                );
                self.phase = Phase::Draining(Some(DrainLimits {
                    notice: None,
                    ..limits
                }));
                None
            }
            notice => notice.or(Some(limits.deadline)),
        }
    }

    fn verify(&mut self, now: Instant) -> Option<Instant> {
        let state = self.shared.lock();
        let verifier = state.verification.as_ref().map(|it| &it.verifier);
        let verifier = verifier.filter(|verifier| !verifier.is_complete());
        let until = verifier.map(|verifier| verifier.last_arrival() + ARRIVAL_TIMEOUT);
        if until.is_none_or(|until| now >= until) {
            self.phase = Phase::Done;
        }
        until
    }

    fn show_progress(&mut self, now: Instant) {
        let (plan, phase, shared) = (&self.plan, self.phase, &self.shared);
        let devices = self.publisher.devices();
        self.progress.show(now, |elapsed| {
            let state = shared.lock();
            match phase {
                Phase::Subscribing => "subscribing".into(),
                Phase::Connecting(_) => format!(
                    "{} of {} connections are open",
                    state.connected, plan.connections
                ),
                _ => {
                    let counts = &state.counts;
                    let missing = counts.rejected + counts.dropped;
                    let done = counts.messages.saturating_sub(counts.pending + missing);
                    let share = [
                        plan.count.map(|count| ratio(counts.messages, count)),
                        plan.load.duration.map(|all| elapsed.div_duration_f64(all)),
                        devices.first().and_then(Device::share),
                    ];
                    let share = share.into_iter().flatten().reduce(f64::max);
                    progress::line(share, elapsed, [done, counts.pending, missing])
                }
            }
        });
    }

    /// Closes the connections, has the observers finish, and says what is missing.
    async fn finish(mut self, end: Result<End>, signals: &mut Signals) -> Result<()> {
        self.progress.clear();
        // The time to disconnect is not added to that of draining.
        let is_silent = self.shared.lock().counts.pending > 0;
        let timeout = match end {
            Ok(End::Now) => SHORT_DISCONNECT_TIMEOUT,
            Ok(End::Complete) if is_silent => SHORT_DISCONNECT_TIMEOUT,
            _ => DISCONNECT_TIMEOUT,
        };
        self.disconnect(timeout, signals).await;
        if let Ok(End::Complete) = end {
            self.wait_for_reader(signals).await;
        }
        let mut state = self.shared.lock();
        state.closed();
        let devices = self.publisher.devices();
        let qos = devices.iter().map(|device| device.qos).max();
        let verification = state.verification.take();
        let outcome = Outcome {
            connections: self.plan.connections,
            devices: devices.len(),
            qos: qos.unwrap_or_default(),
            counts: state.counts.clone(),
            verdict: verification.map(|verification| verification.verifier.finish()),
            is_bounded: self.publisher.is_bounded(),
        };
        let mut printed = Ok(());
        for observer in &mut state.observers {
            printed = printed.and(observer.done(&outcome, timeout));
        }
        for notice in devices.iter().filter_map(Device::last_notice) {
            notify(NAME, &notice);
        }
        if end.is_ok() && self.is_cut_short(outcome.counts.messages) {
            return Err(outcome.interrupted(signals.exit_code(), self.plan.count));
        }
        outcome.judge(end.map(|_| ())).and(printed)
    }

    /// Returns whether a signal has ended what has an end of its own, or anything before its start.
    fn is_cut_short(&self, messages: u64) -> bool {
        self.stopped_in.is_some_and(|phase| {
            let is_started = !matches!(phase, Phase::Subscribing | Phase::Connecting(_));
            !is_started || self.plan.is_lines || self.publisher.has_messages_left(messages)
        })
    }

    /// Waits until all output is read, or a signal comes.
    async fn wait_for_reader(&self, signals: &mut Signals) {
        let is_read = || {
            let state = self.shared.lock();
            state.observers.iter().all(|observer| observer.is_read())
        };
        while !is_read() {
            tokio::select! {
                () = tokio::time::sleep(READ_INTERVAL) => {}
                () = signals.next() => return,
            }
        }
    }

    /// Sends DISCONNECT on all connections, and waits for the broker to close them.
    async fn disconnect(&mut self, timeout: Duration, signals: &mut Signals) {
        {
            let mut state = self.shared.lock();
            state.is_ending = true;
            state.end_edge_sessions();
            let links = state.links.iter().map(|link| &link.handle);
            for handle in links.chain(&self.subscriber) {
                self.plan.properties.disconnect(handle);
            }
        }
        let tasks = &mut self.tasks;
        let closed = async { while tasks.join_next().await.is_some() {} };
        // A broker that does not answer changes nothing.
        tokio::select! {
            () = closed => {}
            () = tokio::time::sleep(timeout) => {}
            () = signals.next() => {}
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for a bar of some characters")]
fn ratio(part: u64, all: u64) -> f64 {
    part as f64 / all as f64
}
