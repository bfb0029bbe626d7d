//! The protocol as a state machine: packets and the time go in; packets to send, events for the
//! application and the next deadline come out. No socket, no clock, no await.
//!
//! A [`Session`] outlives connections. For each connection its owner calls [`Session::open`], feeds
//! what arrives to [`Session::handle`], sends what [`Session::poll_transmit`] gives, calls
//! [`Session::tick`] when [`Session::deadline`] has come, tells the application what
//! [`Session::poll_event`] gives, and calls [`Session::close`] at the end. Each call may give rise to
//! packets and events, and move the deadline.
//!
//! ```
//! use bytes::BytesMut;
//! use iot_core::session::{Event, Session};
//! use iot_core::ClientConfig;
//! use std::sync::Arc;
//! use std::time::Instant;
//!
//! # fn main() -> Result<(), iot_core::Error> {
//! let now = Instant::now();
//! let mut session = Session::new(Arc::new(ClientConfig::new("a").checked()?), now);
//! let codec = session.codec();
//!
//! session.open(now);
//! let mut to_send = BytesMut::new();
//! while let Some(packet) = session.poll_transmit(now) {
//!     codec.encode(&packet, &mut to_send);
//! }
//! assert_eq!(to_send[0], 0x10); // CONNECT
//!
//! let mut received = BytesMut::from(&[0x20, 2, 0, 0][..]); // CONNACK
//! while let Some(packet) = codec.decode(&mut received)? {
//!     session.handle(packet, now)?;
//! }
//! assert!(matches!(session.poll_event(), Some(Event::Connected(_))));
//! assert_eq!(session.deadline(), Some(now + std::time::Duration::from_secs(60)));
//! # Ok(())
//! # }
//! ```

mod aliases;
pub(crate) mod id_map;
mod ids;
mod log;
mod publishing;
mod receiving;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::config::ClientConfig;
use crate::error::{Error, Rejection};
use crate::message::{Message, PacketId, Properties, QoS};
use crate::packet::{
    Ack, Auth, Codec, ConnAck, Connect, Disconnect, Incoming, Outgoing, Oversized, Publish,
    SubscribeAck, Subscription,
};
use crate::protocol::Protocol;
use crate::reason::ReasonCode;
use crate::topic::{TopicFilter, TopicName};
use aliases::Aliases;
use ids::{PacketIds, Use};
pub use log::LogLevel;
use publishing::Publishing;
use receiving::Receiving;
pub use receiving::{AckToken, ReleaseToken};

/// Bytes of QoS 0 messages that wait to be written, at most; a message that is larger by itself
/// waits alone.
const MAX_UNSENT: usize = 1024 * 1024;

/// The largest packet that the protocol knows: five bytes of header, 268,435,455 that follow.
const MAX_PACKET: usize = 268_435_460;

/// What the connection ends with unless the application says more.
const GOODBYE: Disconnect = Disconnect {
    reason: ReasonCode::SUCCESS,
    properties: None,
};

/// Why AUTH may not come [MQTT-4.12.0-6].
const AUTH: &str = "AUTH, though no authentication method was named";

/// Why this CONNACK may not come [MQTT-4.12.0-5], [MQTT-4.12.0-6].
const OTHER_METHOD_ACCEPTED: &str = "CONNACK with another authentication method than CONNECT's";

/// Why a packet may not come that explains itself [MQTT-3.1.2-29].
const UNWANTED_WORDS: &str = "a reason string or user properties, though they are not wanted";

/// Why this AUTH may not come [MQTT-4.12.0-5].
const OTHER_METHOD: &str = "AUTH with another method than CONNECT's";

/// A time that no wait exceeds, so that adding it to a moment can't overflow.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// What the session tells the application.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The broker accepted the connection; [`ConnAck::session_present`] tells whether it still has
    /// the session. Subscribe now: the client does not renew subscriptions by itself.
    Connected(ConnAck),
    /// The broker refuses the connection, [`ConnAck::code`] says why.
    Refused(ConnAck),
    /// A message has arrived. The token is what [`Session::ack`] takes, where the application
    /// acknowledges; QoS 0 has none.
    Received {
        /// The message.
        message: Message,
        /// With QoS 1 and 2.
        token: Option<AckToken>,
    },
    /// A QoS 2 message that was delivered before has come again, under a packet id that is held and
    /// with the same [`Message::fingerprint`]: it is acknowledged once the first one is, and not to
    /// be taken a second time. Another message under such an id is [`Received`](Self::Received): the
    /// broker has lost what it knew.
    Duplicate(Message),
    /// A message has arrived that is larger than
    /// [`maximum_packet_size`](ClientConfig::maximum_packet_size): it is acknowledged, and its payload
    /// dropped. Before MQTT 5 only, whose brokers know the limit.
    PassedOver {
        /// The message without its payload.
        message: Message,
        /// The packet's size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The broker has seen our PUBREC and releases the message; [`Session::release`] sends the
    /// PUBCOMP. Without `manual_ack` the PUBCOMP goes by itself, and this tells only what the broker
    /// has added to its PUBREL, if anything.
    Released {
        /// What [`Session::release`] takes.
        token: ReleaseToken,
        /// Success, or that the broker doesn't know the message (MQTT 5).
        reason: ReasonCode,
        /// What the broker added (MQTT 5).
        properties: Option<Box<Properties>>,
    },
    /// A message is sent (QoS 0, where [`Session::publish`] was asked for that), acknowledged (QoS 1:
    /// PUBACK, QoS 2: PUBCOMP), or never will be. Its id is free again.
    Published {
        /// Which one.
        id: PacketId,
        /// The broker's reason code, success before MQTT 5; or why the message was given up:
        /// [`Error::Rejected`], a limit of the broker's CONNACK, for QoS 0 the end of the connection.
        result: Result<ReasonCode, Error>,
        /// What the broker added (MQTT 5).
        properties: Option<Box<Properties>>,
        /// The PUBREC of a QoS 2 message that is done, where it said more than success (MQTT 5).
        pubrec: Option<Box<Ack>>,
    },
    /// The broker asks for the next step of the authentication that CONNECT has offered, or ends a
    /// repeated one; [`Session::auth`] answers, where [`Session::set_answers_auth`] says so.
    Auth(Auth),
    /// The broker's answer to a SUBSCRIBE.
    Subscribed(SubscribeAck),
    /// The broker's answer to an UNSUBSCRIBE.
    Unsubscribed(SubscribeAck),
    /// There is room again after [`Error::QueueFull`]: half of what is allowed is free. Once for any
    /// number of refusals.
    Writable,
    /// The connection is over: `Ok` after [`Session::disconnect`], else why. Also one that the broker
    /// never accepted. SUBSCRIBE and UNSUBSCRIBE that it has not answered are forgotten.
    Disconnected(Result<(), Error>),
    /// A line of the log, where [`Session::set_logging`] asks for it.
    Log {
        /// How much it matters.
        level: LogLevel,
        /// What has happened.
        text: String,
    },
    /// No connection could be made, the next try follows. From [`Connection`](crate::Connection) only.
    ConnectFailed(Error),
}

