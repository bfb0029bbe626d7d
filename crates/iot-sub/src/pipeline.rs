//! The path of a reading: receive → decode → commit → acknowledge, in that order.
//!
//! This task receives, decodes and hands on; it never waits for a disk, a database or a terminal. When the queue to the
//! committer is full, it stops reading from the broker until there is room. What is committed is acknowledged by the
//! committer ([`crate::commit`]).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use chrono::{DateTime, Utc};
use iot_cli::{Notices, PacketProperties, Signals, debug};
use iot_core::{
    AckToken, ClientConfig, Connection, Error, Event, Handle, Message, PacketId, Protocol, QoS,
    SubscribeAck, SubscribeRequest, Subscription, UnsubscribeRequest,
};
use iot_store::sqlite::held::SessionKey;
use iot_store::{Entry, Stored};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use crate::args::Plan;
use crate::counts::Counts;
use crate::decode::downsample::Thinner;
use crate::decode::fields::Decoder;
use crate::decode::select::{Choice, Selector, TimedOut};
use crate::failpoint::{self, Point};
use crate::group::Group;
use crate::output::{Messages, Output};
use crate::queue::{After, Item};
use crate::session::saved_session::{State, fall_back};
use crate::session::session_taken_over::{self, LostEarly};
use crate::sink::Sink;
use crate::target::Destination;

/// How long what was received may take to be stored after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the spool may take to be closed.
const CLOSING: Duration = Duration::from_secs(3);
/// How long the broker may take to close the connection.
const GOODBYE: Duration = Duration::from_secs(3);

/// What a run needs.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one thing of its own about the run"
)]
pub(crate) struct Pipeline {
    connection: Connection,
    handle: Handle,
    notices: Notices,
    subscriptions: Vec<Subscription>,
    properties: PacketProperties,
    decoder: Decoder,
    thinner: Option<Thinner>,
    fail_fast: bool,
    selector: Selector,
    output: Output,
    messages: Messages,
    /// The broker has accepted a connection.
    connected: bool,
    counts: Arc<Counts>,
    /// The way to the store; none where nothing is stored.
    store: Option<Sink>,
    noted: Noted,
    /// What is kept of a session that outlives this process.
    session: Option<State>,
    /// No connection is made: the disk has no room for what is to be kept of the session.
    held: bool,
    /// What the last SUBSCRIBE has asked for.
    asked: Vec<Subscription>,
    lost_early: LostEarly,
    /// Comes once those of a session that the broker has lost are removed.
    forgotten: Option<oneshot::Receiver<()>>,
    /// What the last events brought, before it goes on its way together.
    batch: Vec<Item>,
    /// What goes no further: printed and not stored, or not wanted, and what acknowledges it.
    shown: u64,
    skipped: u64,
    done: Vec<AckToken>,
    /// When these were received.
    now: DateTime<Utc>,
    /// Reading from the broker goes on.
    reading: bool,
}

/// Whose session the broker keeps, where it does. MQTT 3.1 doesn't tell whether it has, and no packet id says anything then.
fn session_key(config: &ClientConfig) -> Option<SessionKey> {
    let keeps = !config.clean_session && config.protocol != Protocol::V31;
    keeps.then(|| SessionKey {
        broker: config.address(),
        client_id: config.client_id.clone(),
    })
}

/// Which packet ids of messages with QoS 2 are noted on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noted {
    /// None ever: the broker doesn't keep the session, or there is no file.
    Never,
    /// None of the present session.
    None,
    Some,
}

/// Why receiving ended.
enum End {
    /// By a signal, because nobody reads what is printed, or because there is all that was wanted.
    Asked,
    /// The time is over.
    TimedOut,
    /// What stores can't go on.
    Store(Result<()>),
}

