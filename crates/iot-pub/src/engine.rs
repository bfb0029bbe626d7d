//! Many devices over one connection or many, at a rate or at their intervals, with a report at the end.
//!
//! The schedule is open: it never waits for an acknowledgement, so a slow broker shows as latency, which counts from when
//! a message was due. Only where a connection's queue is full it waits, and the messages after that keep their due times.

pub(crate) mod coalesce;
pub(crate) mod counts;
mod file_limit;
pub(crate) mod state;
pub(crate) mod timer;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use iot_cli::{Signals, tell};
use iot_core::{Connection, Error, Handle, Message, QoS};
use tokio::task::JoinSet;

use crate::NAME;
use crate::device::Device;
use crate::engine::coalesce::Gatherer;
use crate::engine::counts::messages_were;
use crate::engine::timer::Alarm;
use crate::plan::Plan;
use crate::report::Report;
use crate::report::latency::Latency;
use crate::report::memory::{Gauge, Memory};
use crate::report::progress::{self, Progress};
use crate::schedule::Agenda;
use crate::verify::subscriber::{self, Wanted};
use crate::verify::verifier::{Verdict, Verifier};
use state::{Link, Shared, Stage, State};

/// Ticks that are due within this time are taken together: one wake, one write for all.
const GATHER: Duration = Duration::from_millis(1);
/// Messages that are published at a time, before the connections get their turn.
const BATCH: usize = 1000;
/// How long acknowledgements are waited for after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing may arrive before what is missing counts as lost.
const SILENCE: Duration = Duration::from_secs(5);
/// How long the broker may take to close the connections.
const GOODBYE: Duration = Duration::from_secs(3);
/// The same after a second Ctrl-C.
const SHORT_GOODBYE: Duration = Duration::from_millis(200);

/// Publishes as planned.
pub(crate) async fn run(plan: Plan) -> Result<()> {
    file_limit::check(plan.load.connections + usize::from(plan.load.verify))?;
    let mut signals = Signals::listen()?;
    let mut engine = Engine::new(plan);
    engine.subscribe()?;
    let end = engine.work(&mut signals).await;
    engine.end(end, &mut signals).await
}

/// Why nothing more is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All is done, or a signal asked for the end.
    InPeace,
    /// A second signal asks to end now.
    Now,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The verifier subscribes.
    Subscribing,
    /// Connections are made.
    Opening,
    Publishing,
    /// Acknowledgements are waited for; until then, after a signal.
    Settling(Option<Instant>),
    /// Arrivals are waited for.
    Arriving,
    Done,
}

struct Engine {
    plan: Plan,
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    /// The verifier's connection.
    subscriber: Option<Handle>,
    alarm: Alarm,
    progress: Progress,
    phase: Phase,
    agenda: Agenda,
    gauge: Gauge,
    /// Of the connections before anything was published.
    memory: Option<Memory>,
    /// When connecting began, and when publishing did.
    opening: Instant,
    start: Instant,
    /// Nothing is due from then on.
    until: Option<Instant>,
    last_batch: Option<Instant>,
    /// A message that found no room.
    held: Option<Ready>,
    messages: u64,
    lateness: Latency,
    /// Why nothing more is sent.
    error: Option<anyhow::Error>,
    /// A signal has come.
    stopped: bool,
}

/// A message whose time has come.
struct Ready {
    device: usize,
    message: Message,
    due: Instant,
}

impl Ready {
    fn new(state: &State, device: usize, mut message: Message, due: Instant) -> Self {
        if let Some(verifier) = &state.verifier {
            message.payload = verifier.payload(device, &message.payload, due);
        }
        Self {
            device,
            message,
            due,
        }
    }
}

impl Engine {
    fn new(mut plan: Plan) -> Self {
        let verifier = plan.load.verify.then(|| Verifier::new(&plan.devices));
        let address = plan.config.address();
        let state = State::new(address, plan.load.connections, plan.fail_fast, verifier);
        let now = Instant::now();
        Self {
            shared: Shared::new(state),
            tasks: JoinSet::new(),
            subscriber: None,
            alarm: Alarm::new(),
            progress: Progress::new(),
            phase: Phase::Opening,
            agenda: Agenda::new(std::mem::take(&mut plan.devices), plan.load.rate),
            gauge: Gauge::default(),
            memory: None,
            opening: now,
            start: now,
            until: None,
            last_batch: None,
            held: None,
            messages: 0,
            lateness: Latency::new(),
            error: None,
            stopped: false,
            plan,
        }
    }

