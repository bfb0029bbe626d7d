//! Receives messages from a broker, over one connection after the other, and passes them to the
//! intake.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use iot_cli::{Notices, Signals, debug};
use iot_core::{
    AckToken, ConnAck, Connection, Error, Event, Handle, Message, PacketId, Protocol,
    RefusedPacket, ReleaseToken, SkippedMessage,
};
use tokio::time::{Instant, sleep_until};

use super::broker_session::{BrokerSession, Connected};
use super::drain::drain;
use super::intake::{Intake, Ticket};
use super::outgoing::publish_outgoing;
use super::subscriptions;
use crate::acknowledge::{Ack, Acknowledger, Release};
use crate::args::{FailFast, Plan};
use crate::counts::Counts;
use crate::decode::select::TimedOut;
use crate::failpoint::{self, Point};
use crate::output::Messages;
use crate::pipeline::destination::Destination;
use crate::pipeline::queue::OnCommit;
use crate::pipeline::store_writer::StoreWriter;
use crate::session::protocol_fallback::fall_back;
use crate::session::saved_session::SavedSession;
use crate::session::session_taken_over::{self, LostEarly};

/// Timeout for the broker to answer the last requests, and to close the connection.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Receives from a broker until the run ends.
pub(crate) struct Subscriber {
    connection: Connection,
    handle: Handle,
    notices: Notices,
    fail_fast: FailFast,
    /// Whether the broker has ever accepted a connection.
    connected: bool,
    /// `None` without a store.
    writer: Option<StoreWriter>,
    session: BrokerSession,
    lost_early: LostEarly,
    intake: Intake,
    /// Whether the connection is read from.
    reading: bool,
}

/// Why receiving ended.
enum End {
    /// A signal came, stdout was closed, or `-C` and the like were reached.
    Requested,
    /// The time of `-W` is over.
    TimedOut,
    /// The thread that stores has ended.
    Store(Result<()>),
}

impl Subscriber {
    /// Returns a subscriber that stores in `destination`.
    ///
    /// # Errors
    /// The configuration is wrong, or a thread cannot be started.
    pub(crate) fn new(
        plan: Plan,
        destination: Destination,
        durable: Option<SavedSession>,
        counts: Arc<Counts>,
        messages: &Messages,
    ) -> Result<Self> {
        let intake = plan.intake;
        let connection = Connection::new(plan.config)?;
        let handle = connection.handle();
        debug(&handle);
        let (session, held) = BrokerSession::open(
            connection.config(),
            &destination,
            plan.subscriptions,
            plan.properties,
            durable,
        )?;
        handle.hold({ held.into_iter() }.map(|(id, fingerprint)| (PacketId(id), fingerprint)));
        let acknowledger = Acknowledger::broker(handle.clone());
        let state = destination.decoder_state()?;
        let writer = StoreWriter::start(destination, acknowledger.clone(), &counts, messages)?;
        let address = connection.config().address();
        let notices = Notices::new(connection.config());
        let queue = writer.as_ref().map(|writer| Arc::clone(&writer.queue));
        let mut subscriber = Self {
            intake: Intake::new(
                intake,
                &address,
                queue,
                acknowledger,
                counts,
                messages.clone(),
            )?,
            notices,
            handle,
            connection,
            fail_fast: plan.fail_fast,
            connected: false,
            writer,
            session,
            lost_early: LostEarly::default(),
            reading: true,
        };
        subscriber.intake.decoding.decoder.restore(&state);
        subscriber.session.connecting(messages)?;
        Ok(subscriber)
    }

