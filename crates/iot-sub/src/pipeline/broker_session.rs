//! Our session at a broker: what it is asked for, what is known of it on this machine's disk.

use std::sync::Arc;

use anyhow::{Result, bail};
use iot_cli::PacketProperties;
use iot_core::{
    ClientConfig, Error, Handle, Message, Protocol, QoS, SubscribeAck, SubscribeRequest,
    Subscription, TopicFilter, UnsubscribeRequest,
};
use iot_store::sqlite::held::{Held, SessionKey};
use tokio::sync::oneshot;

use crate::counts::Counts;
use crate::output::Messages;
use crate::pipeline::destination::Destination;
use crate::pipeline::queue::OnCommit;
use crate::session::saved_session::SavedSession;

/// The session, and what is under way in it.
pub(super) struct BrokerSession {
    subscriptions: Vec<Subscription>,
    properties: PacketProperties,
    /// What is kept of a session that outlives this process.
    pub(super) durable: Option<SavedSession>,
    noted: Noted,
    /// No connection is made: the disk has no room for what is to be kept of the session.
    pub(super) no_room: bool,
    /// What the last SUBSCRIBE has asked for.
    asked: Vec<Subscription>,
    /// Comes once those of a session that the broker has lost are removed.
    forgotten: Option<oneshot::Receiver<()>>,
}

/// Which packet identifiers of messages with QoS 2 are noted on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Noted {
    /// None ever: the broker doesn't keep the session, or there is no file.
    Never,
    /// None of the present session.
    None(Arc<SessionKey>),
    Some(Arc<SessionKey>),
}

/// Whose session the broker keeps, where it does. MQTT 3.1 doesn't tell whether it has, and no packet identifier says
/// anything then.
fn session_key(config: &ClientConfig) -> Option<SessionKey> {
    let keeps = !config.clean_session && config.protocol != Protocol::V31;
    keeps.then(|| SessionKey {
        broker: config.address(),
        client_id: config.client_id.clone(),
    })
}

impl BrokerSession {
    /// Returns the session of a client with this configuration, and what it holds already.
    ///
    /// # Errors
    /// The file can't be read.
    pub(super) fn open(
        config: &ClientConfig,
        destination: &Destination,
        subscriptions: Vec<Subscription>,
        properties: PacketProperties,
        durable: Option<SavedSession>,
    ) -> Result<(Self, Held)> {
        let (noted, held) = match session_key(config) {
            None => (Noted::Never, Held::new()),
            Some(key) => match destination.held(&key)? {
                None => (Noted::Never, Held::new()),
                Some(held) if held.is_empty() => (Noted::None(Arc::new(key)), held),
                Some(held) => (Noted::Some(Arc::new(key)), held),
            },
        };
        let session = Self {
            subscriptions,
            properties,
            durable,
            noted,
            no_room: false,
            asked: Vec::new(),
            forgotten: None,
        };
        Ok((session, held))
    }

    /// Returns where the packet identifier of a message with QoS 2 is to be noted, if anywhere; its
    /// fingerprint may be known already.
    pub(super) fn hold(
        &mut self,
        message: &Message,
        fingerprint: Option<u64>,
    ) -> Option<(Arc<SessionKey>, u64)> {
        let key = match &self.noted {
            Noted::Never => return None,
            _ if message.qos != QoS::ExactlyOnce => return None,
            Noted::None(key) | Noted::Some(key) => Arc::clone(key),
        };
        self.noted = Noted::Some(Arc::clone(&key));
        Some((key, fingerprint.unwrap_or_else(|| message.fingerprint())))
    }

    /// Returns where a released packet identifier may be noted.
    pub(super) fn released(&self) -> Option<Arc<SessionKey>> {
        match &self.noted {
            Noted::Never => None,
            Noted::None(key) | Noted::Some(key) => Some(Arc::clone(key)),
        }
    }

    /// Has the session noted as uncertain before there is a connection; on a full disk there is none until there is room.
    pub(super) fn connecting(&mut self, messages: &Messages) -> Result<()> {
        let problem = match &mut self.durable {
            Some(durable) => durable.connecting()?,
            None => None,
        };
        if let Some(problem) = &problem
            && !self.no_room
        {
            messages.say(&format_args!("{problem:#}; connecting when there is room"));
        }
        self.no_room = problem.is_some();
        Ok(())
    }