/// Where the session stands with its present connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// There is no connection.
    Offline,
    /// CONNECT is sent, CONNACK has to come by then.
    Connecting { until: Instant },
    /// CONNACK has come.
    Online,
    /// DISCONNECT is the last packet to send, or is sent; CONNACK has come before, or may yet.
    Ending { said: bool, greeted: bool },
}

/// Whether the broker still has the session, as far as its CONNACK tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
    /// MQTT 3.1 doesn't say.
    Unknown,
}

/// What the broker's CONNACK allows.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
struct Limits {
    receive_maximum: u16,
    maximum_qos: u8,
    retain_available: bool,
    maximum_packet_size: usize,
    keep_alive: Duration,
    wildcards: bool,
    subscription_identifiers: bool,
    shared_subscriptions: bool,
}

/// The protocol's state, for one client id: what waits to be sent, what is in flight, which packet
/// ids are held, what the broker allows. It outlives connections; the module's [documentation](self)
/// says how it is driven.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a matter of its own")]
pub struct Session {
    config: Arc<ClientConfig>,
    codec: Codec,
    phase: Phase,
    limits: Limits,
    ids: PacketIds,
    publishing: Publishing,
    receiving: Receiving,
    /// Why messages with QoS 2 are given up that the broker may have, or not.
    doubtful: BTreeMap<PacketId, Error>,
    /// What PUBRECs said beyond success, until their messages are done.
    pubrecs: BTreeMap<PacketId, Box<Ack>>,
    /// The application answers AUTH.
    answers_auth: bool,
    /// A repeated authentication is under way.
    reauthenticating: bool,
    /// What the broker's aliases stand for.
    aliases: Vec<Option<TopicName>>,
    /// What ours stand for.
    our_aliases: Aliases,
    /// What the application ends the connection with.
    goodbye: Disconnect,
    logging: bool,
    outbox: VecDeque<Outgoing>,
    /// Bytes of the PUBLISH packets with QoS 0 in the outbox.
    unsent: usize,
    /// A publish was refused for want of room.
    starved: bool,
    events: VecDeque<Event>,
    last_sent: Instant,
    last_received: Instant,
    ping_sent: Option<Instant>,
    reading: bool,
    assigned_client_id: Option<String>,
}

impl Session {
    /// Returns a session without a connection. `config` is a [`ClientConfig::checked`] one.
    pub fn new(config: Arc<ClientConfig>, now: Instant) -> Self {
        let codec = Codec::new(config.protocol, config.maximum_packet_size as usize);
        Self {
            codec,
            phase: Phase::Offline,
            limits: Limits::new(None, config.keep_alive),
            ids: PacketIds::default(),
            publishing: Publishing::default(),
            receiving: Receiving::new(config.manual_ack),
            doubtful: BTreeMap::new(),
            pubrecs: BTreeMap::new(),
            answers_auth: false,
            reauthenticating: false,
            aliases: Vec::new(),
            our_aliases: Aliases::default(),
            goodbye: GOODBYE,
            logging: false,
            outbox: VecDeque::new(),
            unsent: 0,
            starved: false,
            events: VecDeque::new(),
            last_sent: now,
            last_received: now,
            ping_sent: None,
            reading: true,
            assigned_client_id: None,
            config,
        }
    }

    /// Takes over QoS 2 packet ids that an earlier process received and did not see released, each
    /// with its message's [`Message::fingerprint`]: the same message under one of them is a duplicate,
    /// as long as the broker still has the session. To be called before the first connection.
    pub fn hold(&mut self, held: impl IntoIterator<Item = (PacketId, u64)>) {
        self.receiving.hold(held);
    }

    /// Takes over another configuration: the limits of what is queued and in flight and the delays at
    /// once, the rest for the next connection.
    pub(crate) fn configure(&mut self, config: Arc<ClientConfig>) {
        if config.protocol != self.config.protocol {
            self.codec = Codec::new(config.protocol, config.maximum_packet_size as usize);
        }
        self.config = config;
        self.feed();
        self.pump();
    }

    /// Chooses whether [`Event::Log`] tells each packet and why a connection ends. Default `false`.
    pub fn set_logging(&mut self, logging: bool) {
        self.logging = logging;
    }

    /// Chooses who acknowledges what arrives from now on: the application, by [`ack`](Self::ack), or
    /// the session, at [`acknowledge_taken`](Self::acknowledge_taken). Acknowledgements keep the order
    /// of arrival, whoever gives them [MQTT-4.6.0-2].
    pub fn set_manual_ack(&mut self, manual: bool) {
        self.receiving.set_manual(manual);
    }

    /// Chooses whether the application answers the broker's AUTH, by [`auth`](Self::auth). Default `false`:
    /// a broker that asks for a next step of the authentication is left with reason code 0x83, for it would
    /// wait in vain.
    pub fn set_answers_auth(&mut self, answers: bool) {
        self.answers_auth = answers;
    }

    fn log(&mut self, level: LogLevel, text: impl FnOnce() -> String) {
        if self.logging {
            let text = text();
            self.events.push_back(Event::Log { level, text });
        }
    }

