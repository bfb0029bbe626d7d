//! One client: its connection to the gateway, and the gateway's own to the broker in its name. One task moves the bytes;
//! what packets mean is decided in [`upstream`](super::upstream) and [`downstream`](super::downstream).

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use iot_core::packet::{Codec, Incoming};
use iot_core::{Protocol, ReasonCode, Will};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::admission::Admitted;
use super::broker::MAX_PACKET_SIZE;
use super::downstream::Downstream;
use super::fault::Fault;
use super::gateway::{Arrival, Gateway, Phase};
use super::sessions::{HeldIds, Taken, session_key};
use super::side::Side;
use super::upstream::{Connecting, Farewell, State, Upstream, body};
use super::will;
use crate::acknowledge::ClientAcks;
use crate::pipeline::queue::OnCommit;

/// Bytes that may wait for the broker, and bytes of a client that may wait for its CONNACK.
const WAITING: usize = 256 * 1024;
/// How long a client may take to read anything while messages with QoS 1 or 2 wait for it.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the last packets of a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// The broker closes a connection without keep alive that is silent for longer than 300 s.
const NO_KEEP_ALIVE: Duration = Duration::from_secs(100);

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// One of the two has closed it.
    Closed,
    /// Another connection has taken the session over.
    TakenOver,
    /// The program ends.
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
    /// None for one that can't come back, for it doesn't know its identifier.
    session: Option<Taken>,
    /// Seconds after the connection; 0 for none.
    session_expiry: u32,
    keep_alive: u16,
    will: Option<Will>,
    farewell: Option<Farewell>,
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
    /// The way to the store was full when the client was to be read last.
    full: bool,
    /// Notified where another connection takes the session over.
    stop: Arc<Notify>,
    clocks: Clocks,
    _admitted: Admitted,
}

/// When something happened last, or will.
struct Clocks {
    /// Something was written to the broker.
    forwarded: Instant,
    /// Something was written to the client, or nothing had to be.
    delivered: Instant,
    /// The connection ends at the latest.
    end: Option<Instant>,
}