    /// The broker has accepted a connection. Returns what is to be committed before anything is subscribed to; if there is
    /// nothing, [`subscribe`](Self::subscribe) is next.
    pub(super) fn connected(&mut self, session_present: bool) -> Connected {
        if let Some(durable) = &mut self.durable {
            durable.connected(session_present);
        }
        if self.forgotten.is_some() {
            // The connection before has begun the session anew, and was lost since.
            return Connected::Wait;
        }
        match &self.noted {
            // The session's packet identifiers start anew, and the first PUBLISH must not meet an old one.
            Noted::Some(key) if !session_present => {
                let key = Arc::clone(key);
                let (sender, forgotten) = oneshot::channel();
                self.forgotten = Some(forgotten);
                self.noted = Noted::None(Arc::clone(&key));
                Connected::Forget(OnCommit::Forget(key, sender))
            }
            _ => Connected::Subscribe,
        }
    }

    /// Waits until a lost session is forgotten; returns whether it is. May be dropped at the await.
    pub(super) async fn forgotten(&mut self) -> bool {
        let Some(forgotten) = &mut self.forgotten else {
            return std::future::pending().await;
        };
        let result = forgotten.await;
        self.forgotten = None;
        // Without an answer the thread has ended, and says why itself.
        result.is_ok()
    }

    /// Asks for messages, as far as the session doesn't have that already; returns whether the broker will answer. The
    /// connection may be lost already; the next one asks again.
    pub(super) fn subscribe(
        &mut self,
        handle: &Handle,
        unsubscribe: &[TopicFilter],
    ) -> Result<bool> {
        let (missing, mut dropped) = match &mut self.durable {
            Some(durable) => durable.resumed(&self.subscriptions)?,
            None => (self.subscriptions.clone(), Vec::new()),
        };
        self.asked.clone_from(&missing);
        let asks = !missing.is_empty();
        if asks {
            let request =
                SubscribeRequest::from(missing).with_properties(self.properties.subscribe.clone());
            match handle.subscribe(request) {
                Ok(_) | Err(Error::NotConnected) => {}
                Err(error) => return Err(error.into()),
            }
        }
        dropped.extend_from_slice(unsubscribe);
        if !dropped.is_empty() {
            let request = UnsubscribeRequest::from(dropped)
                .with_properties(self.properties.unsubscribe.clone());
            let _ = handle.unsubscribe(request);
        }
        Ok(asks)
    }

    /// A filter that the broker refuses is reported, and one that it grants with a lower QoS; if it refuses all, there is
    /// nothing to wait for.
    pub(super) fn subscribed(
        &mut self,
        ack: &SubscribeAck,
        counts: &Counts,
        messages: &Messages,
    ) -> Result<()> {
        let mut refused = 0;
        for (subscription, granted) in self.asked.iter().zip(ack.granted()) {
            let Subscription { filter, qos, .. } = subscription;
            match granted {
                Err(reason) => {
                    let reason = match reason.0 {
                        0x80 => "no reason given".to_owned(),
                        _ => reason.to_string(),
                    };
                    messages.say(&format_args!(
                        "the broker refuses the subscription to `{filter}`: {reason}"
                    ));
                    refused += 1;
                }
                Ok(granted) if granted < *qos => messages.say(&format_args!(
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
        counts.gauges.subscribed(refused as u64);
        if let Some(durable) = &mut self.durable {
            let pairs = self.asked.iter().zip(ack.granted());
            let granted = pairs.filter_map(|(asked, granted)| Some((&asked.filter, granted.ok()?)));
            durable.subscribed(granted)?;
        }
        Ok(())
    }

    /// The broker has answered UNSUBSCRIBE.
    pub(super) fn unsubscribed(&mut self) -> Result<()> {
        match &mut self.durable {
            Some(durable) => durable.unsubscribed(&self.subscriptions),
            None => Ok(()),
        }
    }

    /// Ends the connection.
    pub(super) fn disconnect(&self, handle: &Handle) {
        self.properties.disconnect(handle);
    }
}

/// What comes after the broker has accepted a connection.
pub(super) enum Connected {
    Subscribe,
    /// First this is to be committed.
    Forget(OnCommit),
    /// That is under way.
    Wait,
}
