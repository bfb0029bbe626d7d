//! What all connections share: what is on its way, what became of it, and what is told about the broker.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::anyhow;
use iot_cli::{Notices, debug, tell, tell_debug};
use iot_core::{Connection, Error, Event, Handle, Message, PacketId, QoS};
use tokio::sync::Notify;

use crate::NAME;
use crate::engine::coalesce::Gatherer;
use crate::engine::counts::messages_were;
use crate::report::latency::Latency;
use crate::verify::verifier::Verifier;

/// The state, and a bell for who waits for it to change.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) news: Notify,
}

impl Shared {
    pub(crate) fn new(state: State) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(state),
            news: Notify::new(),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts messages by what became of them.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Written to the connection (QoS 0), or accepted for it (1, 2).
    pub(crate) sent: u64,
    /// Among the sent: with QoS 1 or 2, acknowledged by the broker.
    pub(crate) acknowledged: u64,
    /// Rejected by the broker.
    pub(crate) failed: u64,
    /// With QoS 0, due or not yet written while the broker was away.
    pub(crate) dropped: u64,
    /// Ticks that were missed.
    pub(crate) skipped: u64,
    /// Not yet written (QoS 0), or not yet acknowledged (1, 2).
    pub(crate) pending: u64,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) links: Vec<Link>,
    pub(crate) counts: Counts,
    pub(crate) latency: Latency,
    /// When the last message was written or acknowledged.
    pub(crate) last_done: Instant,
    /// How many connections have stood at least once.
    pub(crate) opened: usize,
    /// How many connections were lost, each time counted.
    pub(crate) losses: u64,
    /// How many connections are over.
    pub(crate) ended: usize,
    /// A connection has no room: nothing is published until it has.
    pub(crate) full: bool,
    pub(crate) stage: Stage,
    pub(crate) failure: Option<anyhow::Error>,
    pub(crate) verifier: Option<Verifier>,
    /// The verifier's subscriptions stand.
    pub(crate) subscribed: bool,
    tidings: Tidings,
    fail_fast: bool,
    told_rejection: Option<String>,
    dropped_before: u64,
}

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Running,
    /// Nothing more is published: who waits wants to know when all is acknowledged, and has arrived.
    Settling,
    /// What becomes of connections is of no interest any more.
    Ending,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) handle: Handle,
    stood: bool,
    is_up: bool,
    /// Mostly in the order in which their acknowledgements come.
    waiting: VecDeque<Waiting>,
}

/// A message on its way.
#[derive(Debug)]
struct Waiting {
    id: PacketId,
    qos: QoS,
    due: Instant,
}

impl Link {
    pub(crate) fn new(handle: Handle) -> Self {
        Self {
            handle,
            stood: false,
            is_up: false,
            waiting: VecDeque::new(),
        }
    }

    fn take(&mut self, id: PacketId) -> Option<Waiting> {
        let at = self.waiting.iter().position(|waiting| waiting.id == id)?;
        let found = self.waiting.remove(at);
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            // Thousands of connections keep none.
            self.waiting = VecDeque::new();
        }
        found
    }
}

const KEPT: usize = 1024;

/// What is told about the connections.
#[derive(Debug)]
struct Tidings {
    notices: Notices,
    address: String,
    connections: usize,
    /// How many are lost at present.
    lost: usize,
    /// It was said that the verifier's connection is not there.
    told_subscriber: bool,
}

impl State {
    pub(crate) fn new(
        address: String,
        connections: usize,
        fail_fast: bool,
        verifier: Option<Verifier>,
    ) -> Self {
        Self {
            links: Vec::with_capacity(connections),
            counts: Counts::default(),
            latency: Latency::new(),
            last_done: Instant::now(),
            opened: 0,
            losses: 0,
            ended: 0,
            full: false,
            stage: Stage::Running,
            failure: None,
            verifier,
            subscribed: false,
            tidings: Tidings {
                notices: Notices::new(address.clone()),
                address,
                connections,
                lost: 0,
                told_subscriber: false,
            },
            fail_fast,
            told_rejection: None,
            dropped_before: 0,
        }
    }

    /// A message is accepted by a connection.
    pub(crate) fn accepted(&mut self, link: usize, id: PacketId, qos: QoS, due: Instant) {
        self.counts.pending += 1;
        if qos != QoS::AtMostOnce {
            self.counts.sent += 1;
        }
        self.links[link].waiting.push_back(Waiting { id, qos, due });
    }

    /// Takes an event of a connection. Returns whether that is news for who waits.
    fn event(&mut self, link: usize, event: Event, now: Instant) -> bool {
        match event {
            Event::Published { id, result, .. } => self.published(link, id, result, now),
            Event::Writable => std::mem::replace(&mut self.full, false),
            Event::Connected(_) => {
                self.tidings_of(&event);
                let link = &mut self.links[link];
                link.is_up = true;
                if !std::mem::replace(&mut link.stood, true) {
                    self.opened += 1;
                }
                self.full = false;
                true
            }
            Event::ConnectFailed(_) | Event::Disconnected(Err(_)) => {
                if std::mem::replace(&mut self.links[link].is_up, false) {
                    self.losses += 1;
                    self.tidings.lost += 1;
                }
                self.tidings_of(&event);
                true
            }
            _ => false,
        }
    }