impl Pipeline {
    /// Returns a pipeline to `destination`.
    ///
    /// # Errors
    /// What is wrong with the configuration, and a thread that can't be started.
    pub(crate) fn new(
        plan: Plan,
        mut destination: Destination,
        session: Option<State>,
        counts: Arc<Counts>,
        messages: &Messages,
    ) -> Result<Self> {
        let connection = Connection::new(plan.config)?;
        let handle = connection.handle();
        debug(&handle);
        let held = match session_key(connection.config()) {
            Some(key) => destination.resume(&key)?,
            None => None,
        };
        let noted = match &held {
            None => Noted::Never,
            Some(held) if held.is_empty() => Noted::None,
            Some(_) => Noted::Some,
        };
        handle.hold(
            held.into_iter()
                .flatten()
                .map(|(id, fingerprint)| (PacketId(id), fingerprint)),
        );
        let store = Sink::start(destination, handle.clone(), &counts, messages)?;
        let mut pipeline = Self {
            notices: Notices::new(connection.config().address()),
            output: Output::new(plan.output, &connection.config().address())?,
            decoder: Decoder::new(plan.payload, plan.fields, connection.config().address()),
            handle,
            connection,
            subscriptions: plan.subscriptions,
            properties: plan.properties,
            thinner: Thinner::new(plan.thinning),
            fail_fast: plan.fail_fast,
            selector: Selector::new(plan.selection),
            messages: messages.clone(),
            connected: false,
            counts,
            store,
            noted,
            session,
            held: false,
            asked: Vec::new(),
            lost_early: LostEarly::default(),
            forgotten: None,
            batch: Vec::new(),
            shown: 0,
            skipped: 0,
            done: Vec::new(),
            now: Utc::now(),
            reading: true,
        };
        pipeline.connecting()?;
        Ok(pipeline)
    }

    /// Receives until a signal comes, there is what was wanted, or the time is over; then stores what was received and says
    /// how much that was.
    ///
    /// # Errors
    /// A broker that refuses for good, a store that breaks, and readings that could not be stored in time; [`TimedOut`].
    pub(crate) async fn run(
        mut self,
        mut signals: Signals,
        deadline: Option<Instant>,
    ) -> Result<()> {
        let received = self.receive(&mut signals, deadline).await;
        self.counts.gauges.stopping();
        if received.is_ok() {
            self.settle_removals().await?;
        }
        let stored = match &received {
            Ok(End::Store(_)) => Ok(()),
            _ => self.store_rest(&mut signals).await,
        };
        self.properties.disconnect(&self.handle);
        // A broker that doesn't answer the goodbye changes nothing.
        let _ = tokio::time::timeout(GOODBYE, async {
            while let Some(event) = self.connection.next().await {
                self.messages.debug(&self.handle, &event);
            }
        })
        .await;
        self.output.finish(&self.messages);
        let totals = self.counts.totals();
        if self.connected || totals.found > 0 {
            let spools = self
                .store
                .as_ref()
                .is_some_and(|store| store.spool.is_some());
            self.messages
                .say(&totals.line(self.store.is_some(), spools));
        }
        match received? {
            End::Asked => stored,
            End::TimedOut => stored.and(Err(TimedOut.into())),
            End::Store(result) => result,
        }
    }

    /// What was asked of the broker goes before the goodbye.
    async fn settle_removals(&mut self) -> Result<()> {
        let patience = tokio::time::sleep(GOODBYE);
        tokio::pin!(patience);
        while self.handle.unacknowledged() > 0 && !self.held {
            tokio::select! {
                event = self.connection.next() => match event {
                    Some(event) => self.events(event)?,
                    None => break,
                },
                () = &mut patience => break,
            }
        }
        Ok(())
    }