    /// Has the verifier's connection made, where one is wanted.
    fn subscribe(&mut self) -> Result<()> {
        if self.plan.load.verify {
            let mut config = self.plan.config.clone();
            config.client_id = String::new();
            // What it missed while it was away is lost: it wants no session, and leaves none behind.
            config.clean_session = true;
            let connection = Connection::new(config)?;
            self.subscriber = Some(connection.handle());
            let wanted = Wanted::of(self.agenda.devices())?;
            let shared = Arc::clone(&self.shared);
            self.tasks
                .spawn(subscriber::drive(shared, connection, wanted));
            self.phase = Phase::Subscribing;
        }
        Ok(())
    }

    /// Sends until all is sent and acknowledged, or a signal asks for the end.
    async fn work(&mut self, signals: &mut Signals) -> Result<End> {
        let shared = Arc::clone(&self.shared);
        loop {
            let wake = self.step(Instant::now())?;
            if self.phase == Phase::Done {
                return self.error.take().map_or(Ok(End::InPeace), Err);
            }
            self.alarm.set(earliest(wake, self.progress.next()));
            tokio::select! {
                () = shared.news.notified() => {}
                () = self.alarm.ring() => {}
                () = self.agenda.ready() => {}
                () = signals.next() => {
                    if std::mem::replace(&mut self.stopped, true) {
                        return Ok(End::Now);
                    }
                    self.stop();
                }
            }
        }
    }

    /// After a signal: nothing new is sent, and what was sent gets its time.
    fn stop(&mut self) {
        if self.held.take().is_some() {
            self.messages -= 1;
        }
        let pending = self.shared.lock().counts.pending;
        if pending > 0 {
            tell(
                NAME,
                &format!(
                    "{} not acknowledged yet: waiting for the broker, up to {} s; Ctrl-C again ends now",
                    messages_were(pending),
                    PATIENCE.as_secs()
                ),
            );
        }
        self.settle(Some(Instant::now() + PATIENCE));
    }

    fn settle(&mut self, until: Option<Instant>) {
        self.phase = Phase::Settling(until);
        self.shared.lock().stage = Stage::Settling;
    }

    /// Does what is due, and returns when to look again if nothing happens before.
    fn step(&mut self, now: Instant) -> Result<Option<Instant>> {
        if let Some(failure) = self.shared.lock().failure.take() {
            return Err(failure);
        }
        self.show(now);
        loop {
            let phase = self.phase;
            let wake = match phase {
                Phase::Subscribing => {
                    if self.shared.lock().subscribed {
                        self.opening = now;
                        self.phase = Phase::Opening;
                    }
                    None
                }
                Phase::Opening => self.open(now)?,
                Phase::Publishing => self.publish(now).or_else(|error| {
                    // What was sent before that gets its time as well.
                    self.error = Some(error);
                    self.settle(None);
                    anyhow::Ok(None)
                })?,
                Phase::Settling(until) => self.settled(now, until),
                Phase::Arriving => self.arrived(now),
                Phase::Done => None,
            };
            if self.phase == phase {
                return Ok(wake);
            }
        }
    }

    /// Makes the connections whose turn it is. Publishing starts when all stand.
    fn open(&mut self, now: Instant) -> Result<Option<Instant>> {
        let mut state = self.shared.lock();
        if state.opened > 0 {
            self.gauge.first_stands(state.links.len());
        }
        while state.links.len() < self.plan.load.connections {
            let index = state.links.len();
            let due = self.plan.load.connect_rate.due(index as u64);
            let due = self.opening.checked_add(due);
            if due.is_none_or(|due| due > now) {
                return Ok(due);
            }
            let mut config = self.plan.config.clone();
            if let Some(prefix) = &self.plan.load.id_prefix {
                config.client_id = format!("{prefix}{}", index + 1);
            } else if self.plan.load.connections > 1 {
                config.client_id = String::new();
            }
            let connection = Connection::new(config)?;
            state.links.push(Link::new(connection.handle()));
            // Many connections are busy while one waits; and latency is measured as it is.
            let load = &self.plan.load;
            let is_measured = load.report.is_some() || load.verify;
            let gatherer = Gatherer::new(load.connections == 1 && !is_measured);
            let shared = Arc::clone(&self.shared);
            self.tasks
                .spawn(state::drive(shared, index, connection, gatherer));
        }
        if state.opened == state.links.len() {
            self.memory = self.gauge.all_stand(state.opened);
            self.start = now;
            let length = self.plan.load.duration;
            self.until = length.and_then(|length| now.checked_add(length));
            self.agenda.start(now);
            self.phase = Phase::Publishing;
        }
        Ok(None)
    }