impl Connection {
    pub(super) fn new(
        gateway: Arc<Gateway>,
        client: TcpStream,
        broker: TcpStream,
        admitted: Admitted,
    ) -> Self {
        let acks = Arc::new(ClientAcks::default());
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
            clocks: Clocks {
                forwarded: Instant::now(),
                delivered: Instant::now(),
                end: None,
            },
            _admitted: admitted,
        }
    }

    /// Runs until one side ends it.
    pub(super) async fn run(mut self) {
        let mut phase = self.gateway.phase();
        let end = match self.relay(&mut phase).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        self.finish(&end);
        self.say_why(&end).await;
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
                // The broker still says what it has to say, and then closes its side.
                self.broker.writes = false;
                let _ = self.broker.stream.shutdown().await;
                self.clocks.end = Some(Instant::now() + CLOSE_TIMEOUT);
            }
            self.wait(phase).await?;
        }
    }

    /// Moves what can be moved without waiting.
    fn pump(&mut self) -> Result<(), End> {
        self.read_client()?;
        if self.reads_broker() {
            self.broker.read(&mut self.downstream.buffer);
        }
        let protocol = self.accepted.as_ref().map(|client| client.protocol);
        self.downstream
            .take_packets(protocol, &self.acks, &mut self.upstream)?;
        self.acks
            .take(&mut self.downstream.to_client, &mut self.upstream.to_broker);
        if self.broker.write(&mut self.upstream.to_broker) {
            self.clocks.forwarded = Instant::now();
        }
        let idle = self.downstream.to_client.is_empty();
        if self.client.write(&mut self.downstream.to_client) || idle {
            self.clocks.delivered = Instant::now();
        }
        Ok(())
    }

    fn read_client(&mut self) -> Result<(), End> {
        let gateway = Arc::clone(&self.gateway);
        // Nothing is read that could not be handed on.
        let Some(_open) = gateway.open() else {
            return Ok(());
        };
        self.full = gateway.is_full();
        if !self.full {
            if self.reads_client() {
                self.client.read(&mut self.upstream.buffer);
            }
            let farewell = self.upstream.take_packets(&gateway);
            // What came before a fault counts.
            self.upstream.hand_on(&gateway);
            if let Some(farewell) = farewell?
                && let Some(client) = &mut self.accepted
            {
                client.farewell = Some(farewell);
            }
        }
        self.upstream.hand_on(&gateway);
        Ok(())
    }

    /// Whether more of the client can be taken, apart from the way to the store.
    fn reads_client(&self) -> bool {
        self.client.reads
            && self.upstream.to_broker.len() < WAITING
            && match &self.upstream.state {
                State::Connected(_) => !self.acks.is_releasing() || self.upstream.buffer.is_empty(),
                State::New | State::Connecting(_) => self.upstream.buffer.len() < WAITING,
                // Only to see its end.
                State::Disconnected | State::Refused => true,
            }
    }

    fn reads_broker(&self) -> bool {
        self.broker.reads && !self.downstream.is_blocked
    }

    /// Waits until something can be moved.
    async fn wait(&mut self, phase: &mut watch::Receiver<Phase>) -> Result<(), End> {
        self.upstream.shrink();
        self.downstream.shrink();
        let reads_client = self.reads_client() && *phase.borrow() == Phase::Running;
        let full = self.full && *phase.borrow() == Phase::Running;
        let writes_broker = self.broker.writes && !self.upstream.to_broker.is_empty();
        let writes_client = self.client.writes && !self.downstream.to_client.is_empty();
        let timer = self.timer(full);
        tokio::select! {
            _ = self.client.stream.readable(), if reads_client && !full => {}
            _ = self.broker.stream.readable(), if self.reads_broker() => {}
            _ = self.broker.stream.writable(), if writes_broker => {}
            _ = self.client.stream.writable(), if writes_client => {}
            () = self.acks.wake.notified() => {}
            () = self.gateway.room(), if full => {}
            _ = phase.changed() => {}
            () = self.stop.notified() => return Err(End::TakenOver),
            () = sleep_until(timer.unwrap_or_else(Instant::now)), if timer.is_some() => {
                return self.tick(full);
            }
        }
        Ok(())
    }

    /// When to look at the clocks.
    fn timer(&self, full: bool) -> Option<Instant> {
        let stalled = self
            .downstream
            .is_blocked
            .then(|| self.clocks.delivered + STALL_TIMEOUT);
        let ping = self.ping_interval(full);
        let ping = ping.map(|interval| self.clocks.forwarded + interval);
        [self.clocks.end, stalled, ping].into_iter().flatten().min()
    }

    /// How long the broker may hear nothing where the client can't or needn't ping.
    fn ping_interval(&self, full: bool) -> Option<Duration> {
        let client = self.accepted.as_ref()?;
        let State::Connected(_) = &self.upstream.state else {
            return None;
        };
        match client.keep_alive {
            0 => Some(NO_KEEP_ALIVE),
            // It is only slowed down, and its PINGREQ waits behind its messages.
            seconds if full => Some(Duration::from_secs(u64::from(seconds)) / 2),
            _ => None,
        }
    }

    fn tick(&mut self, full: bool) -> Result<(), End> {
        let now = Instant::now();
        if self.clocks.end.is_some_and(|end| end <= now) {
            return Err(End::Closed);
        }
        if self.downstream.is_blocked && self.clocks.delivered + STALL_TIMEOUT <= now {
            return Err(Fault::Stalled.into());
        }
        if let Some(interval) = self.ping_interval(full)
            && self.clocks.forwarded + interval <= now
        {
            self.clocks.forwarded = now;
            self.upstream.to_broker.extend_from_slice(&[0xc0, 0]);
            self.upstream.pings.push_back(true);
        }
        Ok(())
    }

    /// Ends the connection where nothing more is to come.
    fn check_ends(&mut self, phase: Phase) -> Result<(), End> {
        let delivered = self.downstream.to_client.is_empty() || !self.client.writes;
        if !self.broker.reads && delivered {
            return Err(End::Closed);
        }
        if phase == Phase::Closing && delivered && !self.acks.owes() {
            return Err(End::Closing);
        }
        if (!self.broker.reads || phase == Phase::Closing) && self.clocks.end.is_none() {
            self.clocks.end = Some(Instant::now() + CLOSE_TIMEOUT);
        }
        Ok(())
    }

    /// The broker has answered CONNECT: takes over the client's session before it learns that.
    async fn accept(&mut self, connack: BytesMut) -> Result<(), End> {
        let state = std::mem::replace(&mut self.upstream.state, State::Refused);
        let State::Connecting(connecting) = state else {
            return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR).into());
        };
        let refused = |code: u8| code != 0;
        // After the flags comes the code.
        let code = body(&connack).get(1).copied().unwrap_or(0xff);
        let Some(connecting) = connecting.filter(|_| !refused(code)) else {
            if !refused(code) {
                // A CONNECT that the broker understands, and the gateway doesn't.
                return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR).into());
            }
            self.downstream.to_client.extend_from_slice(&connack);
            return Ok(());
        };
        let Connecting { protocol, connect } = *connecting;
        let codec = Codec::new(protocol, MAX_PACKET_SIZE);
        let Ok(Some(Incoming::ConnAck(answer))) = codec.decode(&mut connack.clone()) else {
            return Err(Fault::Protocol(ReasonCode::PROTOCOL_ERROR).into());
        };
        let properties = answer.properties.unwrap_or_default();
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
            farewell: None,
            id,
        };
        if !client.id.is_empty() {
            let (taken, ids) = self.gateway.sessions.take(&client.id, &self.stop).await;
            client.session = Some(taken);
            self.gateway.wills.cancel(&client.id);
            self.upstream.ids = ids;
        }
        if session_expiry > 0 && self.gateway.notes_ids {
            self.upstream.key = Some(session_key(&client.id));
        }
        let id = client.id.clone();
        // From here on, what is held goes back to the table whatever happens.
        self.accepted = Some(client);
        if connect.clean_start || !answer.session_present {
            self.forget(&id).await;
        }
        self.upstream.state = State::Connected(codec);
        self.downstream.to_client.extend_from_slice(&connack);
        Ok(())
    }

    /// The session begins anew: what was held for the one before is removed, also from the disk.
    async fn forget(&mut self, client_id: &str) {
        let had = std::mem::take(&mut self.upstream.ids).has_held();
        if !had || !self.gateway.notes_ids {
            return;
        }
        let (sender, forgotten) = oneshot::channel();
        let change = OnCommit::Forget(session_key(client_id), sender);
        {
            let Some(_open) = self.gateway.open() else {
                return pending().await;
            };
            self.gateway.take(&mut vec![Arrival::Change(change)]);
        }
        if forgotten.await.is_err() {
            // The thread that commits has ended, and so does the program.
            pending::<()>().await;
        }
    }

    /// Leaves behind what outlives the connection.
    fn finish(&mut self, end: &End) {
        if self.downstream.dropped > 0 {
            self.gateway.messages.say(&format_args!(
                "client `{}` read too slowly: {} messages with QoS 0 to it were dropped",
                self.name(),
                self.downstream.dropped
            ));
        }
        if let End::Fault(fault) = end
            && fault.is_reported()
        {
            let name = self.name();
            let messages = &self.gateway.messages;
            messages.say(&format_args!("client `{name}` is disconnected: {fault}"));
        }
        let Some(mut client) = self.accepted.take() else {
            return;
        };
        let farewell = client.farewell;
        let ends = farewell.is_some_and(|farewell| farewell.ends_session);
        let stays = client.session_expiry > 0 && !ends;
        let mut ids = std::mem::take(&mut self.upstream.ids);
        if stays {
            ids.set_unacknowledged(self.acks.unacknowledged());
        } else {
            if ids.has_held() && self.upstream.key.is_some() {
                let change = OnCommit::Forget(session_key(&client.id), oneshot::channel().0);
                if let Some(_open) = self.gateway.open() {
                    self.gateway.take(&mut vec![Arrival::Change(change)]);
                }
            }
            ids = HeldIds::default();
        }
        self.publish_will(&mut client, end, ends);
        if let Some(session) = client.session {
            self.gateway.sessions.leave(session, ids);
        }
    }

    /// Stores the will where the broker publishes it.
    fn publish_will(&self, client: &mut Client, end: &End, ends_session: bool) {
        let is_due = match (end, client.farewell) {
            // The broker may publish it when it ends; the program doesn't take it any more.
            (End::Closing, _) => false,
            (_, farewell) => farewell.is_none_or(|farewell| farewell.with_will),
        };
        let Some(will) = client.will.take().filter(|_| is_due) else {
            return;
        };
        let delay = will.properties.as_ref();
        let delay = delay.and_then(|properties| properties.will_delay_interval);
        let expiry = if ends_session {
            0
        } else {
            client.session_expiry
        };
        match delay.unwrap_or(0).min(expiry) {
            0 => will::publish(&self.gateway, &will),
            // The client is there.
            _ if matches!(end, End::TakenOver) => {}
            seconds => {
                let delay = Duration::from_secs(u64::from(seconds));
                will::publish_later(&self.gateway, &client.id, will, delay);
            }
        }
    }

    /// What messages call the client.
    fn name(&self) -> String {
        let name = self.accepted.as_ref().map_or("", |client| &client.id);
        let shown: String = name.chars().take(100).collect();
        shown.escape_debug().to_string()
    }

    /// Tells an MQTT 5 client why the connection ends.
    async fn say_why(mut self, end: &End) {
        let reason = match end {
            End::Closed => return,
            End::TakenOver => ReasonCode(0x8e),
            End::Closing => ReasonCode(0x8b),
            End::Fault(fault) => fault.reason(),
        };
        if let State::Connected(codec) = &self.upstream.state
            && self.downstream.to_client.is_empty()
        {
            let disconnect = iot_core::packet::Outgoing::Disconnect(iot_core::packet::Disconnect {
                reason,
                properties: None,
            });
            let mut packet = BytesMut::new();
            codec.encode(&disconnect, &mut packet);
            if packet.len() > 2 {
                let written = self.client.stream.write_all(&packet);
                let _ = tokio::time::timeout(CLOSE_TIMEOUT, written).await;
            }
        }
        let _ = self.client.stream.shutdown().await;
    }
}
