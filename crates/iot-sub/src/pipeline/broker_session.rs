//! The session at the broker: its subscriptions, and what this machine's disk has of it.

use std::sync::Arc;

use anyhow::Result;
use iot_cli::PacketProperties;
use iot_core::{
    ClientConfig, ConnAck, Handle, Message, Protocol, QoS, SubscribeAck, Subscription, TopicFilter,
    UnsubscribeRequest,
};
use iot_store::sqlite::held::{Held, SessionKey};
use tokio::sync::oneshot;

use crate::counts::Counts;
use crate::output::Messages;
use crate::pipeline::destination::Destination;
use crate::pipeline::queue::OnCommit;
use crate::pipeline::subscriptions::Subscriptions;
use crate::session::saved_session::SavedSession;

/// The session and its requests in flight.
pub(super) struct BrokerSession {
    subscriptions: Subscriptions,
    properties: PacketProperties,
    /// The file of a session that outlives this process.
    pub(super) durable: Option<SavedSession>,
    noted: Noted,
    /// The disk is full, so the session cannot be written and no connection is made.
    pub(super) no_room: bool,
    /// It was reported on this connection that the broker has lost its state.
    has_reported_loss: bool,
    /// Set while the packet identifiers of a session that the broker has lost are being removed.
    forgotten: Option<oneshot::Receiver<()>>,
}

/// Which packet identifiers of messages with QoS 2 are on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Noted {
    /// None ever: the broker does not keep the session, or there is no file.
    Never,
    /// None of the present session.
    None(Arc<SessionKey>),
    Some(Arc<SessionKey>),
}

/// Returns the key of the session if the broker keeps it. With MQTT 3.1 the broker does not report
/// whether it has the session, so packet identifiers cannot be compared.
fn session_key(config: &ClientConfig) -> Option<SessionKey> {
    let keeps = !config.clean_session && config.protocol != Protocol::V31;
    keeps.then(|| SessionKey {
        broker: config.address(),
        client_id: config.client_id.clone(),
    })
}

impl BrokerSession {
    /// Returns the session of a client with this configuration, and the packet identifiers that it
    /// holds.
    ///
    /// # Errors
    /// The file cannot be read.
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
            subscriptions: Subscriptions::new(subscriptions, properties.subscribe.clone()),
            properties,
            durable,
            noted,
            no_room: false,
            has_reported_loss: false,
            forgotten: None,
        };
        Ok((session, held))
    }

    /// Returns under which key the packet identifier of this message is written to disk, if it is.
    /// The fingerprint may be known already.
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

    /// Returns under which key a released packet identifier may be on disk.
    pub(super) fn released(&self) -> Option<Arc<SessionKey>> {
        match &self.noted {
            Noted::Never => None,
            Noted::None(key) | Noted::Some(key) => Some(Arc::clone(key)),
        }
    }

    /// Marks the session as uncertain on disk before a connection is made. On a full disk no
    /// connection is made until there is room.
    pub(super) fn connecting(&mut self, messages: &Messages) -> Result<()> {
        let problem = match &mut self.durable {
            Some(durable) => durable.connecting()?,
            None => None,
        };
        if let Some(problem) = &problem
            && !self.no_room
        {
            messages.report(&format_args!("{problem:#}; connecting when there is room"));
        }
        self.no_room = problem.is_some();
        Ok(())
    }

    /// The broker has accepted a connection. Returns what has to be committed before subscribing;
    /// if nothing, [`subscribe`](Self::subscribe) is next.
    pub(super) fn connected(
        &mut self,
        ack: &ConnAck,
        protocol: Protocol,
        messages: &Messages,
    ) -> Connected {
        let session_present = ack.session_present;
        self.subscriptions.connected(ack, protocol, messages);
        self.has_reported_loss = false;
        if let Some(durable) = &mut self.durable {
            durable.connected(session_present);
        }
        if self.forgotten.is_some() {
            // An earlier connection has started a new session, and was lost before the commit.
            return Connected::Wait;
        }
        match &self.noted {
            // The new session may use the packet identifiers of the old one for other messages.
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

    /// Waits until the packet identifiers of a lost session are removed; returns whether they are.
    /// May be dropped at the await.
    pub(super) async fn forgotten(&mut self) -> bool {
        let Some(forgotten) = &mut self.forgotten else {
            return std::future::pending().await;
        };
        let result = forgotten.await;
        self.forgotten = None;
        // The sender is dropped only if the thread has ended, which reports the reason.
        result.is_ok()
    }

    /// Subscribes to what the session does not have yet; returns whether the broker will send
    /// SUBACK. If the connection is lost already, the next one subscribes.
    pub(super) fn subscribe(
        &mut self,
        handle: &Handle,
        unsubscribe: &[TopicFilter],
    ) -> Result<bool> {
        let durable = self.durable.as_mut();
        let subscriptions = &mut self.subscriptions;
        let (subscribes, mut dropped) = subscriptions.subscribe(handle, durable, unsubscribe)?;
        dropped.extend_from_slice(unsubscribe);
        if !dropped.is_empty() {
            let request = UnsubscribeRequest::from(dropped)
                .with_properties(self.properties.unsubscribe.clone());
            let _ = handle.unsubscribe(request);
        }
        Ok(subscribes)
    }

    /// Handles SUBACK: reports filters that the broker refuses or grants with a lower QoS. Returns
    /// whether all filters are answered.
    ///
    /// # Errors
    /// The broker refuses all of them.
    pub(super) fn subscribed(
        &mut self,
        ack: &SubscribeAck,
        handle: &Handle,
        counts: &Counts,
        messages: &Messages,
    ) -> Result<bool> {
        let durable = self.durable.as_mut();
        let subscriptions = &mut self.subscriptions;
        let refused = subscriptions.subscribed(ack, handle, durable, messages)?;
        if let Some(refused) = refused {
            counts.gauges.subscribed(refused as u64);
        }
        Ok(refused.is_some())
    }

    /// Whether it is the first time on this connection that the broker seems to have lost its
    /// state.
    pub(super) fn is_first_loss(&mut self) -> bool {
        !std::mem::replace(&mut self.has_reported_loss, true)
    }

    /// Whether this copy of a message is left out, because the message arrives for another filter
    /// as well. Removes the identifiers that the filters were given here.
    pub(super) fn leaves_out(&self, message: &mut Message) -> bool {
        self.subscriptions.leaves_out(message)
    }

    /// Handles UNSUBACK.
    pub(super) fn unsubscribed(&mut self) -> Result<()> {
        match &mut self.durable {
            Some(durable) => durable.unsubscribed(self.subscriptions.wanted()),
            None => Ok(()),
        }
    }

    /// Ends the connection.
    pub(super) fn disconnect(&self, handle: &Handle) {
        self.properties.disconnect(handle);
    }
}

/// What to do after the broker has accepted a connection.
pub(super) enum Connected {
    Subscribe,
    /// Commit this first.
    Forget(OnCommit),
    /// Wait for the commit that is running.
    Wait,
}