    async fn receive(&mut self, signals: &mut Signals, deadline: Option<Instant>) -> Result<End> {
        let second = Duration::from_secs(1);
        let mut seconds = tokio::time::interval_at(Instant::now() + second, second);
        let tells_rate = self.output.tells_rate();
        loop {
            self.counts.gauges.receiving.beat();
            if self.selector.has_ended() {
                return Ok(End::Asked);
            }
            self.set_reading();
            let queue = self.store.as_ref().map(|store| Arc::clone(&store.queue));
            let room = async {
                match &queue {
                    Some(queue) => queue.room().await,
                    None => std::future::pending().await,
                }
            };
            let ended = async {
                match &mut self.store {
                    Some(store) => store.ended().await,
                    None => std::future::pending().await,
                }
            };
            let forgotten = async {
                match &mut self.forgotten {
                    Some(forgotten) => forgotten.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = self.connection.next(), if !self.held => match event {
                    Some(event) => self.events(event)?,
                    None => bail!("the connection has ended"),
                },
                forgotten = forgotten => {
                    self.forgotten = None;
                    // Without an answer the thread has ended, and says why itself.
                    if forgotten.is_ok() {
                        self.subscribe()?;
                    }
                }
                () = room, if !self.reading => {}
                () = self.output.progress() => {
                    if self.output.is_closed() && self.store.is_none() {
                        return Ok(End::Asked);
                    }
                }
                result = ended => return Ok(End::Store(result)),
                () = signals.next() => return Ok(End::Asked),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return Ok(End::TimedOut);
                }
                // In any case, for the next round shows that this task goes on.
                _ = seconds.tick() => {
                    if tells_rate {
                        self.output.tell_rate();
                    }
                    if self.held {
                        self.connecting()?;
                    } else if let Some(session) = &mut self.session {
                        session.catch_up()?;
                    }
                }
            }
        }
    }

    /// Handles the event and all that came with it, and hands on what they brought.
    fn events(&mut self, event: Event) -> Result<()> {
        self.now = Utc::now();
        let mut next = Some(event);
        while let Some(event) = next {
            self.event(event)?;
            next = self.connection.try_next();
        }
        self.hand_on();
        Ok(())
    }

    fn hand_on(&mut self) {
        self.output.flush();
        self.settle();
        if self.batch.is_empty() {
            return;
        }
        let entries = || self.batch.iter().filter_map(|item| item.entry.as_ref());
        // Before anybody else can count them on.
        self.counts.received(entries().count() as u64);
        if let Some(store) = &self.store {
            store.queue.extend(self.batch.drain(..));
            failpoint::pass(Point::AfterReceive);
            return;
        }
        let rejected = entries().filter(|entry| entry.as_rejection().is_some());
        let rejected = rejected.count() as u64;
        self.counts.settled(Stored {
            stored: entries().count() as u64 - rejected,
            rejected,
            ..Stored::default()
        });
        let mut group: Group = self.batch.drain(..).collect();
        group.answer(&self.handle);
    }

    /// Acknowledges what goes no further.
    fn settle(&mut self) {
        let settled = Stored {
            stored: self.shown,
            skipped: self.skipped,
            ..Stored::default()
        };
        if settled == Stored::default() {
            return;
        }
        self.counts.received(self.shown + self.skipped);
        self.counts.settled(settled);
        self.handle.ack(&self.done);
        self.done.clear();
        (self.shown, self.skipped) = (0, 0);
    }

    fn event(&mut self, event: Event) -> Result<()> {
        if let Event::ConnectFailed(_) | Event::Disconnected(_) = &event {
            self.counts.gauges.disconnected();
        }
        self.messages.debug(&self.handle, &event);
        if let Event::Disconnected(Err(error)) = &event {
            if self.fall_back(error)? {
                return Ok(());
            }
            let id = self.handle.client_id();
            if let Some(taken) =
                session_taken_over::ends(error, &self.connection.config().address(), &id)
            {
                return Err(taken);
            }
            if let Some(line) = self.lost_early.line(error, &id) {
                self.messages.say(&line);
            }
            self.connecting()?;
        }
        if let Some(notice) = self.notices.line(&event) {
            let is_final = match &event {
                Event::ConnectFailed(error) | Event::Disconnected(Err(error)) => {
                    self.fail_fast || error.is_permanent()
                }
                _ => false,
            };
            if !is_final {
                self.messages.say(&notice);
            }
        }
        match event {
            Event::Connected(ack) => {
                self.connected = true;
                self.decoder.set_client(self.handle.client_id());
                self.counts.gauges.connected();
                self.messages.connected(ack.code.0);
                self.lost_early.connected();
                if let Some(session) = &mut self.session {
                    session.connected(ack.session_present);
                }
                if self.forgotten.is_some() {
                    // The connection before has begun the session anew, and was lost since.
                } else if ack.session_present || self.noted != Noted::Some {
                    self.subscribe()?;
                } else {
                    self.forget();
                }
            }
            Event::Subscribed(ack) => {
                self.subscribed(&ack)?;
                self.selector.answered();
            }
            Event::Unsubscribed(_) => {
                if let Some(session) = &mut self.session {
                    session.unsubscribed(&self.subscriptions)?;
                }
                self.selector.answered();
            }
            Event::Received { message, token } => self.message(message, token),
            Event::Duplicate(_) => self.counts.received_again(),
            Event::PassedOver {
                message,
                size,
                limit,
            } => self.passed_over(&message, size, limit),
            Event::Released { token, .. } => {
                failpoint::pass(Point::BeforePubrel);
                if self.noted == Noted::Never {
                    self.handle.release(&token);
                    failpoint::pass(Point::AfterPubrel);
                } else {
                    self.batch.push(Item::only(After::Release(token)));
                }
            }
            Event::ConnectFailed(error) | Event::Disconnected(Err(error))
                if self.fail_fast || error.is_permanent() =>
            {
                return Err(self.notices.failure(error));
            }
            _ => {}
        }
        Ok(())
    }

