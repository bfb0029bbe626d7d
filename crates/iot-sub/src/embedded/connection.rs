//! One client: its connection to the gateway, and the gateway's connection to the broker for it.
//! One task moves the bytes; [`upstream`](super::upstream) and [`downstream`](super::downstream)
//! decide what packets mean.

mod end;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use iot_core::packet::{Codec, Incoming};
use iot_core::{Protocol, ReasonCode, Will};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::admission::Admitted;
use super::broker::MAX_PACKET_SIZE;
use super::downstream::Downstream;
use super::fault::Fault;
use super::gateway::{Arrival, Gateway};
use super::limits::Usage;
use super::phase::Phase;
use super::raw_packet::body;
use super::sessions::{SessionLease, session_key};
use super::side::Side;
use super::upstream::{ClientDisconnect, Connecting, State, Upstream};
use crate::acknowledge::ClientAcks;
use crate::pipeline::queue::OnCommit;

/// Limit of the bytes that wait for the broker, and of those that wait for CONNACK.
const PENDING_LIMIT: usize = 256 * 1024;
/// Timeout for a client that reads nothing while messages with QoS 1 or 2 wait for it.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout for the last packets of a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// Interval of the gateway's pings to the broker, which closes a connection after 300 s without
/// traffic.
const PING_INTERVAL: Duration = Duration::from_secs(100);

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The client or the broker has closed it.
    Closed,
    /// Another connection has taken the session over.
    TakenOver,
    /// The program shuts down.
    Closing,
    Fault(Fault),
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A client that the broker has accepted.
struct Client {
    protocol: Protocol,
    id: String,
    /// `None` for a client that does not know its identifier, and so cannot connect again.
    session: Option<SessionLease>,
    /// Seconds that the session outlives the connection; 0 if it ends with it.
    session_expiry: u32,
    /// Seconds; 0 for none. The gateway watches it: only the gateway knows when it does not listen.
    keep_alive: u16,
    will: Option<Will>,
    disconnect: Option<ClientDisconnect>,
}

/// A connection of a client.
pub(super) struct Connection {
    gateway: Arc<Gateway>,
    client: Side,
    broker: Side,
    accepted: Option<Client>,
    upstream: Upstream,
    downstream: Downstream,
    acks: Arc<ClientAcks>,
    /// The queue to the store was full at the last attempt to read from the client.
    full: bool,
    /// Notified when another connection takes the session over.
    stop: Arc<Notify>,
    times: Times,
    usage: Usage,
    _admitted: Admitted,
}

/// Times of the last traffic, and the deadline for the end.
struct Times {
    /// When the gateway last began to listen to the client: after it had handled what it had read,
    /// or when it could read again.
    received: Instant,
    /// The last write to the broker.
    forwarded: Instant,
    /// The last write to the client, or the last time when nothing waited for it.
    delivered: Instant,
    /// The connection is closed at this time at the latest.
    deadline: Option<Instant>,
}

impl Connection {
    pub(super) fn new(
        gateway: Arc<Gateway>,
        client: TcpStream,
        broker: TcpStream,
        admitted: Admitted,
    ) -> Self {
        let acks = Arc::new(ClientAcks::default());
        let usage = gateway.limits.usage();
        Self {
            gateway,
            client: Side::new(client),
            broker: Side::new(broker),
            accepted: None,
            upstream: Upstream::new(Arc::clone(&acks)),
            downstream: Downstream::default(),
            acks,
            full: false,
            stop: Arc::new(Notify::new()),
            times: Times {
                received: Instant::now(),
                forwarded: Instant::now(),
                delivered: Instant::now(),
                deadline: None,
            },
            usage,
            _admitted: admitted,
        }
    }

    /// Runs until the client or the broker closes the connection, or the gateway ends it.
    pub(super) async fn run(mut self) {
        let mut phase = self.gateway.phases.subscribe();
        let end = match self.relay(&mut phase).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        self.finish(&end);
        self.close(&end).await;
    }

