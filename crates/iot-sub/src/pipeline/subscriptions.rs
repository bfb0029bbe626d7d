//! The subscriptions: their SUBSCRIBE packets, the answers, and which copies of a message are left
//! out if topic filters overlap.

use std::collections::HashMap;

use anyhow::{Result, bail};
use iot_cli::is_mosquitto;
use iot_core::{
    ConnAck, Error, Handle, Message, PacketId, Properties, Protocol, QoS, SubscribeAck,
    SubscribeRequest, Subscription, TopicFilter,
};

use crate::output::Messages;
use crate::session::overlap::{self, Copies, Planned};
use crate::session::saved_session::SavedSession;

/// What is subscribed to, and what the broker has answered.
pub(super) struct Subscriptions {
    wanted: Vec<Subscription>,
    /// Of each SUBSCRIBE.
    properties: Properties,
    /// Whether overlapping filters get identifiers on this connection.
    has_identifiers: bool,
    /// The overlap was reported.
    warned: bool,
    copies: Copies,
    requests: Requests,
}

/// The SUBSCRIBE packets of this connection.
#[derive(Default)]
struct Requests {
    planned: Vec<Planned>,
    waiting: HashMap<PacketId, Vec<Planned>>,
    answered: Vec<Planned>,
    refused: usize,
    /// The identifiers follow from what was granted, rather than from what was asked for.
    follows_granted: bool,
}

impl Subscriptions {
    pub(super) fn new(wanted: Vec<Subscription>, properties: Properties) -> Self {
        Self {
            wanted,
            properties,
            has_identifiers: false,
            warned: false,
            copies: Copies::default(),
            requests: Requests::default(),
        }
    }

    /// The broker has accepted a connection. Reports overlapping filters once if copies of a
    /// message cannot be told apart.
    pub(super) fn connected(&mut self, ack: &ConnAck, protocol: Protocol, messages: &Messages) {
        self.requests = Requests::default();
        if !ack.session_present {
            self.copies.clear();
        }
        self.warn_of_group(messages);
        let pair = overlap::first_pair(&self.wanted);
        let (Some((first, second)), false) = (pair, is_mosquitto()) else {
            self.has_identifiers = false;
            return;
        };
        let properties = ack.properties.as_ref();
        let available = properties.and_then(|it| it.subscription_identifier_available);
        let obstacle = if protocol != Protocol::V5 {
            format!("{protocol} cannot tell copies of a message apart (MQTT 5 can: -V 5)")
        } else if available == Some(0) {
            "the broker has no subscription identifiers to tell copies of a message apart".into()
        } else if !self.properties.subscription_identifiers.is_empty() {
            "-D subscribe subscription-identifier replaces the identifiers that tell copies of a \
             message apart"
                .into()
        } else {
            self.has_identifiers = true;
            return;
        };
        self.has_identifiers = false;
        if !std::mem::replace(&mut self.warned, true) {
            messages.report(&format_args!(
                "topic filters `{first}` and `{second}` overlap, and {obstacle}: each message that \
                 both match may arrive twice (leave one of them out, if the other covers it)"
            ));
        }
    }

    /// Reports once that filters of one group overlap.
    fn warn_of_group(&mut self, messages: &Messages) {
        let pair = overlap::first_pair_in_group(&self.wanted);
        if let (Some((first, second)), false, false) = (pair, self.warned, is_mosquitto()) {
            messages.report(&format_args!(
                "topic filters `{first}` and `{second}` overlap: each message that both match arrives twice, \
                 maybe at two members of the group (leave one of them out, if the other covers it)"
            ));
            self.warned = true;
        }
    }

    /// Subscribes to what the session does not have yet. Returns whether the broker will send
    /// SUBACK, and what is to be unsubscribed from. If the connection is lost already, the next one
    /// subscribes.
    pub(super) fn subscribe(
        &mut self,
        handle: &Handle,
        durable: Option<&mut SavedSession>,
        leaving: &[TopicFilter],
    ) -> Result<(bool, Vec<TopicFilter>)> {
        let planned = if self.has_identifiers {
            overlap::plan(&self.wanted, &HashMap::new(), leaving)
        } else {
            self.wanted.iter().cloned().map(Planned::from).collect()
        };
        let (missing, dropped) = if let Some(durable) = durable {
            let answer = durable.resumed(&planned)?;
            for (filter, qos) in durable.granted() {
                self.copies.grant(filter, qos);
            }
            self.copies.set(&planned, durable.earlier());
            answer
        } else {
            self.copies.set(&planned, []);
            (planned.clone(), Vec::new())
        };
        self.requests.planned = planned;
        let subscribes = !missing.is_empty();
        self.request(handle, missing)?;
        Ok((subscribes, dropped))
    }

