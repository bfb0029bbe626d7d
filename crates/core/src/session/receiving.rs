//! Messages with QoS 1 and 2 on their way from the broker: what waits for its acknowledgement, in
//! the order of arrival, and which QoS 2 packet ids are held until the broker releases them.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{Answers, Event};
use crate::error::Error;
use crate::message::{Message, PacketId, Properties, QoS};
use crate::packet::{Ack, Outgoing};
use crate::reason::ReasonCode;

/// Messages of one connection that are not answered yet, at most: as many as there are packet ids. Not the receive maximum:
/// mosquitto 2.0 exceeds that where `max_queued_messages` is 0, and does so again after each reconnect. Who left it for
/// that (MQTT 5 §3.3.4) would not get another message.
const MOST: usize = u16::MAX as usize;

/// What [`Session::ack`](super::Session::ack) takes: names one delivery of one message. To acknowledge
/// it a second time changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckToken {
    connection: u64,
    number: u64,
    id: PacketId,
    qos: QoS,
    again: bool,
    instead: bool,
}

/// What [`Session::release`](super::Session::release) takes: names one PUBREL. To release it a second
/// time changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseToken {
    connection: u64,
    /// Tells the message from a later one under the same id.
    serial: u64,
    id: PacketId,
}

impl AckToken {
    /// Returns the packet id of the message.
    pub fn id(&self) -> PacketId {
        self.id
    }

    /// Returns the QoS that the message came with.
    pub fn qos(&self) -> QoS {
        self.qos
    }

    /// Returns whether the message is certainly the one that came under this packet id on the
    /// connection before: with QoS 1, its PUBACK never left, and the broker still had the session.
    /// Never for a message that may be new, and only with `manual_ack`.
    pub fn is_again(&self) -> bool {
        self.again
    }

    /// Returns whether the message with QoS 2 came under a packet id that is held for another one:
    /// the broker has lost what it knew of that one.
    pub fn is_instead(&self) -> bool {
        self.instead
    }
}

impl ReleaseToken {
    /// Returns the packet id that the broker releases.
    pub fn id(&self) -> PacketId {
        self.id
    }
}

/// A PUBLISH of this connection that is not acknowledged.
#[derive(Debug)]
struct Arrival {
    id: PacketId,
    qos: QoS,
    /// The message's [`Message::fingerprint`].
    fingerprint: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Ready,
    /// Released before it was acknowledged; nothing is sent for it.
    Void,
}

/// A QoS 2 message between its first PUBLISH and its PUBREL.
#[derive(Debug)]
struct Held {
    /// Its [`Message::fingerprint`].
    fingerprint: u64,
    serial: u64,
    /// The token that takes it; `None` once it is taken.
    waits_for: Option<AckToken>,
    /// The number of its PUBLISH on the present connection.
    arrival: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Receiving {
    manual: bool,
    /// Counts the connections, so that a token tells which one it belongs to.
    connection: u64,
    arrivals: VecDeque<Arrival>,
    /// The number of the first arrival; numbers count from the session's start.
    first: u64,
    /// What the application has got and automatic acknowledgement has not yet marked.
    taken: Vec<AckToken>,
    held: HashMap<PacketId, Held>,
    /// Messages with QoS 1 of the last connection whose PUBACK never left, with their
    /// [`Message::fingerprint`]s; as long as they have not come again.
    unanswered: HashMap<PacketId, u64>,
    /// What acknowledgements say beyond success, by the numbers of their arrivals.
    replies: HashMap<u64, Ack>,
    /// How many messages were ever held.
    serial: u64,
    /// The PUBRELs of this connection that the application has not answered.
    releases: HashSet<PacketId>,
    /// How many messages of this connection count against the receive maximum: those with QoS 1
    /// until their PUBACK, those with QoS 2 until their PUBCOMP (MQTT 5 §4.9).
    open: usize,
}

impl Receiving {
    pub(super) fn new(manual: bool) -> Self {
        Self {
            manual,
            connection: 0,
            arrivals: VecDeque::new(),
            first: 0,
            taken: Vec::new(),
            held: HashMap::new(),
            unanswered: HashMap::new(),
            replies: HashMap::new(),
            serial: 0,
            releases: HashSet::new(),
            open: 0,
        }
    }