    /// Whether nothing more is to be published.
    fn is_over(&self) -> bool {
        let is_all = self.plan.count.is_some_and(|count| self.messages >= count);
        let due = self.agenda.due();
        let is_late = self.until.zip(due).is_some_and(|(until, due)| due >= until);
        self.held.is_none() && (is_all || is_late || self.agenda.is_over())
    }

    /// Publishes what is due.
    fn publish(&mut self, now: Instant) -> Result<Option<Instant>> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        for done in 0..BATCH {
            if self.is_over() {
                drop(state);
                self.settle(None);
                return Ok(None);
            }
            if state.full {
                // Its connection tells.
                return Ok(None);
            }
            let ready = if let Some(held) = self.held.take() {
                held
            } else {
                let Some(due) = self.agenda.due() else {
                    return Ok(None);
                };
                let gathered = self.last_batch.map_or(due, |last| due.max(last + GATHER));
                if due > now || (done == 0 && gathered > now) {
                    return Ok(Some(gathered));
                }
                let Some((device, mut message)) = self.agenda.next()? else {
                    continue;
                };
                message.properties.clone_from(&self.plan.properties.publish);
                self.messages += 1;
                Ready::new(&state, device, message, due)
            };
            self.last_batch = Some(now);
            self.send(&mut state, now, ready)?;
        }
        Ok(Some(now))
    }

    fn send(&mut self, state: &mut State, now: Instant, ready: Ready) -> Result<()> {
        let Ready {
            device,
            message,
            due,
        } = &ready;
        let link = device % state.links.len();
        match state.links[link].handle.publish_tracked(message.clone()) {
            Ok(id) => {
                state.accepted(link, id, message.qos, *due);
                if let Some(verifier) = &mut state.verifier {
                    verifier.sent(*device, &message.topic, &message.payload, *due);
                }
                self.lateness.record(now.saturating_duration_since(*due));
            }
            Err(Error::NotConnected) => state.counts.dropped += 1,
            Err(Error::QueueFull { .. }) => {
                self.held = Some(ready);
                state.full = true;
                return Ok(());
            }
            Err(error) => {
                let topic = message.topic.as_str();
                return Err(error).with_context(|| format!("cannot publish to topic `{topic}`"));
            }
        }
        state.counts.skipped += self.agenda.advance(*device, now);
        Ok(())
    }

    fn settled(&mut self, now: Instant, until: Option<Instant>) -> Option<Instant> {
        let mut state = self.shared.lock();
        let is_over = until.is_some_and(|until| now >= until);
        if state.counts.pending > 0 && !is_over {
            return until;
        }
        match &mut state.verifier {
            Some(verifier) => {
                verifier.last_arrival = verifier.last_arrival.max(now);
                self.phase = Phase::Arriving;
            }
            None => self.phase = Phase::Done,
        }
        None
    }

    fn arrived(&mut self, now: Instant) -> Option<Instant> {
        let state = self.shared.lock();
        let verifier = state.verifier.as_ref().filter(|one| !one.is_complete());
        let until = verifier.map(|verifier| verifier.last_arrival + SILENCE);
        if until.is_none_or(|until| now >= until) {
            self.phase = Phase::Done;
        }
        until
    }

    fn show(&mut self, now: Instant) {
        let state = self.shared.lock();
        let (plan, phase) = (&self.plan, self.phase);
        let elapsed = now.saturating_duration_since(self.start);
        let messages = self.messages;
        self.progress.say(now, || match phase {
            Phase::Subscribing => "subscribing".into(),
            Phase::Opening => format!(
                "{} of {} connections stand",
                state.opened, plan.load.connections
            ),
            _ => {
                #[expect(clippy::cast_precision_loss, reason = "for a bar of some characters")]
                let by_count = plan.count.map(|count| messages as f64 / count as f64);
                let by_time = plan.load.duration;
                let by_time = by_time.map(|all| elapsed.as_secs_f64() / all.as_secs_f64());
                let share = match (by_count, by_time) {
                    (Some(count), Some(time)) => Some(count.max(time)),
                    (count, time) => count.or(time),
                };
                let counts = &state.counts;
                let missing = counts.failed + counts.dropped;
                progress::line(share, elapsed, [counts.sent, counts.pending, missing])
            }
        });
    }

    /// Says goodbye to the broker, reports, and says what is missing.
    async fn end(mut self, end: Result<End>, signals: &mut Signals) -> Result<()> {
        self.progress.clear();
        {
            let mut state = self.shared.lock();
            state.stage = Stage::Ending;
            let links = state.links.iter().map(|link| &link.handle);
            for handle in links.chain(&self.subscriber) {
                self.plan.properties.disconnect(handle);
            }
        }
        let patience = match end {
            Ok(End::Now) => SHORT_GOODBYE,
            _ => GOODBYE,
        };
        let tasks = &mut self.tasks;
        // A broker that doesn't answer the goodbye changes nothing.
        let goodbye = async { while tasks.join_next().await.is_some() {} };
        tokio::select! {
            () = goodbye => {}
            () = tokio::time::sleep(patience) => {}
            () = signals.next() => {}
        }
        let devices = self.agenda.devices();
        for words in devices.iter().filter_map(Device::last_words) {
            tell(NAME, &words);
        }
        let format = self.plan.load.report;
        let is_counted = self.plan.count.is_some() || self.agenda.is_over();
        let report = self.report();
        if let Some(format) = format {
            // Nobody reads it any more: the exit code still says how it went.
            let _ = io::stdout().write_all(report.text(format).as_bytes());
        }
        end?;
        report.judge(is_counted)
    }

    fn report(self) -> Report {
        let mut state = self.shared.lock();
        let verdict = state.verifier.take().map(Verifier::finish);
        let devices = self.agenda.devices();
        let qos = devices.iter().map(|device| device.qos).max();
        let done = state.last_done.saturating_duration_since(self.start);
        let planned = self.plan.load.rate.map(|rate| rate.due(self.messages));
        Report {
            connections: self.plan.load.connections,
            devices: devices.len(),
            losses: state.losses,
            memory: self.memory,
            qos: qos.unwrap_or_default(),
            counts: std::mem::take(&mut state.counts),
            messages: self.messages,
            elapsed: planned.map_or(done, |planned| planned.max(done)),
            asked: self.plan.load.rate,
            latency: std::mem::replace(&mut state.latency, Latency::new()),
            lateness: self.lateness,
            verdict,
        }
    }
}