    async fn relay(
        &mut self,
        phase: &mut watch::Receiver<Phase>,
    ) -> Result<std::convert::Infallible, End> {
        loop {
            let now = *phase.borrow_and_update();
            self.pump()?;
            if let Some(connack) = self.downstream.take_connack() {
                let stop = Arc::clone(&self.stop);
                tokio::select! {
                    accepted = self.accept(connack) => accepted?,
                    () = stop.notified() => return Err(End::TakenOver),
                    _ = phase.wait_for(|phase| *phase != Phase::Running) => return Err(End::Closing),
                }
                continue;
            }
            self.check_ends(now)?;
            if !self.client.reads && self.upstream.to_broker.is_empty() && self.broker.writes {
                // The broker sends its last packets, and then closes its side.
                self.broker.writes = false;
                self.broker.shut_down(&[], CLOSE_TIMEOUT).await;
                self.times.deadline = Some(Instant::now() + CLOSE_TIMEOUT);
            }
            self.wait(phase).await?;
        }
    }

    /// Reads, handles and writes what is possible without waiting.
    fn pump(&mut self) -> Result<(), End> {
        self.read_client()?;
        if self.reads_broker() {
            self.broker.read(&mut self.downstream.buffer);
        }
        let protocol = self.accepted.as_ref().map(|client| client.protocol);
        let is_scarce = self.usage.outgoing.is_spent();
        self.downstream
            .forward_packets(protocol, is_scarce, &self.acks, &mut self.upstream)?;
        // An acknowledgement is not sent in the middle of a large message.
        if !self.downstream.is_within_packet() {
            self.acks
                .drain_into(&mut self.downstream.to_client, &mut self.upstream.to_broker);
        }
        if self.broker.write(&mut self.upstream.to_broker) {
            self.times.forwarded = Instant::now();
        }
        let idle = self.downstream.to_client.is_empty();
        if self.client.write(&mut self.downstream.to_client) || idle {
            self.times.delivered = Instant::now();
        }
        self.check_limits()
    }

    /// Ends the connection if it takes too much memory here or in the broker.
    fn check_limits(&mut self) -> Result<(), End> {
        let incoming = self.upstream.buffer.len() + self.upstream.to_broker.len();
        if !self.usage.incoming.set(incoming) {
            return Err(Fault::Memory.into());
        }
        let waiting = self.downstream.to_client.len();
        // If the sum is too large, less is taken from the broker.
        let _ = self
            .usage
            .outgoing
            .set(waiting + self.downstream.buffer.len());
        let acknowledged = std::mem::take(&mut self.upstream.subscriber.acknowledged);
        let unacknowledged = &mut self.downstream.unacknowledged;
        *unacknowledged = unacknowledged.saturating_sub(acknowledged);
        let has_window = *unacknowledged < self.usage.window;
        if !self
            .usage
            .backlog
            .update(!self.downstream.is_blocked && has_window)
        {
            return Err(Fault::Stalled.into());
        }
        Ok(())
    }

    fn read_client(&mut self) -> Result<(), End> {
        let gateway = Arc::clone(&self.gateway);
        // Nothing is read that could not be passed to the store.
        let Some(_open) = gateway.phases.open() else {
            return Ok(());
        };
        self.full = gateway.is_full();
        if !self.full {
            let has_read = self.reads_client() && self.client.read(&mut self.upstream.buffer);
            let disconnect = self.upstream.handle_packets(&gateway);
            // Messages before a protocol error are stored.
            self.upstream.flush(&gateway);
            if has_read {
                self.times.received = Instant::now();
            }
            if let Some(disconnect) = disconnect?
                && let Some(client) = &mut self.accepted
            {
                client.disconnect = Some(disconnect);
            }
        }
        self.upstream.flush(&gateway);
        Ok(())
    }

    /// Whether the client may be read from, if the queue to the store has room.
    fn reads_client(&self) -> bool {
        self.client.reads
            && self.upstream.to_broker.len() < PENDING_LIMIT
            && match &self.upstream.state {
                State::Connected(_) => !self.acks.is_releasing() || self.upstream.buffer.is_empty(),
                State::New | State::Connecting(_) => self.upstream.buffer.len() < PENDING_LIMIT,
                // Only to notice that the client closes the connection.
                State::Disconnected | State::Refused => true,
            }
    }