    /// Returns the codec for this session's packets: its protocol version, and the largest packet that
    /// it takes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn codec_protocol(&self) -> Protocol {
        self.config.protocol
    }

    /// Returns the client id: the configured one, or the one that the broker has assigned (MQTT 5
    /// §3.2.2.3.7).
    pub fn client_id(&self) -> &str {
        self.assigned_client_id
            .as_deref()
            .unwrap_or(&self.config.client_id)
    }

    /// Returns whether CONNACK has accepted the connection, and it neither has ended nor is ending.
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Online
    }

    /// Returns whether [`disconnect`](Self::disconnect) was called on the present connection.
    pub fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending { .. })
    }

    /// Returns whether DISCONNECT is sent, or there is nobody to send it to.
    pub(crate) fn has_said_goodbye(&self) -> bool {
        matches!(self.phase, Phase::Ending { said: true, .. })
    }

    /// Returns whether CONNECT is under way and its answer has not come.
    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self.phase, Phase::Connecting { .. })
    }

    /// Returns the shortest and the longest delay before the next try to connect.
    pub(crate) fn reconnect_delay(&self) -> (Duration, Duration) {
        self.config.reconnect_delay
    }

    /// Returns how many packets wait to be sent.
    pub(crate) fn backlog(&self) -> usize {
        self.outbox.len()
    }

    /// Returns whether there is nothing to send and nothing to tell.
    pub(crate) fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.events.is_empty()
    }

    /// Returns how many messages with QoS 1 and 2 are accepted and not yet acknowledged.
    pub fn unacknowledged(&self) -> usize {
        self.publishing.len()
    }

    /// Returns how many messages with QoS 1 and 2 were sent on this connection and are not yet acknowledged.
    pub(crate) fn in_flight(&self) -> usize {
        self.publishing.in_flight()
    }

    /// Returns how many messages are in flight where others wait because no more may be.
    pub(crate) fn held_back(&self) -> Option<usize> {
        let in_flight = self.publishing.in_flight();
        let is_held_back = self.phase == Phase::Online
            && in_flight >= self.window()
            && in_flight < self.publishing.len();
        is_held_back.then_some(in_flight)
    }

    /// Returns how many answers have brought a message on its way since the session's start.
    pub(crate) fn answers(&self) -> u64 {
        self.publishing.answers()
    }

    // The connection's side.

    /// Starts a connection: CONNECT is the first packet to send [MQTT-3.1.0-1]. The one before has been
    /// [closed](Self::close).
    pub fn open(&mut self, now: Instant) {
        self.phase = Phase::Connecting {
            until: now + self.config.connect_timeout.min(LONGEST),
        };
        self.outbox.clear();
        self.unsent = 0;
        self.ping_sent = None;
        self.last_sent = now;
        self.last_received = now;
        self.aliases.clear();
        self.aliases
            .resize(self.config.topic_alias_maximum.into(), None);
        self.our_aliases.reset(0);
        self.goodbye = GOODBYE;
        self.reauthenticating = false;
        self.receiving.disconnected();
        let config = &self.config;
        let properties = match config.protocol {
            Protocol::V31 | Protocol::V311 => Properties::default(),
            Protocol::V5 => config.connect_properties(),
        };
        let connect = Connect {
            client_id: self.client_id().to_owned(),
            clean_start: config.clean_session,
            #[expect(
                clippy::cast_possible_truncation,
                reason = "checked by the configuration"
            )]
            keep_alive: config.keep_alive.as_secs() as u16,
            username: config.username.clone(),
            password: config.password.clone(),
            will: config.will.clone(),
            properties,
        };
        self.outbox.push_back(Outgoing::Connect(Box::new(connect)));
    }

    /// Takes a packet that has arrived.
    ///
    /// # Errors
    /// [`Error::Decode`] or [`Error::Protocol`] where the broker may not send it now,
    /// [`Error::ServerDisconnect`] and [`Error::Refused`] where it ends the connection,
    /// [`Error::AuthUnanswered`] where it asks for what nobody answers. [`farewell`](Self::farewell) is
    /// to be sent then, and the connection to be [closed](Self::close) with that error.
    /// [`Error::Closed`] where there is no connection.
    pub fn handle(&mut self, packet: Incoming, now: Instant) -> Result<(), Error> {
        self.last_received = now;
        // Any packet shows that the broker lives, and frees the way for the next PINGREQ.
        self.ping_sent = None;
        self.log(LogLevel::Debug, || log::received(&packet));
        if !self.config.request_problem_information && has_words(&packet) {
            return Err(protocol(UNWANTED_WORDS));
        }
        match (self.phase, packet) {
            (Phase::Connecting { .. }, Incoming::ConnAck(ack)) => self.connack(ack),
            (Phase::Connecting { .. }, packet @ Incoming::Disconnect(_))
            | (Phase::Online, packet)
            // Answers are of use to the last; nothing else is taken any more.
            | (
                Phase::Ending { .. },
                packet @ (Incoming::PubAck(_)
                | Incoming::PubRec(_)
                | Incoming::PubComp(_)
                | Incoming::SubAck(_)
                | Incoming::UnsubAck(_)),
            ) => self.online(packet),
            (Phase::Ending { greeted: false, said }, Incoming::ConnAck(ack)) => {
                self.phase = Phase::Ending { said, greeted: true };
                self.greeted_late(&ack);
                Ok(())
            }
            (Phase::Connecting { .. }, Incoming::Auth(auth)) => {
                self.asked(auth, &[ReasonCode::CONTINUE_AUTHENTICATION])
            }
            (Phase::Connecting { .. }, _) => Err(protocol("a packet before CONNACK")),
            (Phase::Offline, _) => Err(Error::Closed),
            (Phase::Ending { .. }, _) => Ok(()),
        }
    }

    fn online(&mut self, packet: Incoming) -> Result<(), Error> {
        match packet {
            Incoming::ConnAck(_) => return Err(protocol("a second CONNACK")),
            Incoming::Publish(publish) => self.publish_received(publish)?,
            Incoming::Oversized(oversized) => self.pass_over(*oversized)?,
            Incoming::PubAck(ack) => self.acknowledged(ack, QoS::AtLeastOnce),
            Incoming::PubRec(ack) => self.pubrec(ack),
            Incoming::PubRel(ack) => {
                let mut out = Answers::new(&mut self.outbox, &mut self.events);
                self.receiving.pubrel(ack, &mut out);
            }
            Incoming::PubComp(ack) => self.acknowledged(ack, QoS::ExactlyOnce),
            Incoming::SubAck(ack) => {
                if self.ids.free_if(ack.id, Use::Subscribe) {
                    self.events.push_back(Event::Subscribed(ack));
                    self.feed();
                }
            }
            Incoming::UnsubAck(ack) => {
                if self.ids.free_if(ack.id, Use::Unsubscribe) {
                    self.events.push_back(Event::Unsubscribed(ack));
                    self.feed();
                }
            }
            Incoming::PingResp => {}
            Incoming::Disconnect(Disconnect { reason, properties }) => {
                return Err(Error::ServerDisconnect {
                    reason,
                    reason_string: reason_string(properties.as_deref()),
                    properties,
                });
            }
            Incoming::Auth(auth) if self.reauthenticating => {
                if auth.reason == ReasonCode::SUCCESS {
                    self.reauthenticating = false;
                }
                let allowed = [ReasonCode::SUCCESS, ReasonCode::CONTINUE_AUTHENTICATION];
                self.asked(auth, &allowed)?;
            }
            Incoming::Auth(_) if self.config.authentication_method.is_some() => {
                return Err(protocol(
                    "AUTH, though nobody has asked to authenticate again",
                ));
            }
            Incoming::Auth(_) => return Err(protocol(AUTH)),
        }
        Ok(())
    }

    fn connack(&mut self, ack: ConnAck) -> Result<(), Error> {
        if !ack.code.is_accepted() {
            let error = Error::Refused {
                code: ack.code,
                reason_string: reason_string(ack.properties.as_deref()),
                properties: ack.properties.clone(),
            };
            self.events.push_back(Event::Refused(ack));
            return Err(error);
        }
        if ack.session_present && self.config.clean_session {
            return Err(protocol("a session is present after a clean start"));
        }
        let method = ack.properties.as_deref();
        let method = method.and_then(|given| given.authentication_method.as_ref());
        if self.config.protocol.is_v5() && method != self.config.authentication_method.as_ref() {
            return Err(protocol(OTHER_METHOD_ACCEPTED));
        }
        self.phase = Phase::Online;
        self.obey(&ack);
        self.resume(&ack);
        self.feed();
        self.events.push_back(Event::Connected(ack));
        self.pump();
        Ok(())
    }

    /// CONNACK has come after the application has ended the connection. Whether the session is there
    /// matters all the same: where it began anew, the next CONNACK will find it present, and its
    /// packet ids would be taken for those of the session before.
    fn greeted_late(&mut self, ack: &ConnAck) {
        if ack.code.is_accepted() {
            self.obey(ack);
            self.resume(ack);
        } else {
            self.outbox.clear();
        }
    }

    /// Takes over what the broker allows on this connection.
    fn obey(&mut self, ack: &ConnAck) {
        let given = ack.properties.as_deref();
        self.limits = Limits::new(given, self.config.keep_alive);
        let aliases = given.and_then(|given| given.topic_alias_maximum);
        self.our_aliases.reset(aliases.unwrap_or(0));
        self.recheck_unsent();
    }

    /// Takes up the session as the broker has it.
    fn resume(&mut self, ack: &ConnAck) {
        let given = ack.properties.as_deref();
        if let Some(id) = given.and_then(|given| given.assigned_client_identifier.as_ref()) {
            self.assigned_client_id = Some(id.clone());
        }
        let kept = match (self.config.protocol, self.config.clean_session) {
            (Protocol::V31, false) => Kept::Unknown,
            _ if ack.session_present => Kept::Yes,
            _ => Kept::No,
        };
        // What an unknown session's ids stand for is not known either: better a message twice than
        // a new one taken for an old one.
        if kept != Kept::Yes {
            self.receiving.session_lost();
        }
        self.publishing.resume(kept);
    }

    /// Gives up the QoS 0 messages, accepted before CONNACK, that the broker turns out not to take.
    fn recheck_unsent(&mut self) {
        let (limits, codec) = (&self.limits, self.codec);
        let (unsent, events, ids) = (&mut self.unsent, &mut self.events, &mut self.ids);
        self.outbox.retain(|packet| {
            let Outgoing::Publish(message) = packet else {
                return true;
            };
            let size = codec.publish_len(message);
            let Err(error) = limits.check(message, size) else {
                return true;
            };
            *unsent -= size;
            if let Some(id) = message.packet_id
                && ids.free_if(id, Use::Sending)
            {
                events.push_back(Event::Published {
                    id,
                    result: Err(error),
                    properties: None,
                    pubrec: None,
                });
            }
            false
        });
    }

    /// Returns the next packet to send, or `None` where there is nothing at present. Before CONNACK
    /// that is CONNECT and AUTH only.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Outgoing> {
        // What was accepted since CONNECT waits for CONNACK, which says what the broker takes.
        let waits = match self.phase {
            Phase::Connecting { .. } => true,
            // Before MQTT 5 it says nothing about that.
            Phase::Ending { greeted, .. } => {
                !greeted && self.config.protocol.is_v5() && !self.outbox.is_empty()
            }
            _ => false,
        };
        let first = self.outbox.front();
        if waits && !matches!(first, Some(Outgoing::Connect(_) | Outgoing::Auth(_))) {
            return None;
        }
        let packet = match &mut self.phase {
            Phase::Ending { said: true, .. } => return None,
            Phase::Ending { said, .. } if self.outbox.is_empty() => {
                *said = true;
                Outgoing::Disconnect(std::mem::replace(&mut self.goodbye, GOODBYE))
            }
            _ => self.outbox.pop_front()?,
        };
        self.last_sent = now;
        if let Outgoing::Publish(message) = &packet
            && message.qos == QoS::AtMostOnce
        {
            self.unsent = self.unsent.saturating_sub(self.codec.publish_len(message));
            self.feed();
        }
        let packet = self.alias(packet);
        self.log(LogLevel::Debug, || log::sending(&packet));
        Some(packet)
    }

    /// Gives a PUBLISH an alias for its topic, where the broker takes one and has room for it.
    fn alias(&mut self, packet: Outgoing) -> Outgoing {
        /// What an alias adds at most: the property, and a byte each for the two lengths.
        const ROOM: usize = 5;
        let Outgoing::Publish(mut message) = packet else {
            return packet;
        };
        // A wish; what is sent is decided here.
        let properties = message.properties.as_mut();
        let wanted = properties.and_then(|properties| properties.topic_alias.take());
        if !self.our_aliases.are_taken()
            || self.codec.publish_len(&message) + ROOM > self.limits.maximum_packet_size
        {
            return Outgoing::Publish(message);
        }
        let alias = match wanted {
            Some(number) => self.our_aliases.assign_wanted(&message.topic, number),
            None => self.our_aliases.assign(&message.topic),
        };
        match alias {
            None => Outgoing::Publish(message),
            Some(alias) => Outgoing::PublishAliased {
                message,
                alias: alias.number,
                known: alias.known,
            },
        }
    }

    /// Is told that a QoS 0 message with a packet id has left for the broker; [`Event::Published`]
    /// follows.
    pub fn sent(&mut self, id: PacketId) {
        if self.ids.free_if(id, Use::Sending) {
            let result = Ok(ReasonCode::SUCCESS);
            self.events.push_back(Event::Published {
                id,
                result,
                properties: None,
                pubrec: None,
            });
            self.feed();
        }
    }

    /// Returns the next event, if there is one. With automatic acknowledgement, what is returned counts as taken at
    /// the next [`acknowledge_taken`](Self::acknowledge_taken).
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front()?;
        if let Event::Received {
            token: Some(token), ..
        } = &event
        {
            self.receiving.taken(*token);
        }
        Some(event)
    }

    /// Acknowledges the messages that [`poll_event`](Self::poll_event) has returned, unless the
    /// application acknowledges by itself. To be called when it is done with them.
    pub fn acknowledge_taken(&mut self) {
        let mut out = Answers::new(&mut self.outbox, &mut self.events);
        self.receiving.acknowledge_taken(&mut out);
    }

    /// Returns when [`tick`](Self::tick) is to be called next: when CONNACK has to be there, the next
    /// PINGREQ is due, or its answer has to be there. `None` without a connection, while it ends, and
    /// with a keep alive of 0. It changes with each packet.
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connecting { until } => Some(until),
            Phase::Online if !self.limits.keep_alive.is_zero() => {
                let silent_since = self.last_sent.min(self.last_received);
                Some(self.ping_sent.unwrap_or(silent_since) + self.limits.keep_alive)
            }
            _ => None,
        }
    }

    /// Does what is due: a PINGREQ after a keep alive without a packet in one of the directions (MQTT
    /// 3.1.1 §3.1.2.10), or the end of a silent connection. Before the [`deadline`](Self::deadline) that
    /// is nothing.
    ///
    /// # Errors
    /// [`Error::ConnectTimeout`] where CONNACK has not come within `connect_timeout`,
    /// [`Error::KeepAlive`] where nothing has come for a keep alive after a PINGREQ. The connection is
    /// to be [closed](Self::close) then, with that error.
    pub fn tick(&mut self, now: Instant) -> Result<(), Error> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if let Phase::Connecting { .. } = self.phase {
            return Err(Error::ConnectTimeout);
        }
        // Who does not read can't tell whether the broker is silent, and goes on pinging.
        if self.ping_sent.is_some() && self.reading {
            return Err(Error::KeepAlive);
        }
        self.ping_sent = Some(now);
        self.outbox.push_back(Outgoing::PingReq);
        Ok(())
    }

    /// Is told whether the connection reads at present. While it doesn't, a silent broker is not
    /// taken for a dead one.
    pub fn set_reading(&mut self, reading: bool, now: Instant) {
        if reading && !self.reading && self.ping_sent.is_some() {
            self.ping_sent = Some(now);
        }
        self.reading = reading;
    }

    /// Ends the connection, for the reason that [`Event::Disconnected`] then gives. Messages with QoS 1
    /// and 2 stay for the next one; QoS 0 that has not left is lost.
    pub fn close(&mut self, result: Result<(), Error>) {
        self.phase = Phase::Offline;
        for packet in self.outbox.drain(..) {
            if let Outgoing::Publish(message) = packet
                && !message.dup
                && let Some(id) = message.packet_id
            {
                self.publishing.never_left(id);
            }
        }
        self.unsent = 0;
        self.publishing.disconnected();
        self.receiving.disconnected();
        for id in self.ids.free_unsent() {
            let result = Err(result.clone().err().unwrap_or(Error::Closed));
            self.events.push_back(Event::Published {
                id,
                result,
                properties: None,
                pubrec: None,
            });
        }
        self.feed();
        if self.logging {
            let (level, text) = match &result {
                Ok(()) => (LogLevel::Info, "disconnected".into()),
                Err(error) => (LogLevel::Error, error.to_string()),
            };
            self.events.push_back(Event::Log { level, text });
        }
        self.events.push_back(Event::Disconnected(result));
    }

    // The application's side.

    /// Accepts a message: QoS 0 to be sent at once, QoS 1 and 2 to be delivered even if the
    /// connection or the session is lost in between. Returns the packet id of a message with QoS 1
    /// or 2, and of one with QoS 0 where `tracked` asks to be told when it is sent.
    ///
    /// # Errors
    /// [`Error::NotConnected`] (QoS 0 only), [`Error::QueueFull`] ([`Event::Writable`] follows),
    /// [`Error::Config`] and [`Error::Topic`] for a property out of its range, and what the broker's
    /// CONNACK forbids: [`Error::PacketTooLarge`], [`Error::QosNotSupported`],
    /// [`Error::RetainNotSupported`]. What is accepted before such a CONNACK is given up when it comes.
    pub fn publish(
        &mut self,
        mut message: Message,
        tracked: bool,
    ) -> Result<Option<PacketId>, Error> {
        message.dup = false;
        message.packet_id = None;
        if self.config.protocol.is_v5()
            && let Some(properties) = &mut message.properties
        {
            properties.check()?;
        }
        let size = self.codec.publish_len(&message);
        if self.phase == Phase::Online {
            self.limits.check(&message, size)?;
        } else {
            check_size(size, MAX_PACKET)?;
        }
        if message.qos == QoS::AtMostOnce {
            if !self.is_up() {
                return Err(Error::NotConnected);
            }
            if self.unsent > 0 && self.unsent + size > MAX_UNSENT {
                return Err(self.refuse());
            }
            if tracked {
                message.packet_id = self.ids.take(Use::Sending);
                if message.packet_id.is_none() {
                    return Err(self.refuse());
                }
            }
            let id = message.packet_id;
            self.unsent += size;
            self.outbox.push_back(Outgoing::Publish(message));
            return Ok(id);
        }
        if !self.has_room(size) {
            return Err(self.refuse());
        }
        let Some(id) = self.ids.take(Use::Publish) else {
            return Err(self.refuse());
        };
        message.packet_id = Some(id);
        self.publishing.accept(id, message, size);
        self.pump();
        Ok(Some(id))
    }

    /// Whether there is a connection, accepted or about to be.
    fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Connecting { .. } | Phase::Online)
    }

    fn has_room(&self, size: usize) -> bool {
        let publishing = &self.publishing;
        publishing.len() < usize::from(self.config.max_queued)
            && (publishing.len() == 0 || publishing.bytes() + size <= self.config.max_queued_bytes)
    }

    fn refuse(&mut self) -> Error {
        self.starved = true;
        Error::QueueFull {
            messages: self.publishing.len(),
            bytes: self.unsent + self.publishing.bytes(),
        }
    }

    /// Tells a publisher that was refused when half of the room is free again.
    fn feed(&mut self) {
        if self.starved
            && !self.ids.is_full()
            && self.unsent <= MAX_UNSENT / 2
            && self.publishing.len() <= usize::from(self.config.max_queued) / 2
            && self.publishing.bytes() <= self.config.max_queued_bytes / 2
        {
            self.starved = false;
            self.events.push_back(Event::Writable);
        }
    }

    /// Asks the broker for messages (SUBSCRIBE, MQTT 3.1.1 §3.8); [`Event::Subscribed`] brings its
    /// answer, unless the connection is lost before.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::NoFilter`] for an empty list, [`Error::PacketTooLarge`],
    /// [`Error::QueueFull`] where no packet id is free ([`Event::Writable`] follows); and on MQTT 5
    /// [`Error::Config`] for options that don't go together, [`Error::Unsupported`] for what the
    /// broker's CONNACK rules out.
    pub fn subscribe(&mut self, subscriptions: Vec<Subscription>) -> Result<PacketId, Error> {
        self.subscribe_with(subscriptions, None)
    }

    /// Asks for messages as [`subscribe`](Self::subscribe) does, with MQTT 5 properties: user
    /// properties, and one subscription identifier that comes with each message.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe), and [`Error::Config`] for properties out of their range.
    pub fn subscribe_with(
        &mut self,
        subscriptions: Vec<Subscription>,
        properties: Option<Properties>,
    ) -> Result<PacketId, Error> {
        if subscriptions.is_empty() {
            return Err(Error::NoFilter);
        }
        if self.config.protocol.is_v5() {
            self.check_subscriptions(&subscriptions, properties.as_ref())?;
        }
        let size = self
            .codec
            .subscribe_len(&subscriptions, properties.as_ref());
        let id = self.request(Use::Subscribe, size)?;
        let properties = properties.map(Box::new);
        self.outbox
            .push_back(Outgoing::Subscribe(id, subscriptions, properties));
        Ok(id)
    }

    fn check_subscriptions(
        &self,
        subscriptions: &[Subscription],
        properties: Option<&Properties>,
    ) -> Result<(), Error> {
        let identifiers = properties.map_or(&[][..], |p| &p.subscription_identifiers);
        if let Some(properties) = properties {
            properties.check()?;
        }
        match identifiers {
            [] | [1..=0x0fff_ffff] => {}
            [other] => {
                return Err(Error::Config(format!(
                    "the subscription identifier is {other}, 1 to 268,435,455 are allowed"
                )));
            }
            many => {
                return Err(Error::Config(format!(
                    "there are {} subscription identifiers, one at most is allowed",
                    many.len()
                )));
            }
        }
        for subscription in subscriptions {
            let filter = &subscription.filter;
            if subscription.retain_handling > 2 {
                return Err(Error::Config(format!(
                    "the retain handling of `{filter}` is {}, 0 to 2 are allowed",
                    subscription.retain_handling
                )));
            }
            if subscription.no_local && filter.is_shared() {
                return Err(Error::Config(format!(
                    "shared subscription `{filter}` can't be no-local [MQTT-3.8.3-4]"
                )));
            }
        }
        // What is asked for before CONNACK, the broker itself answers.
        if self.phase != Phase::Online {
            return Ok(());
        }
        let limits = &self.limits;
        let filters = || subscriptions.iter().map(|s| &s.filter);
        if !limits.subscription_identifiers && !identifiers.is_empty() {
            Err(Error::Unsupported("subscription identifiers"))
        } else if !limits.shared_subscriptions && filters().any(TopicFilter::is_shared) {
            Err(Error::Unsupported("shared subscriptions"))
        } else if !limits.wildcards && filters().any(TopicFilter::has_wildcard) {
            Err(Error::Unsupported("wildcards in topic filters"))
        } else {
            Ok(())
        }
    }

    /// Asks the broker for no more messages (UNSUBSCRIBE, MQTT 3.1.1 §3.10); [`Event::Unsubscribed`]
    /// brings its answer, unless the connection is lost before.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::NoFilter`] for an empty list, [`Error::PacketTooLarge`], and
    /// [`Error::QueueFull`] where no packet id is free ([`Event::Writable`] follows).
    pub fn unsubscribe(&mut self, filters: Vec<TopicFilter>) -> Result<PacketId, Error> {
        self.unsubscribe_with(filters, None)
    }

    /// Asks for no more messages as [`unsubscribe`](Self::unsubscribe) does, with MQTT 5 user
    /// properties.
    ///
    /// # Errors
    /// As [`unsubscribe`](Self::unsubscribe), and [`Error::Config`] for properties out of their
    /// range.
    pub fn unsubscribe_with(
        &mut self,
        filters: Vec<TopicFilter>,
        properties: Option<Properties>,
    ) -> Result<PacketId, Error> {
        if filters.is_empty() {
            return Err(Error::NoFilter);
        }
        if let (Protocol::V5, Some(properties)) = (self.config.protocol, &properties) {
            properties.check()?;
        }
        let size = self.codec.unsubscribe_len(&filters, properties.as_ref());
        let id = self.request(Use::Unsubscribe, size)?;
        let properties = properties.map(Box::new);
        self.outbox
            .push_back(Outgoing::Unsubscribe(id, filters, properties));
        Ok(id)
    }

    fn request(&mut self, used_for: Use, size: usize) -> Result<PacketId, Error> {
        if !self.is_up() {
            return Err(Error::NotConnected);
        }
        check_size(size, self.limits.maximum_packet_size)?;
        self.ids.take(used_for).ok_or_else(|| self.refuse())
    }

    /// Acknowledges a received message: PUBACK for QoS 1, PUBREC for QoS 2 (Paho's manual `ack`
    /// sends the PUBCOMP there). They are sent in the order in which the messages arrived
    /// [MQTT-4.6.0-2], so one that is withheld holds up those after it. A token of an earlier
    /// connection sends nothing with QoS 1: the broker will send that message again. With QoS 2 it
    /// answers the PUBLISH that comes again, which is [`Event::Duplicate`].
    pub fn ack(&mut self, token: &AckToken) {
        let mut out = Answers::new(&mut self.outbox, &mut self.events);
        self.receiving.ack(token, &mut out);
    }

    /// Acknowledges as [`ack`](Self::ack) does, with a reason code and properties (MQTT 5 §3.4,
    /// §3.5; the earlier versions know success only). A code of 128 or above refuses the message:
    /// the broker drops it, and a QoS 2 one is not released then. What is too large for the broker
    /// is left out [MQTT-3.4.2-2]. A refusal whose connection is lost is forgotten.
    ///
    /// # Errors
    /// [`Error::Config`] for a code that no PUBACK has, and for properties out of their range.
    pub fn ack_with(
        &mut self,
        token: &AckToken,
        reason: ReasonCode,
        properties: Option<Properties>,
    ) -> Result<(), Error> {
        if !self.config.protocol.is_v5() {
            self.ack(token);
            return Ok(());
        }
        let allowed = matches!(
            reason.0,
            0x00 | 0x10 | 0x80 | 0x83 | 0x87 | 0x90 | 0x91 | 0x97 | 0x99
        );
        if !allowed {
            return Err(Error::Config(format!(
                "a message is not acknowledged with `{reason}`"
            )));
        }
        if let Some(properties) = &properties {
            properties.check()?;
        }
        let reply = self.with_words(Ack::with_reason(token.id(), reason), properties);
        let mut out = Answers::new(&mut self.outbox, &mut self.events);
        self.receiving
            .ack_with(token, reply.reason, reply.properties, &mut out);
        Ok(())
    }

    /// Whether the broker would not take it.
    fn is_too_large(&self, packet: &Outgoing) -> bool {
        let mut bytes = BytesMut::new();
        self.codec.encode(packet, &mut bytes);
        bytes.len() > self.limits.maximum_packet_size
    }

    /// Forgets a released QoS 2 message and sends its PUBCOMP, unless the connection that brought the
    /// PUBREL is lost: it comes again on the next one.
    pub fn release(&mut self, token: &ReleaseToken) {
        let mut out = Answers::new(&mut self.outbox, &mut self.events);
        self.receiving.release(token, None, &mut out);
    }

    /// Releases as [`release`](Self::release) does, with a reason string and user properties for an
    /// MQTT 5 broker (§3.7.2.2). What is too large for the broker is left out [MQTT-3.7.2-2].
    ///
    /// # Errors
    /// [`Error::Config`] for properties out of their range.
    pub fn release_with(
        &mut self,
        token: &ReleaseToken,
        properties: Properties,
    ) -> Result<(), Error> {
        properties.check()?;
        let reply = self.with_words(Ack::success(token.id()), Some(properties));
        let mut out = Answers::new(&mut self.outbox, &mut self.events);
        self.receiving.release(token, reply.properties, &mut out);
        Ok(())
    }

    /// The acknowledgement with these properties, unless the broker takes none or would not take
    /// a packet of that size.
    fn with_words(&self, mut ack: Ack, properties: Option<Properties>) -> Ack {
        if !self.config.protocol.is_v5() {
            return ack;
        }
        ack.properties = properties.map(Box::new);
        if ack.properties.is_some() && self.is_too_large(&Outgoing::PubAck(ack.clone())) {
            ack.properties = None;
        }
        ack
    }

    /// Answers the broker's AUTH with the next data of the method that CONNECT named, reason code 0x18
    /// (MQTT 5 §4.12); a reason string and user properties may come with it.
    ///
    /// # Errors
    /// [`Error::NotConnected`], [`Error::Unsupported`] where CONNECT named no method,
    /// [`Error::Config`] for properties out of their range, and [`Error::PacketTooLarge`].
    pub fn auth(&mut self, properties: Properties) -> Result<(), Error> {
        self.send_auth(ReasonCode::CONTINUE_AUTHENTICATION, properties)
    }

    /// Authenticates again on the present connection, with CONNECT's method (MQTT 5 §4.12.1);
    /// [`Event::Auth`] tells how it goes on.
    ///
    /// # Errors
    /// As [`auth`](Self::auth).
    pub fn reauthenticate(&mut self, properties: Properties) -> Result<(), Error> {
        if self.phase != Phase::Online {
            return Err(Error::NotConnected);
        }
        self.send_auth(ReasonCode::REAUTHENTICATE, properties)?;
        self.reauthenticating = true;
        Ok(())
    }

    fn send_auth(&mut self, reason: ReasonCode, mut properties: Properties) -> Result<(), Error> {
        if !self.is_up() {
            return Err(Error::NotConnected);
        }
        let method = self.config.authentication_method.clone();
        if method.is_none() || !self.config.protocol.is_v5() {
            return Err(Error::Unsupported("AUTH where CONNECT named no method"));
        }
        properties.authentication_method = method;
        properties.check()?;
        let auth = Outgoing::Auth(Auth {
            reason,
            properties: Some(Box::new(properties)),
        });
        let mut bytes = BytesMut::new();
        self.codec.encode(&auth, &mut bytes);
        check_size(bytes.len(), self.limits.maximum_packet_size)?;
        // Before CONNACK the rest waits, but not this.
        let at = usize::from(matches!(self.outbox.front(), Some(Outgoing::Connect(_))));
        match self.phase {
            Phase::Connecting { .. } => self.outbox.insert(at, auth),
            _ => self.outbox.push_back(auth),
        }
        Ok(())
    }

    /// An AUTH has come.
    fn asked(&mut self, auth: Auth, allowed: &[ReasonCode]) -> Result<(), Error> {
        let Some(ours) = &self.config.authentication_method else {
            return Err(protocol(AUTH));
        };
        let given = auth.properties.as_deref();
        if given.and_then(|given| given.authentication_method.as_ref()) != Some(ours) {
            return Err(protocol(OTHER_METHOD));
        }
        if !allowed.contains(&auth.reason) {
            return Err(protocol("AUTH with a reason that may not come now"));
        }
        if auth.reason == ReasonCode::CONTINUE_AUTHENTICATION && !self.answers_auth {
            return Err(Error::AuthUnanswered {
                method: ours.clone(),
            });
        }
        self.events.push_back(Event::Auth(auth));
        Ok(())
    }

    /// Ends the connection cleanly: the packets that [`poll_transmit`](Self::poll_transmit) has ready are
    /// sent, DISCONNECT last, so that the broker publishes no will (MQTT 3.1.1 §3.14). Messages with QoS 1
    /// and 2 that wait for room in the window stay for the next connection. Until then messages that have
    /// arrived can be acknowledged, and none arrive any more. Returns whether there is a connection to
    /// end.
    pub fn disconnect(&mut self) -> bool {
        let (said, greeted) = match self.phase {
            Phase::Offline => return false,
            Phase::Ending { .. } => return true,
            Phase::Online => (false, true),
            // A client need not wait for CONNACK [MQTT 3.1.1 §3.1.4]; but who has not said hello
            // has nothing to say goodbye for.
            Phase::Connecting { .. } => {
                let unsent = matches!(self.outbox.front(), Some(Outgoing::Connect(_)));
                if unsent {
                    self.outbox.clear();
                }
                (unsent, false)
            }
        };
        self.phase = Phase::Ending { said, greeted };
        true
    }

    /// Ends the connection as [`disconnect`](Self::disconnect) does, with a reason code (MQTT 5
    /// §3.14; [`ReasonCode::DISCONNECT_WITH_WILL`] has the broker publish the will) and properties:
    /// another session expiry interval, a reason string, user properties. The earlier versions send
    /// neither. The strings are left out where the broker takes no packet of that size. On a connection
    /// that is ending already nothing changes.
    ///
    /// # Errors
    /// [`Error::Config`] for a code that only brokers send, for properties out of their range, and
    /// for a session that is to outlive the connection though CONNECT said that it doesn't
    /// (MQTT 5 §3.14.2.2.2).
    pub fn disconnect_with(
        &mut self,
        reason: ReasonCode,
        properties: Option<Properties>,
    ) -> Result<bool, Error> {
        if !matches!(
            reason.0,
            0x00 | 0x04 | 0x80..=0x83 | 0x90 | 0x93..=0x99
        ) {
            return Err(Error::Config(format!(
                "a client does not disconnect with `{reason}`"
            )));
        }
        let mut goodbye = Disconnect {
            reason,
            properties: None,
        };
        if let (Protocol::V5, Some(mut properties)) = (self.config.protocol, properties) {
            properties.check()?;
            // Only brokers send one.
            properties.server_reference = None;
            let connect = self.config.connect_properties();
            if connect.session_expiry_interval.unwrap_or(0) == 0
                && properties.session_expiry_interval.unwrap_or(0) > 0
            {
                return Err(Error::Config(
                    "the session ends with the connection, as CONNECT said: DISCONNECT can't keep it".into(),
                ));
            }
            goodbye.properties = Some(Box::new(properties));
            if self.is_too_large(&Outgoing::Disconnect(goodbye.clone()))
                && let Some(properties) = &mut goodbye.properties
            {
                properties.reason_string = None;
                properties.user_properties.clear();
            }
        }
        let first = !self.is_ending();
        let ended = self.disconnect();
        if first {
            self.goodbye = goodbye;
        }
        Ok(ended)
    }

    /// Returns the packet that tells an MQTT 5 broker why the connection ends, where it is to be
    /// told (§4.13.2): after what it may not send, and an AUTH that nobody answers.
    pub fn farewell(&self, error: &Error) -> Option<Outgoing> {
        let reason = match error {
            Error::Decode(error) | Error::BadMessage { reason: error, .. } => error.reason(),
            Error::Protocol(reason) => *reason,
            Error::AuthUnanswered { .. } => ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
            _ => return None,
        };
        (self.config.protocol.is_v5()).then_some(Outgoing::Disconnect(Disconnect {
            reason,
            properties: None,
        }))
    }

    // Publishing.

    /// How many messages may be in flight.
    fn window(&self) -> usize {
        let window = self.config.max_inflight.min(self.limits.receive_maximum);
        window.into()
    }

    fn pump(&mut self) {
        if self.phase != Phase::Online {
            return;
        }
        while let Some(mut next) = self.publishing.next(self.window()) {
            if let Outgoing::PubRel(ack) = next {
                next =
                    Outgoing::PubRel(self.with_words(ack, self.config.release_properties.clone()));
            }
            if let Outgoing::Publish(message) = &next {
                let size = self.codec.publish_len(message);
                if let Err(error) = self.limits.check(message, size) {
                    if let Some(id) = message.packet_id {
                        self.give_up(id, message.dup, error);
                    }
                    continue;
                }
            }
            self.outbox.push_back(next);
        }
    }

    /// The broker takes the message no more. One with QoS 2 that was sent before, it may have all the
    /// same: its id is released first, or the next message under it would be taken for this one.
    fn give_up(&mut self, id: PacketId, sent_before: bool, error: Error) {
        if sent_before && self.publishing.received(id) {
            self.doubtful.insert(id, error);
            let release = self.with_words(Ack::success(id), self.config.release_properties.clone());
            self.outbox.push_back(Outgoing::PubRel(release));
        } else {
            self.publishing.finish(id);
            self.finish(id, Err(error));
        }
    }

    fn acknowledged(&mut self, ack: Ack, qos: QoS) {
        let Ack { id, reason, .. } = ack;
        if !self.publishing.acknowledge(id, qos) {
            tracing::debug!(%id, "an acknowledgement that nobody waits for");
            self.log(LogLevel::Warning, || {
                format!("nobody waits for an acknowledgement of m{id}")
            });
            return;
        }
        let doubt = self.doubtful.remove(&id);
        if reason.is_error() && reason != ReasonCode::PACKET_ID_NOT_FOUND {
            self.rejected(ack);
        } else if let (Some(error), true) = (doubt, reason.is_error()) {
            self.finish_with(id, Err(error), ack.properties);
        } else {
            self.finish_with(id, Ok(reason), ack.properties);
        }
        self.pump();
    }

    fn rejected(&mut self, ack: Ack) {
        let rejection = Rejection {
            reason: ack.reason,
            reason_string: reason_string(ack.properties.as_deref()),
            properties: ack.properties.clone(),
        };
        self.finish_with(ack.id, Err(Error::Rejected(rejection)), ack.properties);
    }

    fn pubrec(&mut self, ack: Ack) {
        if ack.reason.is_error() {
            if self.publishing.refused(ack.id) {
                self.rejected(ack);
                self.pump();
            }
        } else {
            // An id that isn't ours is answered too: the broker would wait for ever otherwise.
            let id = ack.id;
            let answer = if self.publishing.received(id) {
                if ack.reason != ReasonCode::SUCCESS || ack.properties.is_some() {
                    self.pubrecs.insert(id, Box::new(ack));
                } else {
                    self.pubrecs.remove(&id);
                }
                Ack::success(id)
            } else {
                Ack::with_reason(id, ReasonCode::PACKET_ID_NOT_FOUND)
            };
            let answer = self.with_words(answer, self.config.release_properties.clone());
            self.outbox.push_back(Outgoing::PubRel(answer));
        }
    }

    fn finish(&mut self, id: PacketId, result: Result<ReasonCode, Error>) {
        self.finish_with(id, result, None);
    }

    fn finish_with(
        &mut self,
        id: PacketId,
        result: Result<ReasonCode, Error>,
        properties: Option<Box<Properties>>,
    ) {
        self.doubtful.remove(&id);
        let pubrec = self.pubrecs.remove(&id);
        self.ids.free_if(id, Use::Publish);
        self.events.push_back(Event::Published {
            id,
            result,
            properties,
            pubrec,
        });
        self.feed();
    }

    // Receiving.

    /// Takes a message over only to be rid of it: nobody else is to acknowledge it.
    fn pass_over(&mut self, oversized: Oversized) -> Result<(), Error> {
        let Oversized { size, limit, .. } = oversized;
        let message = self.message_of(oversized.publish)?;
        let mut told = VecDeque::new();
        let mut out = Answers::new(&mut self.outbox, &mut told);
        self.receiving.publish(message, &mut out)?;
        for event in told {
            match event {
                Event::Received { message, token } => {
                    tracing::warn!(topic = %message.topic, size, limit, "a message is passed over");
                    self.events.push_back(Event::PassedOver {
                        message,
                        size,
                        limit,
                    });
                    if let Some(token) = token {
                        self.ack(&token);
                    }
                }
                other => self.events.push_back(other),
            }
        }
        Ok(())
    }

    fn message_of(&mut self, publish: Publish) -> Result<Message, Error> {
        let alias = publish.properties.as_ref().and_then(|p| p.topic_alias);
        Ok(Message {
            topic: self.resolve(publish.topic, alias)?,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
            packet_id: publish.packet_id,
            properties: publish.properties,
        })
    }

    fn publish_received(&mut self, publish: Publish) -> Result<(), Error> {
        let message = self.message_of(publish)?;
        let mut out = Answers::new(&mut self.outbox, &mut self.events);
        self.receiving.publish(message, &mut out)
    }

    /// The topic that a PUBLISH means. An alias above the maximum that we announced is the broker's
    /// fault [MQTT-3.1.2-26].
    fn resolve(
        &mut self,
        topic: Option<TopicName>,
        alias: Option<u16>,
    ) -> Result<TopicName, Error> {
        let slot = match alias {
            None => None,
            Some(alias) => {
                let slot = usize::from(alias)
                    .checked_sub(1)
                    .and_then(|at| self.aliases.get_mut(at));
                Some(slot.ok_or(Error::Protocol(ReasonCode::TOPIC_ALIAS_INVALID))?)
            }
        };
        match (topic, slot) {
            (Some(topic), None) => Ok(topic),
            (Some(topic), Some(slot)) => Ok(slot.insert(topic).clone()),
            (None, Some(Some(topic))) => Ok(topic.clone()),
            (None, Some(None)) => Err(Error::Protocol(ReasonCode::PROTOCOL_ERROR)),
            (None, None) => Err(protocol("a PUBLISH without a topic")),
        }
    }
}