    /// Receives until a signal comes, `-C` and the like are reached, or the time of `-W` is over.
    /// Then stores what was received, and reports how much that was.
    ///
    /// # Errors
    /// The broker refuses the connection for good, the store fails, or readings were not stored in
    /// time; [`TimedOut`].
    pub(crate) async fn run(
        mut self,
        mut signals: Signals,
        deadline: Option<Instant>,
    ) -> Result<()> {
        let received = self.receive(&mut signals, deadline).await;
        self.intake.counts.gauges.stopping();
        if received.is_ok() {
            self.finish_requests().await?;
        }
        let stored = match &received {
            Ok(End::Store(_)) => Ok(()),
            _ => self.store_rest(&mut signals).await,
        };
        self.session.disconnect(&self.handle);
        // A broker that does not close the connection is not waited for any longer.
        let _ = tokio::time::timeout(DISCONNECT_TIMEOUT, async {
            while let Some(event) = self.connection.next().await {
                self.intake.messages.debug(&self.handle, &event);
            }
        })
        .await;
        let printed = self.intake.output.finish(&self.intake.messages);
        let totals = self.intake.counts.totals();
        if self.connected || totals.found > 0 {
            let spools = self
                .writer
                .as_ref()
                .is_some_and(|writer| writer.spool.is_some());
            let messages = &self.intake.messages;
            messages.report_repeats();
            messages.report(&totals.line(self.writer.is_some(), spools));
        }
        match received? {
            End::Requested => stored.and(printed),
            End::TimedOut => stored.and(printed).and(Err(TimedOut.into())),
            End::Store(result) => result.and(printed),
        }
    }

    /// Waits for the answers to earlier requests before the DISCONNECT.
    async fn finish_requests(&mut self) -> Result<()> {
        let timeout = tokio::time::sleep(DISCONNECT_TIMEOUT);
        tokio::pin!(timeout);
        while self.handle.unacknowledged() > 0 && !self.session.no_room {
            let event = tokio::select! {
                event = self.connection.next() => event,
                () = &mut timeout => break,
            };
            let Some(event) = event else { break };
            self.events(event)?;
        }
        Ok(())
    }

    async fn receive(&mut self, signals: &mut Signals, deadline: Option<Instant>) -> Result<End> {
        let second = Duration::from_secs(1);
        let mut seconds = tokio::time::interval_at(Instant::now() + second, second);
        let printer = self.intake.output.printer();
        loop {
            self.intake.counts.gauges.receiving.beat();
            if self.intake.selector.has_ended() {
                return Ok(End::Requested);
            }
            self.set_reading();
            let queue = self.writer.as_ref().map(|writer| Arc::clone(&writer.queue));
            let room = async {
                match &queue {
                    Some(queue) => queue.room().await,
                    None => std::future::pending().await,
                }
            };
            let ended = async {
                match &mut self.writer {
                    Some(writer) => writer.ended().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = self.connection.next(), if !self.session.no_room => match event {
                    Some(event) => self.events(event)?,
                    None => bail!("the connection has ended"),
                },
                forgotten = self.session.forgotten() => {
                    if forgotten {
                        self.subscribe()?;
                    }
                }
                () = room, if !self.reading => {}
                () = printer.progress() => {
                    if self.intake.output.is_closed() && self.writer.is_none() {
                        return Ok(End::Requested);
                    }
                    self.intake.output.report_failure(&self.intake.messages);
                }
                result = ended => return Ok(End::Store(result)),
                () = signals.next() => return Ok(End::Requested),
                () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    return Ok(End::TimedOut);
                }
                // Runs the loop at least once a second, so that it reports progress.
                _ = seconds.tick() => self.second()?,
            }
        }
    }

    /// Does what has to be done each second.
    fn second(&mut self) -> Result<()> {
        if self.intake.output.prints_rate() {
            self.intake.output.print_rate();
        }
        if self.session.no_room {
            return self.session.connecting(&self.intake.messages);
        }
        publish_outgoing(&mut self.intake, &self.handle);
        let durable = self.session.durable.as_mut();
        durable.map_or(Ok(()), SavedSession::catch_up)
    }

    /// Handles the event and those after it that are ready, and passes their messages on.
    fn events(&mut self, event: Event) -> Result<()> {
        self.intake.begin();
        let mut next = Some(event);
        while let Some(event) = next {
            self.event(event)?;
            next = self.connection.try_next();
        }
        self.intake.flush();
        publish_outgoing(&mut self.intake, &self.handle);
        Ok(())
    }

