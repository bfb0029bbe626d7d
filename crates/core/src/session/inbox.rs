//! Messages from the broker: which wait for their acknowledgement, and which QoS 2 packet
//! identifiers are held until the broker releases them.

use std::collections::{HashMap, HashSet};

use super::arrivals::{AckState, Arrival, Arrivals};
use super::event::Event;
use super::held::HeldMessages;
use super::incoming_aliases::IncomingAliases;
use super::output::Output;
use super::tokens::{AckToken, ReleaseToken};
use crate::error::Error;
use crate::message::{Message, PacketId, Properties, QoS};
use crate::packet::{Ack, Outgoing, Publish};
use crate::reason::ReasonCode;

/// How many messages of one connection may be unacknowledged: as many as there are packet
/// identifiers.
///
/// Not the receive maximum: mosquitto 2.0 exceeds that if `max_queued_messages` is 0, again after
/// each reconnect. A client that disconnected for that (MQTT 5 §3.3.4) would never get another
/// message.
const MAX_UNACKNOWLEDGED: usize = u16::MAX as usize;

#[derive(Debug)]
pub(super) struct Inbox {
    manual_ack: bool,
    /// Counts the connections; a token says which one it belongs to.
    connection: u64,
    arrivals: Arrivals,
    /// Messages that the application has received, for the next automatic acknowledgement.
    taken: Vec<AckToken>,
    held: HeldMessages,
    /// QoS 1 messages of the last connection whose PUBACK was never sent, with their
    /// [`Message::fingerprint`]s, until they arrive again.
    unanswered: HashMap<PacketId, u64>,
    /// The PUBRELs of this connection that are not answered.
    releases: HashSet<PacketId>,
    /// How many messages of this connection count against the receive maximum: those with QoS 1
    /// until their PUBACK, those with QoS 2 until their PUBCOMP (MQTT 5 §4.9).
    unacknowledged: usize,
    aliases: IncomingAliases,
}

impl Inbox {
    pub(super) fn new(manual_ack: bool) -> Self {
        Self {
            manual_ack,
            connection: 0,
            arrivals: Arrivals::default(),
            taken: Vec::new(),
            held: HeldMessages::default(),
            unanswered: HashMap::new(),
            releases: HashSet::new(),
            unacknowledged: 0,
            aliases: IncomingAliases::default(),
        }
    }

    pub(super) fn set_manual_ack(&mut self, manual_ack: bool) {
        self.manual_ack = manual_ack;
    }

    /// Holds packet identifiers that an earlier process has received.
    pub(super) fn restore(&mut self, held: impl IntoIterator<Item = (PacketId, u64)>) {
        for (id, fingerprint) in held {
            self.held.restore(id, fingerprint);
        }
    }

    /// A connection begins, on which the broker may use so many topic aliases.
    pub(super) fn connecting(&mut self, topic_alias_maximum: u16) {
        self.aliases.reset(topic_alias_maximum);
        self.disconnected();
    }

    /// The connection is over: none of its acknowledgements may be sent any more.
    pub(super) fn disconnected(&mut self) {
        self.connection += 1;
        for arrival in self.arrivals.drain() {
            if arrival.qos == QoS::AtLeastOnce && self.manual_ack {
                self.unanswered.insert(arrival.id, arrival.fingerprint);
            }
        }
        self.releases.clear();
        self.unacknowledged = 0;
        self.held.disconnected();
    }

    /// The broker has lost the session: it assigns packet identifiers from the start.
    pub(super) fn session_lost(&mut self) {
        self.held.clear();
        self.unanswered.clear();
    }

    /// A PUBLISH has arrived. Exactly one event is reported.
    pub(super) fn publish(&mut self, publish: Publish, output: &mut Output) -> Result<(), Error> {
        self.publish_known_by(None, publish, output)
    }

    /// The same for a message whose fingerprint is known already.
    pub(super) fn publish_known_by(
        &mut self,
        fingerprint: Option<u64>,
        publish: Publish,
        output: &mut Output,
    ) -> Result<(), Error> {
        let alias = publish.properties.as_ref().and_then(|p| p.topic_alias);
        let message = Message {
            topic: self.aliases.resolve(publish.topic, alias)?,
            payload: publish.payload,
            qos: publish.qos,
            retain: publish.retain,
            dup: publish.dup,
            packet_id: publish.packet_id,
            properties: publish.properties,
        };
        let Some(id) = message.packet_id else {
            output.notify(Event::Received {
                message,
                token: None,
            });
            return Ok(());
        };
        let fingerprint = match message.qos {
            // Without manual acknowledgement nobody asks whether a message has come again.
            QoS::AtLeastOnce if !self.manual_ack => 0,
            _ => fingerprint.unwrap_or_else(|| message.fingerprint()),
        };
        let mut instead = false;
        if message.qos == QoS::ExactlyOnce
            && let Some(held) = self.held.get(id)
        {
            if held.fingerprint == fingerprint {
                return self.duplicate(id, message, output);
            }
            // The broker has lost its state of the held message: this is another one.
            instead = true;
            self.forget(id, output);
        }
        let again = match message.qos {
            QoS::AtLeastOnce if !self.unanswered.is_empty() => {
                self.unanswered.remove(&id) == Some(fingerprint)
            }
            _ => false,
        };
        let token = AckToken {
            connection: self.connection,
            number: self.arrivals.next_number(),
            id,
            qos: message.qos,
            again,
            instead,
        };
        self.count_unacknowledged()?;
        if message.qos == QoS::ExactlyOnce {
            self.held.insert(id, fingerprint, token);
        }
        self.arrivals.push(Arrival {
            id,
            qos: message.qos,
            fingerprint,
            state: AckState::Waiting,
        });
        let token = Some(token);
        output.notify(Event::Received { message, token });
        Ok(())
    }