impl Limits {
    /// What a CONNACK with these properties allows; without, all that the protocol does.
    fn new(given: Option<&Properties>, keep_alive: Duration) -> Self {
        let none = Properties::default();
        let given = given.unwrap_or(&none);
        Self {
            receive_maximum: given.receive_maximum.unwrap_or(u16::MAX),
            maximum_qos: given.maximum_qos.unwrap_or(2),
            retain_available: given.retain_available != Some(0),
            maximum_packet_size: given
                .maximum_packet_size
                .map_or(MAX_PACKET, |n| MAX_PACKET.min(n as usize)),
            keep_alive: given
                .server_keep_alive
                .map_or(keep_alive, |seconds| Duration::from_secs(seconds.into())),
            wildcards: given.wildcard_subscription_available != Some(0),
            subscription_identifiers: given.subscription_identifier_available != Some(0),
            shared_subscriptions: given.shared_subscription_available != Some(0),
        }
    }

    fn check(&self, message: &Message, size: usize) -> Result<(), Error> {
        if message.qos as u8 > self.maximum_qos {
            Err(Error::QosNotSupported {
                maximum: self.maximum_qos,
            })
        } else if message.retain && !self.retain_available {
            Err(Error::RetainNotSupported)
        } else {
            check_size(size, self.maximum_packet_size)
        }
    }
}