    /// Has the session noted as uncertain before there is a connection; on a full disk there is none until there is room.
    fn connecting(&mut self) -> Result<()> {
        let problem = match &mut self.session {
            Some(session) => session.connecting()?,
            None => None,
        };
        if let Some(problem) = &problem
            && !self.held
        {
            self.messages
                .say(&format_args!("{problem:#}; connecting when there is room"));
        }
        self.held = problem.is_some();
        Ok(())
    }

    /// Asks for messages, as far as the session doesn't have that already. The connection may be lost already; the next one
    /// asks again.
    fn subscribe(&mut self) -> Result<()> {
        let (missing, mut dropped) = match &mut self.session {
            Some(session) => session.resumed(&self.subscriptions)?,
            None => (self.subscriptions.clone(), Vec::new()),
        };
        self.asked.clone_from(&missing);
        if missing.is_empty() {
            self.counts.gauges.subscribed(0);
            self.selector.answered();
        } else {
            let request =
                SubscribeRequest::from(missing).with_properties(self.properties.subscribe.clone());
            match self.handle.subscribe(request) {
                Ok(_) | Err(Error::NotConnected) => {}
                Err(error) => return Err(error.into()),
            }
        }
        dropped.extend_from_slice(self.selector.unsubscribe());
        if !dropped.is_empty() {
            let request = UnsubscribeRequest::from(dropped)
                .with_properties(self.properties.unsubscribe.clone());
            let _ = self.handle.unsubscribe(request);
        }
        Ok(())
    }

    /// Tries another version of the protocol where the broker didn't take the one before; returns whether it does.
    fn fall_back(&mut self, error: &Error) -> Result<bool> {
        let tried = self.connection.config().protocol;
        let session = self.session.as_ref().filter(|session| session.falls_back);
        let Some(next) = session.and_then(|_| fall_back(tried, error)) else {
            return Ok(false);
        };
        if next == Protocol::V311 {
            let address = self.connection.config().address();
            self.messages.say(&format_args!(
                "broker `{address}` doesn't take {tried}; trying {next}"
            ));
        }
        self.connection.set_protocol(next)?;
        Ok(true)
    }

    /// The broker has lost the session: its packet ids start anew, and the first PUBLISH must not meet an old one. So we
    /// subscribe only when the old ones are removed from the disk.
    fn forget(&mut self) {
        let (sender, forgotten) = oneshot::channel();
        self.forgotten = Some(forgotten);
        self.noted = Noted::None;
        self.batch.push(Item::only(After::Forget(sender)));
    }