    pub(super) fn hold(&mut self, held: impl IntoIterator<Item = (PacketId, u64)>) {
        for (id, fingerprint) in held {
            self.serial += 1;
            self.held.entry(id).or_insert(Held {
                fingerprint,
                serial: self.serial,
                waits_for: None,
                arrival: None,
            });
        }
    }

    /// The connection is over: none of its acknowledgements may be sent any more.
    pub(super) fn disconnected(&mut self) {
        self.connection += 1;
        self.first += self.arrivals.len() as u64;
        for arrival in self.arrivals.drain(..) {
            if arrival.qos == QoS::AtLeastOnce && self.manual {
                self.unanswered.insert(arrival.id, arrival.fingerprint);
            }
        }
        self.releases.clear();
        self.replies.clear();
        self.open = 0;
        for held in self.held.values_mut() {
            held.arrival = None;
        }
    }

    /// The broker has forgotten the session: its packet ids start anew.
    pub(super) fn session_lost(&mut self) {
        self.held.clear();
        self.unanswered.clear();
    }

    /// Takes a PUBLISH.
    pub(super) fn publish(&mut self, message: Message, out: &mut Answers<'_>) -> Result<(), Error> {
        let Some(id) = message.packet_id else {
            out.events.push_back(Event::Received {
                message,
                token: None,
            });
            return Ok(());
        };
        let fingerprint = match message.qos {
            // Who is not asked when to acknowledge is not told either that a message comes again.
            QoS::AtLeastOnce if !self.manual => 0,
            _ => message.fingerprint(),
        };
        let instead = message.qos == QoS::ExactlyOnce
            && self
                .held
                .get(&id)
                .is_some_and(|held| held.fingerprint != fingerprint);
        if instead {
            // The broker has lost what it knew of that message: this is another one.
            self.forget(id, out);
        }
        let again = match message.qos {
            QoS::AtLeastOnce if !self.unanswered.is_empty() => {
                self.unanswered.remove(&id) == Some(fingerprint)
            }
            _ => false,
        };
        let number = self.first + self.arrivals.len() as u64;
        let token = AckToken {
            connection: self.connection,
            number,
            id,
            qos: message.qos,
            again,
            instead,
        };
        let duplicate = match message.qos {
            QoS::ExactlyOnce => self.held.get_mut(&id),
            _ => None,
        };
        let Some(held) = duplicate else {
            self.open += 1;
            if self.open > MOST {
                return Err(Error::Protocol(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED));
            }
            if message.qos == QoS::ExactlyOnce {
                self.serial += 1;
                let held = Held {
                    fingerprint,
                    serial: self.serial,
                    waits_for: Some(token),
                    arrival: Some(number),
                };
                self.held.insert(id, held);
            }
            self.arrivals.push_back(Arrival {
                id,
                qos: message.qos,
                fingerprint,
                state: State::Waiting,
            });
            let token = Some(token);
            out.events.push_back(Event::Received { message, token });
            return Ok(());
        };
        // One PUBREC answers it, however often it comes before that.
        if held.arrival.is_none_or(|arrival| arrival < self.first) {
            if held.arrival.replace(number).is_none() {
                self.open += 1;
                if self.open > MOST {
                    return Err(Error::Protocol(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED));
                }
            }
            self.arrivals.push_back(Arrival {
                id,
                qos: message.qos,
                fingerprint,
                state: match held.waits_for {
                    None => State::Ready,
                    Some(_) => State::Waiting,
                },
            });
        }
        out.events.push_back(Event::Duplicate(message));
        self.send_ready(out);
        Ok(())
    }

    /// The application has got the message: with automatic acknowledgement, the next
    /// [`acknowledge_taken`](Self::acknowledge_taken) sends what is due.
    pub(super) fn taken(&mut self, token: AckToken) {
        if !self.manual {
            self.taken.push(token);
        }
    }

    pub(super) fn acknowledge_taken(&mut self, out: &mut Answers<'_>) {
        if self.taken.is_empty() {
            return;
        }
        for token in std::mem::take(&mut self.taken) {
            self.mark(&token);
        }
        self.send_ready(out);
    }

    pub(super) fn set_manual(&mut self, manual: bool) {
        self.manual = manual;
    }

    pub(super) fn ack(&mut self, token: &AckToken, out: &mut Answers<'_>) {
        self.mark(token);
        self.send_ready(out);
    }