    fn reads_broker(&self) -> bool {
        self.broker.reads && !self.downstream.is_blocked
    }

    /// Waits until something can be read or written. Meanwhile acknowledgements go to the client by
    /// themselves if nothing else does.
    async fn wait(&mut self, phase: &mut watch::Receiver<Phase>) -> Result<(), End> {
        let downstream = &self.downstream;
        if self.client.writes && downstream.to_client.is_empty() && !downstream.is_within_packet() {
            self.acks.lend(&self.client.stream);
        }
        let listens = self.listens();
        let waited = self.wait_for_traffic(phase).await;
        self.acks.take_back(&mut self.downstream.to_client);
        if !listens {
            self.times.received = Instant::now();
        }
        waited
    }

    async fn wait_for_traffic(&mut self, phase: &mut watch::Receiver<Phase>) -> Result<(), End> {
        self.upstream.shrink();
        self.downstream.shrink();
        let is_running = *phase.borrow() == Phase::Running;
        let listens = self.listens() && is_running;
        let full = self.full && is_running;
        let writes_broker = self.broker.writes && !self.upstream.to_broker.is_empty();
        let writes_client = self.client.writes && !self.downstream.to_client.is_empty();
        let timer = self.timer();
        tokio::select! {
            _ = self.client.stream.readable(), if listens => {}
            _ = self.broker.stream.readable(), if self.reads_broker() => {}
            _ = self.broker.stream.writable(), if writes_broker => {}
            _ = self.client.stream.writable(), if writes_client => {}
            () = self.acks.wake.notified() => {}
            () = self.usage.backlog.grown(), if self.usage.backlog.is_behind() => {}
            () = self.gateway.room(), if full => {}
            _ = phase.changed() => {}
            () = self.stop.notified() => return Err(End::TakenOver),
            () = sleep_until(timer.unwrap_or_else(Instant::now)), if timer.is_some() => {
                return self.tick();
            }
        }
        Ok(())
    }

    /// Whether the gateway reads what the client sends.
    fn listens(&self) -> bool {
        !self.full && self.reads_client()
    }

    /// Returns when to call [`tick`](Self::tick).
    fn timer(&self) -> Option<Instant> {
        let stalled = self
            .downstream
            .is_blocked
            .then(|| self.times.delivered + STALL_TIMEOUT);
        let ping = self.is_connected().then(|| self.next_ping());
        [self.times.deadline, stalled, ping, self.silence_ends()]
            .into_iter()
            .flatten()
            .min()
    }

    fn is_connected(&self) -> bool {
        matches!(self.upstream.state, State::Connected(_))
    }

    fn next_ping(&self) -> Instant {
        self.times.forwarded + PING_INTERVAL
    }

    /// Returns when the client must have sent something: after one and a half times its keep alive
    /// (MQTT 5 §3.1.2.10).
    fn silence_ends(&self) -> Option<Instant> {
        let client = self.accepted.as_ref()?;
        let is_watched = client.keep_alive > 0 && self.is_connected() && self.listens();
        let keep_alive = Duration::from_secs(u64::from(client.keep_alive));
        is_watched.then(|| self.times.received + keep_alive * 3 / 2)
    }

    fn tick(&mut self) -> Result<(), End> {
        let now = Instant::now();
        if self.times.deadline.is_some_and(|end| end <= now) {
            return Err(End::Closed);
        }
        if self.downstream.is_blocked && self.times.delivered + STALL_TIMEOUT <= now {
            return Err(Fault::Stalled.into());
        }
        if self.silence_ends().is_some_and(|end| end <= now) {
            // This program may have been the one that was away: what has come meanwhile counts.
            if !self.client.read(&mut self.upstream.buffer) {
                return Err(Fault::Silent.into());
            }
            self.times.received = now;
        }
        if self.is_connected() && self.next_ping() <= now {
            self.times.forwarded = now;
            self.upstream.to_broker.extend_from_slice(&[0xc0, 0]);
            self.upstream.pings.push_back(true);
        }
        Ok(())
    }