fn check_size(size: usize, limit: usize) -> Result<(), Error> {
    if size > limit {
        Err(Error::PacketTooLarge { size, limit })
    } else {
        Ok(())
    }
}

/// Where the parts of the session put what they have to say.
struct Answers<'a> {
    outbox: &'a mut VecDeque<Outgoing>,
    events: &'a mut VecDeque<Event>,
}

impl<'a> Answers<'a> {
    fn new(outbox: &'a mut VecDeque<Outgoing>, events: &'a mut VecDeque<Event>) -> Self {
        Self { outbox, events }
    }
}

fn protocol(what: &'static str) -> Error {
    Error::Decode(crate::packet::DecodeError::Protocol(what))
}

/// Whether a packet holds what CONNECT may have asked not to get.
fn has_words(packet: &Incoming) -> bool {
    let properties = match packet {
        Incoming::PubAck(ack)
        | Incoming::PubRec(ack)
        | Incoming::PubRel(ack)
        | Incoming::PubComp(ack) => &ack.properties,
        Incoming::SubAck(ack) | Incoming::UnsubAck(ack) => &ack.properties,
        Incoming::Auth(auth) => &auth.properties,
        _ => return false,
    };
    let said = properties.as_deref();
    said.is_some_and(|said| said.reason_string.is_some() || !said.user_properties.is_empty())
}

fn reason_string(properties: Option<&Properties>) -> Option<String> {
    properties.and_then(|properties| properties.reason_string.clone())
}

#[cfg(test)]
mod tests;