impl Report {
    /// Fails with what is missing. QoS 0 promises nothing to a publisher that just goes on (`counted` is false).
    fn judge(&self, counted: bool) -> Result<()> {
        if let Some(complaint) = self.verdict.as_ref().and_then(Verdict::complaint) {
            bail!("verified, of {} messages: {complaint}", self.messages);
        }
        let missing = crate::engine::counts::Counts {
            messages: self.messages,
            pending: self.counts.pending,
            dropped: self.counts.dropped,
            rejected: self.counts.failed,
        };
        let Some(missing) = missing.missing(self.qos) else {
            return Ok(());
        };
        if self.qos == QoS::AtMostOnce && !counted && self.counts.failed == 0 {
            tell(NAME, &missing);
            return Ok(());
        }
        bail!(missing)
    }
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::device::Device;

    /// A device that publishes `1` every second.
    pub(crate) fn device(name: &str) -> Device {
        use clap::Parser;

        use crate::what::WhatArgs;

        #[derive(Parser)]
        struct Options {
            #[command(flatten)]
            what: WhatArgs,
        }
        let words = ["iot-pub", "-t", "iot/a", "-m", "1", "--interval", "1s"];
        let options = Options::parse_from(words);
        let mut device = options.what.devices(1).unwrap().remove(0);
        device.name = name.into();
        device
    }
}