    /// The PUBLISH of a message that is held has arrived again.
    fn duplicate(
        &mut self,
        id: PacketId,
        message: Message,
        output: &mut Output,
    ) -> Result<(), Error> {
        let number = self.arrivals.next_number();
        if let Some(held) = self.held.get_mut(id)
            // One PUBREC answers it, however often it arrives before that.
            && held.arrival.is_none_or(|arrival| self.arrivals.has_passed(arrival))
        {
            let is_first = held.arrival.replace(number).is_none();
            let arrival = Arrival {
                id,
                qos: message.qos,
                fingerprint: held.fingerprint,
                state: match held.waits_for {
                    None => AckState::Ready,
                    Some(_) => AckState::Waiting,
                },
            };
            if is_first {
                self.count_unacknowledged()?;
            }
            self.arrivals.push(arrival);
        }
        output.notify(Event::Duplicate(message));
        self.send_ready(output);
        Ok(())
    }

    fn count_unacknowledged(&mut self) -> Result<(), Error> {
        self.unacknowledged += 1;
        if self.unacknowledged > MAX_UNACKNOWLEDGED {
            return Err(Error::Protocol(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED));
        }
        Ok(())
    }

    /// The application has received the message: with automatic acknowledgement, the next
    /// [`acknowledge_taken`](Self::acknowledge_taken) acknowledges it.
    pub(super) fn taken(&mut self, token: AckToken) {
        if !self.manual_ack {
            self.taken.push(token);
        }
    }

    pub(super) fn acknowledge_taken(&mut self, output: &mut Output) {
        if self.taken.is_empty() {
            return;
        }
        for token in std::mem::take(&mut self.taken) {
            self.mark_ready(&token);
        }
        self.send_ready(output);
    }

    pub(super) fn ack(&mut self, token: &AckToken, output: &mut Output) {
        self.mark_ready(token);
        self.send_ready(output);
    }

    /// Acknowledges with more than success.
    pub(super) fn ack_with(&mut self, token: &AckToken, reply: Ack, output: &mut Output) {
        if let Some(number) = self.mark_ready(token) {
            self.arrivals.set_reply(number, reply);
        }
        self.send_ready(output);
    }

    /// Returns the number of the arrival that may be acknowledged now, if there is one.
    fn mark_ready(&mut self, token: &AckToken) -> Option<u64> {
        let number = match token.qos {
            // The packet identifier names the message as long as the session lasts: an
            // acknowledgement that was given while the connection broke answers the PUBLISH that
            // arrives again.
            QoS::ExactlyOnce => match self.held.get_mut(token.id) {
                Some(held) if held.waits_for.as_ref() == Some(token) => {
                    held.waits_for = None;
                    held.arrival
                }
                _ => None,
            },
            _ => (token.connection == self.connection).then_some(token.number),
        }?;
        let arrival = self.arrivals.get_mut(number)?;
        if arrival.state != AckState::Waiting {
            return None;
        }
        arrival.state = AckState::Ready;
        Some(number)
    }

    /// Sends acknowledgements in the order of arrival, up to the first message that still waits.
    fn send_ready(&mut self, output: &mut Output) {
        while let Some((arrival, ack)) = self.arrivals.next_ready() {
            match (arrival.state, arrival.qos) {
                (AckState::Void | AckState::Waiting, _) => {}
                (AckState::Ready, QoS::ExactlyOnce) => {
                    // A refusal ends the message, and frees its packet identifier.
                    if ack.reason.is_error() && self.held.remove(ack.id).is_some() {
                        self.unacknowledged -= 1;
                    }
                    output.send(Outgoing::PubRec(ack));
                }
                (AckState::Ready, _) => {
                    self.unacknowledged -= 1;
                    output.send(Outgoing::PubAck(ack));
                }
            }
        }
    }

    /// A PUBREL has arrived.
    pub(super) fn pubrel(&mut self, ack: Ack, output: &mut Output) {
        let id = ack.id;
        // One PUBCOMP answers it, however often it arrives before that.
        if self.releases.contains(&id) {
            return;
        }
        let Some(held) = self.held.get(id) else {
            let ack = Ack::with_reason(id, ReasonCode::PACKET_ID_NOT_FOUND);
            output.send(Outgoing::PubComp(ack));
            return;
        };
        let token = ReleaseToken {
            connection: self.connection,
            serial: held.serial,
            id,
        };
        self.releases.insert(id);
        if self.manual_ack || ack.reason != ReasonCode::SUCCESS || ack.properties.is_some() {
            output.notify(Event::Released {
                token,
                reason: ack.reason,
                properties: ack.properties,
            });
        }
        if !self.manual_ack {
            self.release(&token, None, output);
        }
    }

    /// Forgets a released message, and sends its PUBCOMP if the PUBREL is of this connection.
    pub(super) fn release(
        &mut self,
        token: &ReleaseToken,
        properties: Option<Box<Properties>>,
        output: &mut Output,
    ) {
        let held = self.held.get(token.id);
        if held.is_some_and(|held| held.serial == token.serial) {
            self.forget(token.id, output);
        }
        // The broker could take a second PUBCOMP for that of the next message with this packet
        // identifier.
        if token.connection == self.connection && self.releases.remove(&token.id) {
            let ack = Ack {
                properties,
                ..Ack::success(token.id)
            };
            output.send(Outgoing::PubComp(ack));
        }
    }

    fn forget(&mut self, id: PacketId, output: &mut Output) {
        let Some(number) = self.held.remove(id).and_then(|held| held.arrival) else {
            return;
        };
        self.unacknowledged -= 1;
        if let Some(arrival) = self.arrivals.get_mut(number) {
            arrival.state = AckState::Void;
            self.send_ready(output);
        }
    }
}