    /// Sends a SUBSCRIBE for all without an identifier, and one for each with an identifier.
    fn request(&mut self, handle: &Handle, missing: Vec<Planned>) -> Result<()> {
        let (own, plain): (Vec<_>, Vec<_>) = missing
            .into_iter()
            .partition(|planned| planned.identifier.is_some());
        let plain = (!plain.is_empty()).then_some(plain);
        for packet in plain
            .into_iter()
            .chain(own.into_iter().map(|planned| vec![planned]))
        {
            let mut properties = self.properties.clone();
            if let Some(identifier) = &packet[0].identifier {
                properties.subscription_identifiers = vec![identifier.number];
            }
            let subscriptions = packet.iter().map(|planned| planned.subscription.clone());
            let request = SubscribeRequest::from(subscriptions).with_properties(properties);
            match handle.subscribe(request) {
                Ok(id) => {
                    self.requests.waiting.insert(id, packet);
                }
                Err(Error::NotConnected) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Handles SUBACK: reports filters that the broker refuses or grants with a lower QoS. Returns
    /// how many are refused once all are answered.
    ///
    /// # Errors
    /// The broker refuses all of them.
    pub(super) fn subscribed(
        &mut self,
        ack: &SubscribeAck,
        handle: &Handle,
        durable: Option<&mut SavedSession>,
        messages: &Messages,
    ) -> Result<Option<usize>> {
        let Some(packet) = self.requests.waiting.remove(&ack.id) else {
            return Ok(None);
        };
        for (planned, granted) in packet.iter().zip(ack.granted()) {
            let Subscription { filter, qos, .. } = &planned.subscription;
            match granted {
                Ok(granted) => self.copies.grant(filter.clone(), granted),
                Err(_) => self.copies.refuse(filter),
            }
            if self.requests.follows_granted {
                continue;
            }
            match granted {
                Err(reason) => {
                    let reason = match reason.0 {
                        0x80 => "no reason given".to_owned(),
                        _ => reason.to_string(),
                    };
                    messages.report(&format_args!(
                        "the broker refuses the subscription to `{filter}`: {reason}"
                    ));
                    self.requests.refused += 1;
                }
                Ok(granted) if granted < *qos => messages.report(&format_args!(
                    "the broker grants QoS {granted} at most for `{filter}`, not {qos}{}",
                    match granted {
                        QoS::AtMostOnce => ": messages with QoS 0 can be lost",
                        _ => ": messages with QoS 1 can arrive twice",
                    }
                )),
                Ok(_) => {}
            }
        }
        self.requests.answered.extend(packet);
        if !self.requests.waiting.is_empty() {
            return Ok(None);
        }
        if self.requests.refused >= self.requests.planned.len() {
            bail!("the broker refuses every subscription");
        }
        if self.follow_granted(handle)? {
            return Ok(None);
        }
        if let Some(durable) = durable {
            durable.subscribed(&self.requests.answered, &self.copies)?;
        }
        Ok(Some(self.requests.refused))
    }

    /// Subscribes once more if a preceding filter was granted with a lower QoS than the one that it
    /// precedes. Returns whether it does.
    fn follow_granted(&mut self, handle: &Handle) -> Result<bool> {
        if !self.has_identifiers || self.requests.follows_granted {
            return Ok(false);
        }
        let subscriptions = self.requests.planned.iter();
        let subscriptions = subscriptions.map(|planned| &planned.subscription);
        let granted = subscriptions.filter(|it| self.copies.granted().contains_key(&it.filter));
        let granted: Vec<_> = granted.cloned().collect();
        let lower = granted
            .iter()
            .any(|it| self.copies.granted().get(&it.filter) < Some(&it.qos));
        if !lower {
            return Ok(false);
        }
        let planned = overlap::plan(&granted, self.copies.granted(), &[]);
        let changed: Vec<_> = planned
            .iter()
            .filter(|planned| !self.requests.planned.contains(planned))
            .map(Planned::without_retained)
            .collect();
        if changed.is_empty() {
            return Ok(false);
        }
        self.requests.follows_granted = true;
        self.copies.set(&planned, []);
        self.request(handle, changed)?;
        Ok(!self.requests.waiting.is_empty())
    }

    /// Whether this copy of a message is left out, because the message arrives for another filter
    /// as well. Removes the identifiers that the filters were given here.
    pub(super) fn leaves_out(&self, message: &mut Message) -> bool {
        if !self.copies.is_on() || !self.properties.subscription_identifiers.is_empty() {
            return false;
        }
        let Some(properties) = &mut message.properties else {
            return false;
        };
        let identifiers = std::mem::take(&mut properties.subscription_identifiers);
        self.copies.leaves_out(message.topic.as_str(), &identifiers)
    }

    /// Returns the subscriptions that are wanted.
    pub(super) fn wanted(&self) -> &[Subscription] {
        &self.wanted
    }
}

/// Returns why the program ends: the broker closes the connection at each SUBSCRIBE.
pub(super) fn refused(address: &str, filters: &[TopicFilter], error: Error) -> anyhow::Error {
    let filters: Vec<_> = filters.iter().map(|filter| format!("`{filter}`")).collect();
    anyhow::Error::from(error).context(format!(
        "broker `{address}` ends the connection at each subscription to {}",
        filters.join(", ")
    ))
}
