//! Calls the callbacks for what has happened, outside of any lock.

use super::callbacks::{Callbacks, ConnectFlags, Published, Slot};
use super::event_loop::EventLoop;
use super::message_info::Ended;
use super::running_callbacks;
use super::shared::Client;
use crate::error::Error;
use crate::message::{Message, PacketId};
use crate::packet::{Ack, ConnAck};
use crate::session::{AckToken, Event, LogLevel, RefusedPacket, ReleaseToken, SkippedMessage};

impl<U: Send + 'static> Client<U> {
    /// Calls the callbacks for the events that there are already.
    pub(super) fn dispatch_ready(&self, event_loop: &mut EventLoop) {
        let mut ended = Vec::new();
        while let Some(event) = event_loop.try_next() {
            self.dispatch(event, &mut ended);
        }
        self.inner.deliveries.finish(&mut ended);
    }

    /// Calls the callbacks for an event. Messages whose end no callback gets are collected in
    /// `ended`: to report each by itself would cost the threads that publish more than all else.
    pub(super) fn dispatch(&self, event: Event, ended: &mut Vec<Ended>) {
        let _here = running_callbacks::enter(self.inner.number);
        if !matches!(event, Event::Published { .. }) {
            self.inner.deliveries.finish(ended);
        }
        match event {
            Event::Connected(ack) | Event::Refused(ack) => self.connected(ack),
            Event::ConnectFailed(error) => {
                self.log(LogLevel::Error, &error.to_string());
                self.call(
                    |c| &mut c.on_connect_fail,
                    |callback, data| callback(self, data, &error),
                );
            }
            Event::Disconnected(result) => {
                self.inner.acks.disconnected();
                self.call(
                    |c| &mut c.on_disconnect,
                    |callback, data| callback(self, data, &result),
                );
            }
            Event::Received { message, token } => self.received(&message, token.as_ref()),
            Event::PassedOver {
                message,
                size,
                limit,
            } => self.passed_over(&message, size, limit),
            Event::Skipped(skipped) => self.skipped(&skipped),
            Event::Released {
                token,
                reason,
                properties,
            } => {
                let id = token.id();
                let ack = Ack {
                    id,
                    reason,
                    properties,
                };
                self.released(&token, &ack);
            }
            Event::Published {
                id,
                result,
                properties,
                pubrec,
            } => {
                let published = Published {
                    result,
                    properties,
                    pubrec,
                };
                self.published(id, published, ended);
            }
            Event::Subscribed(ack) => {
                self.call(
                    |c| &mut c.on_subscribe,
                    |callback, data| callback(self, data, ack.id, &ack),
                );
            }
            Event::Unsubscribed(ack) => {
                self.call(
                    |c| &mut c.on_unsubscribe,
                    |callback, data| callback(self, data, ack.id, &ack),
                );
            }
            Event::Auth(auth) => {
                self.call(
                    |c| &mut c.on_auth,
                    |callback, data| callback(self, data, &auth),
                );
            }
            Event::PacketRefused { packet, error } => self.packet_refused(&packet, &error),
            Event::Log { level, text } => self.log(level, &text),
            Event::Duplicate(_) | Event::Writable => {}
        }
    }

    fn packet_refused(&self, packet: &RefusedPacket, error: &Error) {
        let text = format!("{error}, each time at the same packet: {packet:?}");
        self.log(LogLevel::Warning, &text);
    }

    fn connected(&self, ack: ConnAck) {
        let ConnAck {
            session_present,
            code,
            properties,
        } = ack;
        if code.is_accepted() && !session_present {
            self.inner.acks.session_lost();
        }
        let flags = ConnectFlags {
            session_present,
            properties,
        };
        self.call(
            |c| &mut c.on_connect,
            |callback, data| callback(self, data, flags, code),
        );
    }

    fn received(&self, message: &Message, token: Option<&AckToken>) {
        let inner = &self.inner;
        let to_acknowledge = token.filter(|token| inner.acks.arrived(**token));
        Callbacks::call_for_message(&inner.callbacks, message.topic.as_str(), |callback| {
            inner.user_data.with(|data| callback(self, data, message));
        });
        if let Some(token) = to_acknowledge {
            inner.handle.ack([token]);
        }
    }

    fn passed_over(&self, message: &Message, size: usize, limit: usize) {
        let topic = &message.topic;
        let text = format!(
            "a message to `{topic}` of {size} bytes is larger than the limit of {limit}: it is skipped"
        );
        self.log(LogLevel::Warning, &text);
    }

    /// No callback gets the message, so nobody else can acknowledge it.
    fn skipped(&self, skipped: &SkippedMessage) {
        let text = format!(
            "a message to `{}` has a payload of {} bytes, more than the limit of {}: it is skipped",
            skipped.message.topic, skipped.length, skipped.limit
        );
        self.log(LogLevel::Warning, &text);
        self.inner.handle.ack(skipped.token.as_ref());
    }

    /// The application has acknowledged the message; the client sends the PUBCOMP.
    fn released(&self, token: &ReleaseToken, ack: &Ack) {
        self.inner.handle.release(token);
        self.call(
            |c| &mut c.on_release,
            |callback, data| callback(self, data, ack),
        );
    }

    fn published(&self, mid: PacketId, published: Published, ended: &mut Vec<Ended>) {
        let called = self.call(
            |c| &mut c.on_publish,
            |callback, data| callback(self, data, mid, &published),
        );
        let result = published.result;
        ended.push(Ended { mid, result });
        if called {
            self.inner.deliveries.finish(ended);
        }
    }

    fn log(&self, level: LogLevel, text: &str) {
        self.call(
            |c| &mut c.on_log,
            |callback, data| callback(self, data, level, text),
        );
    }

    /// Calls a callback with the user data; returns whether it is set.
    fn call<F: ?Sized>(
        &self,
        slot: impl Fn(&mut Callbacks<Self, U>) -> &mut Slot<F>,
        call: impl FnOnce(&mut F, &mut U),
    ) -> bool {
        let inner = &self.inner;
        Callbacks::call(&inner.callbacks, slot, |callback| {
            inner.user_data.with(|data| call(callback, data));
        })
    }
}