    /// A filter that the broker refuses is told, and one that it grants with a lower QoS; if it refuses all, there is nothing
    /// to wait for.
    fn subscribed(&mut self, ack: &SubscribeAck) -> Result<()> {
        let mut refused = 0;
        for (subscription, granted) in self.asked.iter().zip(ack.granted()) {
            let Subscription { filter, qos, .. } = subscription;
            match granted {
                Err(reason) => {
                    let reason = match reason.0 {
                        0x80 => "no reason given".to_owned(),
                        _ => reason.to_string(),
                    };
                    self.messages.say(&format_args!(
                        "the broker refuses the subscription to `{filter}`: {reason}"
                    ));
                    refused += 1;
                }
                Ok(granted) if granted < *qos => self.messages.say(&format_args!(
                    "the broker grants QoS {granted} at most for `{filter}`, not {qos}{}",
                    match granted {
                        QoS::AtMostOnce => ": what comes with QoS 0 may get lost",
                        _ => ": what comes with QoS 1 may come twice",
                    }
                )),
                Ok(_) => {}
            }
        }
        if refused == self.subscriptions.len() {
            bail!("the broker refuses every subscription");
        }
        self.counts.gauges.subscribed(refused as u64);
        if let Some(session) = &mut self.session {
            let pairs = self.asked.iter().zip(ack.granted());
            let granted = pairs.filter_map(|(asked, granted)| Some((&asked.filter, granted.ok()?)));
            session.subscribed(granted)?;
        }
        Ok(())
    }

    fn message(&mut self, message: Message, token: Option<AckToken>) {
        failpoint::pass(Point::BeforeReceive);
        if let Some(token) = token.filter(AckToken::is_again) {
            // It waits for its commit, or is committed.
            self.counts.received_again();
            self.batch.push(Item::only(After::Acknowledge(token)));
            return;
        }
        let choice = self.selector.choose(&message, &self.handle);
        match choice {
            Choice::Take | Choice::Show => self.output.message(&message, self.now, &self.messages),
            Choice::Skip => {}
            Choice::Leave => return,
        }
        if choice != Choice::Take {
            self.skipped += 1;
            self.done.extend(token);
            return;
        }
        if self.store.is_none() && self.output.shows_messages() {
            self.shown += 1;
            self.done.extend(token);
            return;
        }
        let skips = self.decoder.skips(&message);
        if token.is_some_and(|token| token.is_instead()) {
            self.messages.say(&format_args!(
                "the broker has lost what it knew: it sends another message under a packet ID that is in use; it is stored"
            ));
        }
        let after = match token {
            None => After::Nothing,
            Some(token) if token.qos() == QoS::ExactlyOnce && self.noted != Noted::Never => {
                self.noted = Noted::Some;
                After::Hold(token, message.fingerprint())
            }
            Some(token) => After::Acknowledge(token),
        };
        let entry = self.decoder.entry(message, self.now);
        match &entry {
            Entry::Reading(reading) => self.output.reading(reading),
            Entry::Rejection(rejection) => self.messages.rejection(rejection),
        }
        let thinned = match (&mut self.thinner, &entry) {
            (Some(thinner), Entry::Reading(reading)) => !skips && !thinner.keeps(reading),
            _ => false,
        };
        if skips || thinned {
            self.skipped += 1;
            self.done.extend(token);
            return;
        }
        self.batch.push(Item {
            entry: Some(entry),
            after,
        });
    }

    /// Keeps what is known of a message that was too large. It is acknowledged already: nothing of it could be taken a second
    /// time.
    fn passed_over(&mut self, message: &Message, size: usize, limit: usize) {
        let entry = self.decoder.passed_over(message, size, limit, self.now);
        if let Entry::Rejection(rejection) = &entry {
            self.messages.rejection(rejection);
        }
        self.batch.push(Item {
            entry: Some(entry),
            after: After::Nothing,
        });
    }

    /// Reads from the broker as long as there is room for what comes.
    fn set_reading(&mut self) {
        let full = match &self.store {
            Some(store) => store.queue.is_full(),
            // What is only printed is held up by who reads it; nothing is left out.
            None => self.output.is_full(),
        };
        if self.reading == full {
            self.reading = !full;
            self.connection.set_reading(self.reading);
            self.counts.gauges.set_unread(full && self.store.is_none());
        }
    }