    pub(super) fn ack_with(
        &mut self,
        token: &AckToken,
        reason: ReasonCode,
        properties: Option<Box<Properties>>,
        out: &mut Answers<'_>,
    ) {
        let reply = Ack {
            id: token.id,
            reason,
            properties,
        };
        if let Some(number) = self.mark(token) {
            self.replies.insert(number, reply);
        }
        self.send_ready(out);
    }

    /// Returns the number of the arrival that may be acknowledged now, if there is one.
    fn mark(&mut self, token: &AckToken) -> Option<u64> {
        let number = match token.qos {
            // The message itself is known by its id as long as the session lasts: an
            // acknowledgement that was under way when the connection broke answers the PUBLISH
            // that came again.
            QoS::ExactlyOnce => match self.held.get_mut(&token.id) {
                Some(held) if held.waits_for.as_ref() == Some(token) => {
                    held.waits_for = None;
                    held.arrival
                }
                _ => None,
            },
            _ => (token.connection == self.connection).then_some(token.number),
        };
        let at = number.and_then(|number| usize::try_from(number.checked_sub(self.first)?).ok());
        if let Some(arrival) = at.and_then(|at| self.arrivals.get_mut(at))
            && arrival.state == State::Waiting
        {
            arrival.state = State::Ready;
            return number;
        }
        None
    }

    /// Sends what may be sent: in the order of arrival, up to the first that still waits.
    fn send_ready(&mut self, out: &mut Answers<'_>) {
        while let Some(arrival) = self.arrivals.front() {
            let ack = match arrival.state {
                State::Waiting => break,
                _ if self.replies.is_empty() => Ack::success(arrival.id),
                _ => {
                    let reply = self.replies.remove(&self.first);
                    reply.unwrap_or_else(|| Ack::success(arrival.id))
                }
            };
            match (arrival.state, arrival.qos) {
                (State::Waiting, _) => break,
                (State::Void, _) => {}
                (State::Ready, QoS::ExactlyOnce) => {
                    // A refusal ends the message, and frees its id.
                    if ack.reason.is_error() && self.held.remove(&ack.id).is_some() {
                        self.open -= 1;
                    }
                    out.outbox.push_back(Outgoing::PubRec(ack));
                }
                (State::Ready, _) => {
                    self.open -= 1;
                    out.outbox.push_back(Outgoing::PubAck(ack));
                }
            }
            self.arrivals.pop_front();
            self.first += 1;
        }
    }

    pub(super) fn pubrel(&mut self, ack: Ack, out: &mut Answers<'_>) {
        let id = ack.id;
        // One PUBCOMP answers it, however often it comes before that.
        if self.releases.contains(&id) {
            return;
        }
        let Some(held) = self.held.get(&id) else {
            let ack = Ack::with_reason(id, ReasonCode::PACKET_ID_NOT_FOUND);
            out.outbox.push_back(Outgoing::PubComp(ack));
            return;
        };
        let token = ReleaseToken {
            connection: self.connection,
            serial: held.serial,
            id,
        };
        self.releases.insert(id);
        if self.manual || ack.reason != ReasonCode::SUCCESS || ack.properties.is_some() {
            out.events.push_back(Event::Released {
                token,
                reason: ack.reason,
                properties: ack.properties,
            });
        }
        if !self.manual {
            self.release(&token, None, out);
        }
    }

    pub(super) fn release(
        &mut self,
        token: &ReleaseToken,
        properties: Option<Box<Properties>>,
        out: &mut Answers<'_>,
    ) {
        let held = self.held.get(&token.id);
        if held.is_some_and(|held| held.serial == token.serial) {
            self.forget(token.id, out);
        }
        // A second PUBCOMP might meet the next message that the broker sends under this id.
        if token.connection == self.connection && self.releases.remove(&token.id) {
            let ack = Ack {
                properties,
                ..Ack::success(token.id)
            };
            out.outbox.push_back(Outgoing::PubComp(ack));
        }
    }

    fn forget(&mut self, id: PacketId, out: &mut Answers<'_>) {
        let Some(number) = self.held.remove(&id).and_then(|held| held.arrival) else {
            return;
        };
        self.open -= 1;
        let at = number.checked_sub(self.first).map(usize::try_from);
        if let Some(Ok(at)) = at
            && let Some(arrival) = self.arrivals.get_mut(at)
        {
            arrival.state = State::Void;
            self.send_ready(out);
        }
    }
}