    fn event(&mut self, event: Event) -> Result<()> {
        if let Event::ConnectFailed(_) | Event::Disconnected(_) = &event {
            self.intake.counts.gauges.disconnected();
        }
        self.intake.messages.debug(&self.handle, &event);
        if let Event::Disconnected(Err(error)) = &event
            && self.disconnected(error)?
        {
            return Ok(());
        }
        let notice = self.notices.line(&event, || self.handle.broker());
        let is_final = match &event {
            Event::ConnectFailed(error) | Event::Disconnected(Err(error)) => self.is_final(error),
            _ => false,
        };
        if let Some(notice) = notice.filter(|_| !is_final) {
            self.intake.messages.report(&notice);
        }
        match event {
            Event::Connected(ack) => self.connected(&ack)?,
            Event::Subscribed(ack) => {
                let intake = &mut self.intake;
                let (counts, messages) = (&intake.counts, &intake.messages);
                let session = &mut self.session;
                if session.subscribed(&ack, &self.handle, counts, messages)? {
                    intake.selector.answered();
                }
            }
            Event::Unsubscribed(_) => {
                self.session.unsubscribed()?;
                self.intake.selector.answered();
            }
            Event::PacketRefused {
                packet: RefusedPacket::Subscribe(filters),
                error,
            } => {
                let address = self.connection.config().address();
                return Err(subscriptions::refused(&address, &filters, error));
            }
            Event::Duplicate(_) => self.intake.duplicate(None),
            Event::Released { token, .. } => self.released(token),
            Event::ConnectFailed(error) | Event::Disconnected(Err(error)) if is_final => {
                return Err(self.notices.failure(error));
            }
            event => self.received(event),
        }
        Ok(())
    }

    /// Whether the run ends because of this error: another broker may do.
    fn is_final(&self, error: &Error) -> bool {
        let gives_up = self.fail_fast.is_on() || error.is_permanent();
        gives_up && !self.handle.tries_another_broker()
    }

    /// Handles the events of messages.
    fn received(&mut self, event: Event) {
        match event {
            Event::Received { message, token } => self.message(message, token),
            Event::Skipped(skipped) => self.skipped(*skipped),
            Event::PassedOver {
                message,
                size,
                limit,
            } => self.intake.passed_over(&message, size, limit),
            _ => {}
        }
    }

    /// The broker has accepted a connection.
    fn connected(&mut self, ack: &ConnAck) -> Result<()> {
        self.connected = true;
        self.fail_fast.connected();
        self.intake
            .decoding
            .decoder
            .set_client(self.handle.client_id());
        self.intake.connected();
        self.intake.messages.connected(ack.code.0);
        self.lost_early.connected();
        self.intake.set_connected(true);
        let protocol = self.connection.config().protocol;
        let messages = &self.intake.messages;
        match self.session.connected(ack, protocol, messages) {
            Connected::Subscribe => self.subscribe()?,
            Connected::Forget(change) => self.intake.change(change),
            Connected::Wait => {}
        }
        Ok(())
    }

    /// Handles a lost connection. Returns whether another version of the protocol is tried next.
    ///
    /// # Errors
    /// Another client has taken the session over.
    fn disconnected(&mut self, error: &Error) -> Result<bool> {
        self.intake.set_connected(false);
        if self.fall_back(error)? {
            return Ok(true);
        }
        let id = self.handle.client_id();
        let address = self.connection.config().address();
        if let Some(taken) = session_taken_over::ends(error, &address, &id) {
            return Err(taken);
        }
        if !self.connection.config().has_random_client_id()
            && let Some(line) = self.lost_early.line(error, &id)
        {
            self.intake.messages.report(&line);
        }
        self.session.connecting(&self.intake.messages)?;
        Ok(false)
    }

    /// Handles PUBREL.
    fn released(&mut self, token: ReleaseToken) {
        failpoint::pass(Point::BeforePubrel);
        match self.session.released() {
            None => {
                self.handle.release(&token);
                failpoint::pass(Point::AfterPubrel);
            }
            Some(key) => {
                let change = OnCommit::Release(Release::Broker(token), key);
                self.intake.change(change);
            }
        }
    }