    /// Ends the connection when nothing more is to be sent.
    fn check_ends(&mut self, phase: Phase) -> Result<(), End> {
        let delivered = self.downstream.to_client.is_empty() || !self.client.writes;
        if !self.broker.reads && delivered {
            return Err(End::Closed);
        }
        if phase == Phase::Closing && delivered && !self.acks.has_unsent() {
            return Err(End::Closing);
        }
        if (!self.broker.reads || phase == Phase::Closing) && self.times.deadline.is_none() {
            self.times.deadline = Some(Instant::now() + CLOSE_TIMEOUT);
        }
        Ok(())
    }

    /// Handles CONNACK: takes over the client's session before the client gets CONNACK.
    async fn accept(&mut self, connack: BytesMut) -> Result<(), End> {
        let state = std::mem::replace(&mut self.upstream.state, State::Refused);
        let State::Connecting(connecting) = state else {
            return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR).into());
        };
        let refused = |code: u8| code != 0;
        // The return code follows the flags.
        let code = body(&connack).get(1).copied().unwrap_or(0xff);
        let Some(connecting) = connecting.filter(|_| !refused(code)) else {
            if !refused(code) {
                // The broker has accepted a CONNECT that the gateway could not decode.
                return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR).into());
            }
            self.downstream.to_client.extend_from_slice(&connack);
            return Ok(());
        };
        let Connecting { protocol, connect } = *connecting;
        let mut codec = Codec::new(protocol, MAX_PACKET_SIZE);
        if let Some(limit) = self.gateway.limits.payload {
            codec = codec.with_payload_limit(limit.bytes);
        }
        let Ok(Some(Incoming::ConnAck(answer))) = codec.decode(&mut connack.clone()) else {
            return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR).into());
        };
        let properties = answer.properties.unwrap_or_default();
        if let Some(maximum) = connect.properties.receive_maximum {
            self.usage.window = self.usage.window.min(usize::from(maximum));
        }
        if answer.session_present {
            let subscribers = &self.gateway.limits.subscribers;
            subscribers.enter(&mut self.upstream.subscriber);
        }
        let session_expiry = match protocol {
            Protocol::V5 => properties
                .session_expiry_interval
                .or(connect.properties.session_expiry_interval)
                .unwrap_or(0),
            _ if connect.clean_start => 0,
            _ => u32::MAX,
        };
        let id = properties
            .assigned_client_identifier
            .unwrap_or(connect.client_id);
        let mut client = Client {
            protocol,
            session: None,
            session_expiry,
            keep_alive: connect.keep_alive,
            will: connect.will,
            disconnect: None,
            id,
        };
        if !client.id.is_empty() {
            let (lease, ids) = self
                .gateway
                .sessions
                .take_over(&client.id, &self.stop)
                .await;
            client.session = Some(lease);
            self.gateway.wills.cancel(&client.id);
            self.upstream.ids = ids;
        }
        if session_expiry > 0 && self.gateway.persists_ids {
            self.upstream.key = Some(session_key(&client.id));
        }
        let id = client.id.clone();
        // From here on, the identifiers are returned to the session at the end in any case.
        self.accepted = Some(client);
        if connect.clean_start || !answer.session_present {
            self.forget(&id).await;
        }
        self.upstream.state = State::Connected(codec);
        self.downstream.to_client.extend_from_slice(&connack);
        Ok(())
    }

    /// A new session begins: removes the packet identifiers of the earlier one, also from the disk.
    async fn forget(&mut self, client_id: &str) {
        let had = std::mem::take(&mut self.upstream.ids).has_held();
        if !had || !self.gateway.persists_ids {
            return;
        }
        let (sender, forgotten) = oneshot::channel();
        let change = OnCommit::Forget(session_key(client_id), sender);
        {
            let Some(_open) = self.gateway.phases.open() else {
                return pending().await;
            };
            self.gateway.receive(&mut vec![Arrival::Change(change)]);
        }
        if forgotten.await.is_err() {
            // The thread that commits has ended, so the program is about to exit.
            pending::<()>().await;
        }
    }
}