    /// After the end of receiving: stores what was received, acknowledges it, and gives up after a while or a second
    /// signal.
    async fn store_rest(&mut self, signals: &mut Signals) -> Result<()> {
        self.now = Utc::now();
        while let Some(event) = self.connection.try_next() {
            self.messages.debug(&self.handle, &event);
            match event {
                Event::Received { message, token } => self.message(message, token),
                Event::PassedOver {
                    message,
                    size,
                    limit,
                } => self.passed_over(&message, size, limit),
                _ => {}
            }
        }
        self.hand_on();
        self.connection.set_reading(false);
        let Some(store) = &mut self.store else {
            return Ok(());
        };
        store.queue.close();
        let totals = self.counts.totals();
        if totals.in_flight + totals.spooled > 0 {
            self.messages.say(&format_args!(
                "storing what was received, for {} s at most; Ctrl-C again ends at once",
                PATIENCE.as_secs()
            ));
        }
        let (mut connected, mut saying_goodbye, mut gave_up) = (!self.held, false, false);
        let committed = store.committed();
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(committed, patience);
        loop {
            let over = tokio::select! {
                result = store.ended() => {
                    result?;
                    break;
                }
                // Acknowledgements go out meanwhile.
                event = self.connection.next(), if connected => {
                    connected = event.is_some();
                    if let Some(event) = event {
                        self.messages.debug(&self.handle, &event);
                    }
                    false
                }
                () = &mut committed, if !saying_goodbye => {
                    // What is left is between us and the store.
                    self.properties.disconnect(&self.handle);
                    saying_goodbye = true;
                    false
                }
                () = &mut patience => true,
                () = signals.next() => true,
            };
            match &store.spool {
                _ if !over => {}
                Some(spool) if !gave_up => {
                    spool.give_up();
                    gave_up = true;
                    patience.as_mut().reset(Instant::now() + CLOSING);
                }
                _ => break,
            }
        }
        let totals = self.counts.totals();
        if let Some(spool) = &store.spool
            && totals.spooled > 0
        {
            self.messages.say(&format_args!(
                "{} stay in the spool `{}`, to be delivered by the next run",
                totals.spooled, spool.name
            ));
        }
        if totals.in_flight > 0 {
            bail!(
                "{} messages that were received are not stored",
                totals.in_flight
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use iot_store::sqlite::SqliteStore;
    use testkit::ScriptedPeer;

    use super::*;
    use crate::args::Args;
    use crate::counts::Totals;
    use crate::target::Target;

    /// The command line knows no such limit before MQTT 5, whose brokers obey it; the library does.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_message_that_is_too_large_is_told_kept_and_in_the_sum() {
        let peer = ScriptedPeer::listen();
        let port = peer.port().to_string();
        let broker = std::thread::spawn(move || {
            let mut broker = peer.accept();
            broker.read_packet();
            broker.send(&[0x20, 2, 0, 0]);
            let subscribe = broker.read_packet();
            broker.send(&[0x90, 3, subscribe[2], subscribe[3], 1]);
            let mut large = vec![0x32, 0xc8, 1, 0, 1, b't', 0, 1];
            large.resize(203, b'1');
            broker.send(&large);
            broker.send(b"\x32\x08\x00\x01t\x00\x021.5");
            broker.expect(&[0x40, 2, 0, 1, 0x40, 2, 0, 2]);
            assert_eq!(broker.read_packet()[0], 0xe0);
        });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("iot.db");
        let args = ["iot-sub", "-p", &port, "-q", "1", "-C", "1"];
        let mut plan = Args::try_parse_from(args).unwrap().plan().unwrap();
        plan.config.maximum_packet_size = 100;
        let destination = Destination::Direct(Target::Journal {
            journal: Box::new(SqliteStore::open(&file).unwrap()),
            name: "iot.db".to_owned(),
        });
        let (counts, messages) = (Arc::new(Counts::default()), Messages::new().unwrap());
        let pipeline = Pipeline::new(plan, destination, None, Arc::clone(&counts), &messages);
        let signals = Signals::listen().unwrap();
        pipeline.unwrap().run(signals, None).await.unwrap();
        broker.join().unwrap();

        let expected = Totals {
            received: 2,
            stored: 1,
            rejected: 1,
            ..Totals::default()
        };
        assert_eq!(counts.totals(), expected);
        let kept = rusqlite::Connection::open(&file).unwrap().query_row(
            "SELECT topic, length, reason FROM sensors_rejected",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        );
        let reason = "its packet of 203 bytes is larger than the limit of 100".to_owned();
        assert_eq!(kept.unwrap(), ("t".to_owned(), 203, reason));
    }
}