    /// Subscribes to what the session does not have yet.
    fn subscribe(&mut self) -> Result<()> {
        let (session, selector) = (&mut self.session, &mut self.intake.selector);
        if !session.subscribe(&self.handle, selector.unsubscribe())? {
            self.intake.counts.gauges.subscribed(0);
            selector.answered();
        }
        Ok(())
    }

    /// Changes to another protocol version if the broker lacks this one. Returns whether it has.
    fn fall_back(&mut self, error: &Error) -> Result<bool> {
        let tried = self.connection.config().protocol;
        let durable = self.session.durable.as_ref();
        let durable = durable.filter(|durable| durable.falls_back);
        let Some(next) = durable.and_then(|_| fall_back(tried, error)) else {
            return Ok(false);
        };
        if next == Protocol::V311 {
            let address = self.connection.config().address();
            self.intake.messages.report(&format_args!(
                "broker `{address}` does not support {tried}; trying {next}"
            ));
        }
        self.connection.set_protocol(next)?;
        Ok(true)
    }

    fn message(&mut self, mut message: Message, token: Option<AckToken>) {
        if let Some(token) = token.filter(AckToken::is_again) {
            failpoint::pass(Point::BeforeReceive);
            // The first one waits for its commit, or is committed.
            self.intake.duplicate(Some(Ack::Broker(token)));
            return;
        }
        if self.session.leaves_out(&mut message) {
            self.intake.duplicate(token.map(Ack::Broker));
            return;
        }
        let is_instead = token.is_some_and(|token| token.is_instead());
        if is_instead && self.session.is_first_loss() {
            self.intake.messages.report(&format_args!(
                "the broker has lost its session state: it uses a packet identifier that is in use for another message; the message is stored"
            ));
        }
        let ticket = token.map(|token| Ticket {
            ack: Ack::Broker(token),
            hold: self.session.hold(&message, None),
        });
        self.intake.message(message, ticket);
    }

    /// Handles a message whose payload was too long to be read.
    fn skipped(&mut self, mut skipped: SkippedMessage) {
        let (token, fingerprint) = (skipped.token, Some(skipped.fingerprint));
        let is_again = token.as_ref().is_some_and(AckToken::is_again);
        if is_again || self.session.leaves_out(&mut skipped.message) {
            self.intake.duplicate(token.map(Ack::Broker));
            return;
        }
        let ticket = token.map(|token| Ticket {
            ack: Ack::Broker(token),
            hold: self.session.hold(&skipped.message, fingerprint),
        });
        self.intake.skipped(skipped, ticket);
    }

    /// Reads from the broker while there is room for messages.
    fn set_reading(&mut self) {
        let full = self.intake.is_full();
        if self.reading == full {
            self.reading = !full;
            self.connection.set_reading(self.reading);
            let gauges = &self.intake.counts.gauges;
            gauges.set_unread(full && !self.intake.stores());
        }
    }

    /// Stores and acknowledges what was received; gives up after a timeout or at a second signal.
    async fn store_rest(&mut self, signals: &mut Signals) -> Result<()> {
        self.intake.begin();
        while let Some(event) = self.connection.try_next() {
            self.intake.messages.debug(&self.handle, &event);
            self.received(event);
        }
        self.intake.flush();
        self.connection.set_reading(false);
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let (counts, messages) = (&self.intake.counts, &self.intake.messages);
        let (session, handle) = (&self.session, &self.handle);
        let mut connected = !session.no_room;
        let drained = drain(writer, counts, messages, signals, || {
            session.disconnect(handle);
        });
        tokio::pin!(drained);
        loop {
            tokio::select! {
                result = &mut drained => return result,
                // Acknowledgements are sent meanwhile.
                event = self.connection.next(), if connected => {
                    connected = event.is_some();
                    if let Some(event) = event {
                        messages.debug(handle, &event);
                    }
                }
            }
        }
    }
}
