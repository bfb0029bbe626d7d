//! The end of a connection: what is reported, what outlives it, and its last packet.

use std::time::Duration;

use bytes::BytesMut;
use iot_core::ReasonCode;
use tokio::sync::oneshot;

use super::{CLOSE_TIMEOUT, Client, Connection, End};
use crate::embedded::gateway::Arrival;
use crate::embedded::sessions::{HeldIds, session_key};
use crate::embedded::upstream::State;
use crate::pipeline::queue::OnCommit;

impl Connection {
    /// Reports why the connection ended, and keeps what outlives it.
    pub(super) fn finish(&mut self, end: &End) {
        if self.downstream.dropped > 0 {
            self.gateway.messages.report(&format_args!(
                "dropped {} with QoS 0 to client `{}`: it read too slowly",
                iot_cli::counted(self.downstream.dropped, "message"),
                self.name()
            ));
        }
        if let End::Fault(fault) = end
            && fault.is_reported()
        {
            let name = self.name();
            let messages = &self.gateway.messages;
            messages.report(&format_args!("disconnected client `{name}`: {fault}"));
        }
        let Some(mut client) = self.accepted.take() else {
            return;
        };
        let disconnect = client.disconnect;
        let ends = disconnect.is_some_and(|disconnect| disconnect.ends_session);
        let stays = client.session_expiry > 0 && !ends;
        let mut ids = std::mem::take(&mut self.upstream.ids);
        if stays {
            ids.set_unacknowledged(self.acks.unacknowledged());
        } else {
            if ids.has_held() && self.upstream.key.is_some() {
                let change = OnCommit::Forget(session_key(&client.id), oneshot::channel().0);
                if let Some(_open) = self.gateway.phases.open() {
                    self.gateway.receive(&mut vec![Arrival::Change(change)]);
                }
            }
            ids = HeldIds::default();
        }
        self.store_will(&mut client, end, ends);
        if let Some(session) = client.session {
            self.gateway.sessions.leave(session, ids);
        }
    }

    /// Stores the will if the broker publishes it.
    fn store_will(&self, client: &mut Client, end: &End, ends_session: bool) {
        let is_due = match (end, client.disconnect) {
            // The broker may publish it when it stops, but nothing is stored any more.
            (End::Closing, _) => false,
            (_, disconnect) => disconnect.is_none_or(|disconnect| disconnect.publishes_will),
        };
        let Some(will) = client.will.take().filter(|_| is_due) else {
            return;
        };
        if will.retain {
            let topic = will.topic.as_str();
            let retained = &self.gateway.limits.retained;
            retained.set(topic, &will.payload, topic.len());
        }
        let delay = will.properties.as_ref();
        let delay = delay.and_then(|properties| properties.will_delay_interval);
        let expiry = if ends_session {
            0
        } else {
            client.session_expiry
        };
        match delay.unwrap_or(0).min(expiry) {
            0 => self.gateway.store_will(&will),
            // The client is connected again.
            _ if matches!(end, End::TakenOver) => {}
            seconds => {
                let delay = Duration::from_secs(u64::from(seconds));
                self.gateway.store_will_later(&client.id, will, delay);
            }
        }
    }

    /// Returns the client's name in messages on stderr.
    fn name(&self) -> String {
        let name = self.accepted.as_ref().map_or("", |client| &client.id);
        let shown: String = name.chars().take(100).collect();
        shown.escape_debug().to_string()
    }

    /// Closes the connection; an MQTT 5 client gets a DISCONNECT with the reason.
    pub(super) async fn close(mut self, end: &End) {
        let reason = match end {
            End::Closed => return,
            End::TakenOver => ReasonCode(0x8e),
            End::Closing => ReasonCode(0x8b),
            End::Fault(fault) => fault.reason(),
        };
        let mut last = BytesMut::new();
        if let State::Connected(codec) = &self.upstream.state
            && self.downstream.to_client.is_empty()
            && !self.downstream.is_within_packet()
        {
            let disconnect = iot_core::packet::Outgoing::Disconnect(iot_core::packet::Disconnect {
                reason,
                properties: None,
            });
            let mut packet = BytesMut::new();
            codec.encode(&disconnect, &mut packet);
            // MQTT 3.1.1 has no reason code, and then it is not sent.
            if packet.len() > 2 {
                last = packet;
            }
        }
        self.client.shut_down(&last, CLOSE_TIMEOUT).await;
    }
}