    fn published<T>(
        &mut self,
        link: usize,
        id: PacketId,
        result: Result<T, Error>,
        now: Instant,
    ) -> bool {
        let Some(waiting) = self.links[link].take(id) else {
            return false;
        };
        self.counts.pending -= 1;
        match result {
            Ok(_) if waiting.qos == QoS::AtMostOnce => {
                self.counts.sent += 1;
                self.last_done = now;
            }
            Ok(_) => {
                self.counts.acknowledged += 1;
                self.latency
                    .record(now.saturating_duration_since(waiting.due));
                self.last_done = now;
            }
            Err(
                error @ (Error::Rejected(_)
                | Error::PacketTooLarge { .. }
                | Error::QosNotSupported { .. }
                | Error::RetainNotSupported),
            ) => {
                self.counts.failed += 1;
                // One line for all that are rejected for the same reason.
                let reason = error.to_string();
                if self.told_rejection.as_ref() != Some(&reason) {
                    tell(NAME, &format!("cannot publish: {reason}"));
                    self.told_rejection = Some(reason);
                }
            }
            // QoS 0: the connection was lost before the message was written.
            Err(_) => self.counts.dropped += 1,
        }
        self.stage == Stage::Settling && self.counts.pending == 0
    }

    /// Tells what a person wants to know of it, and keeps what ends the run.
    fn tidings_of(&mut self, event: &Event) {
        if self.stage == Stage::Ending {
            return;
        }
        let meanwhile = self.counts.dropped - self.dropped_before;
        let (line, all_stand) = self.tidings.line(event, meanwhile);
        if all_stand {
            self.dropped_before = self.counts.dropped;
        }
        let (Event::ConnectFailed(error) | Event::Disconnected(Err(error))) = event else {
            if let Some(line) = line {
                tell(NAME, &line);
            }
            return;
        };
        if self.fail_fast || error.is_permanent() {
            let failure = self.tidings.notices.failure(error.clone());
            self.fails(failure);
        } else if let Some(line) = line {
            tell(NAME, &line);
        }
    }

    /// A message has arrived that is to be verified. Returns whether that is news for who waits.
    pub(crate) fn arrived(&mut self, message: &Message, now: Instant) -> bool {
        let Some(verifier) = &mut self.verifier else {
            return false;
        };
        verifier.received(message, now);
        self.stage == Stage::Settling && verifier.is_complete()
    }

    /// The verifier's own connection could not be made, or is lost; what is missed meanwhile counts as lost.
    pub(crate) fn subscriber_lost(&mut self, error: &Error) {
        if self.stage == Stage::Ending {
            return;
        }
        if self.fail_fast || error.is_permanent() {
            self.fails(anyhow!(error.clone()).context("cannot verify"));
        } else if !self.tidings.told_subscriber {
            self.tidings.told_subscriber = true;
            let line =
                format!("the connection that verifies is not there: {error}; connecting again");
            tell(NAME, &line);
        }
    }

    /// The run ends with this error, unless one has come before.
    pub(crate) fn fails(&mut self, error: anyhow::Error) {
        if self.stage != Stage::Ending {
            self.failure.get_or_insert(error);
        }
    }
}

impl Tidings {
    /// Returns the line that the event is worth, and whether all connections stand again. `dropped` messages were
    /// dropped since they last did.
    fn line(&mut self, event: &Event, dropped: u64) -> (Option<String>, bool) {
        let address = &self.address;
        let meanwhile = || match dropped {
            0 => String::new(),
            dropped => format!("; {} dropped meanwhile", messages_were(dropped)),
        };
        let connections = self.connections;
        match event {
            Event::Connected(_) if self.lost > 0 => {
                self.lost -= 1;
                if self.lost > 0 {
                    return (None, false);
                }
                self.notices.line(event);
                let line = if connections == 1 {
                    format!("connected to broker `{address}` again{}", meanwhile())
                } else {
                    format!(
                        "all {connections} connections to broker `{address}` stand again{}",
                        meanwhile()
                    )
                };
                (Some(line), true)
            }
            // Only the first loss is news, until all stand again.
            Event::Disconnected(Err(error)) if connections > 1 && self.lost > 0 => {
                let line = (!self.notices.is_lost()).then(|| {
                    format!(
                        "lost one of {connections} connections to broker `{address}`: {error}; connecting again"
                    )
                });
                self.notices.line(event);
                (line, false)
            }
            _ => (self.notices.line(event), false),
        }
    }
}

/// Drives a connection to its end.
pub(crate) async fn drive(
    shared: Arc<Shared>,
    link: usize,
    mut connection: Connection,
    mut gatherer: Gatherer,
) {
    let handle = connection.handle();
    debug(&handle);
    while let Some(event) = connection.next().await {
        tell_debug(&handle, &event);
        if take(&shared, link, (&handle, &mut connection), event) {
            shared.news.notify_one();
        }
        gatherer.gather(&mut connection).await;
    }
    shared.lock().ended += 1;
    shared.news.notify_one();
}

/// Takes an event and all that have come together with it, at one time and under one lock. Returns whether that is news
/// for who waits.
fn take(
    shared: &Shared,
    link: usize,
    (handle, connection): (&Handle, &mut Connection),
    event: Event,
) -> bool {
    let now = Instant::now();
    let mut state = shared.lock();
    let mut news = state.event(link, event, now);
    while let Some(event) = connection.try_next() {
        tell_debug(handle, &event);
        news |= state.event(link, event, now);
    }
    news
}
