//! Setters of the callbacks. Setting one replaces the one before, also from inside it.

use super::callbacks::{Callbacks, ConnectFlags, Published};
use super::shared::Client;
use crate::error::Error;
use crate::message::{Message, PacketId};
use crate::mutex::lock;
use crate::packet::{Ack, Auth, SubscribeAck};
use crate::reason::ConnectCode;
use crate::session::LogLevel;
use crate::topic::TopicFilter;

impl<U: Send + 'static> Client<U> {
    /// Sets what is called when the broker has answered CONNECT.
    ///
    /// It gets whether the broker still has the session, and the code: 0 accepted, 1–5 refused
    /// (MQTT 3.1.1 §3.2.2.3), 6–127 unused, from 128 on MQTT 5's reason codes. After a refusal
    /// [`on_disconnect`](Self::on_disconnect) follows, with [`Error::Refused`], and the loop tries
    /// again.
    ///
    /// As with each callback, setting it replaces the one before, also from inside it. The module's
    /// [documentation](crate::client) describes on which thread it runs.
    pub fn on_connect(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, ConnectFlags, ConnectCode) + Send + 'static,
    ) {
        self.set_callback(|callbacks| callbacks.on_connect.set(Box::new(callback)));
    }

    /// Sets what is called when the loop cannot reach the broker, with one of
    /// [`connect`](Self::connect)'s errors.
    ///
    /// The loop tries again after a delay. If a broker accepts the connection and does not answer
    /// CONNECT, [`on_disconnect`](Self::on_disconnect) is called. A [`connect`](Self::connect) that
    /// fails outside of callbacks returns the error instead.
    pub fn on_connect_fail(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, &Error) + Send + 'static,
    ) {
        self.set_callback(|callbacks| callbacks.on_connect_fail.set(Box::new(callback)));
    }

    /// Sets what is called when the connection has ended, also one that the broker never accepted.
    ///
    /// It gets `Ok` (Paho's 0) after [`disconnect`](Self::disconnect), otherwise the reason;
    /// [`Error::rc`] is its number. A loop that reconnects goes on.
    pub fn on_disconnect(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, &Result<(), Error>) + Send + 'static,
    ) {
        self.set_callback(|callbacks| callbacks.on_disconnect.set(Box::new(callback)));
    }

    /// Sets what is called for each message that matches no filter of
    /// [`message_callback_add`](Self::message_callback_add).
    ///
    /// A message is acknowledged once the callback has returned for it and for all that have
    /// arrived together with it, unless [`manual_ack_set`](Self::manual_ack_set) leaves that to the
    /// application. Without a callback, messages are acknowledged and dropped.
    pub fn on_message(&self, callback: impl FnMut(&Client<U>, &mut U, &Message) + Send + 'static) {
        self.set_callback(|callbacks| callbacks.on_message.set(Box::new(callback)));
    }

    /// Adds what is called instead of `on_message` for each message whose topic matches the filter.
    ///
    /// If several filters match, the callback of each is called, in the order in which the filters
    /// were added. A second callback for the same filter replaces the first. This does not
    /// subscribe.
    ///
    /// ```no_run
    /// # fn run(client: &iot_core::Client) -> Result<(), iot_core::Error> {
    /// client.message_callback_add("iot/+/alarm", |_client, _userdata, message| {
    ///     eprintln!("alarm from {}: {:?}", message.topic, message.payload);
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Topic`] for a bad filter.
    pub fn message_callback_add(
        &self,
        filter: impl TryInto<TopicFilter, Error: Into<Error>>,
        callback: impl FnMut(&Client<U>, &mut U, &Message) + Send + 'static,
    ) -> Result<(), Error> {
        let filter = filter.try_into().map_err(Into::into)?;
        self.set_callback(|callbacks| callbacks.add(filter, Box::new(callback)));
        Ok(())
    }

    /// Removes the callback of a filter, if there is one.
    ///
    /// # Errors
    /// [`Error::Topic`] for a bad filter.
    pub fn message_callback_remove(
        &self,
        filter: impl TryInto<TopicFilter, Error: Into<Error>>,
    ) -> Result<(), Error> {
        let filter = filter.try_into().map_err(Into::into)?;
        self.set_callback(|callbacks| callbacks.remove(&filter));
        Ok(())
    }

    /// Sets what is called when the outcome of a message is known.
    ///
    /// It is sent (QoS 0: the system has all its bytes), acknowledged (QoS 1: PUBACK, QoS 2:
    /// PUBCOMP), or will not be delivered.
    /// [`MessageInfo::wait_for_publish`](super::MessageInfo::wait_for_publish) returns after the
    /// callback.
    pub fn on_publish(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, PacketId, &Published) + Send + 'static,
    ) {
        self.set_callback(|callbacks| callbacks.on_publish.set(Box::new(callback)));
    }

    /// Sets what is called when the broker has answered a SUBSCRIBE.
    ///
    /// It gets the packet identifier that [`subscribe`](Self::subscribe) has returned.
    /// [`granted`](SubscribeAck::granted) is the QoS for each filter, or why it was refused.
    pub fn on_subscribe(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, PacketId, &SubscribeAck) + Send + 'static,
    ) {
        self.set_callback(|callbacks| callbacks.on_subscribe.set(Box::new(callback)));
    }

    /// Sets what is called when the broker has answered an UNSUBSCRIBE.
    ///
    /// It gets the packet identifier that [`unsubscribe`](Self::unsubscribe) has returned, and on
    /// MQTT 5 a reason code for each filter.
    pub fn on_unsubscribe(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, PacketId, &SubscribeAck) + Send + 'static,
    ) {
        self.set_callback(|callbacks| callbacks.on_unsubscribe.set(Box::new(callback)));
    }

    /// Sets what is called when the broker releases a QoS 2 message, with the PUBREL.
    ///
    /// If the PUBREL has no properties and reports success, it is called with
    /// [`manual_ack_set`](Self::manual_ack_set) only. The client sends the PUBCOMP by itself.
    pub fn on_release(&self, callback: impl FnMut(&Client<U>, &mut U, &Ack) + Send + 'static) {
        self.set_callback(|callbacks| callbacks.on_release.set(Box::new(callback)));
    }

    /// Sets what is called when the broker sends AUTH (MQTT 5 §4.12).
    ///
    /// It asks for the next step of the authentication, which [`auth`](Self::auth) answers, or ends
    /// a repeated one. CONNECT has to offer a method,
    /// [`ClientConfig::authentication_method`](crate::ClientConfig::authentication_method);
    /// otherwise the client disconnects with reason code 0x82. If this callback is not set, it
    /// disconnects with 0x83, and [`Error::AuthUnanswered`].
    pub fn on_auth(&self, callback: impl FnMut(&Client<U>, &mut U, &Auth) + Send + 'static) {
        self.set_callback(|callbacks| callbacks.on_auth.set(Box::new(callback)));
        self.inner.handle.set_answers_auth(true);
    }

    /// Sets what is called for each line of the log: every packet, as Paho names them, and the end
    /// of each connection.
    ///
    /// The line has no line end, and neither payloads nor passwords. No line is composed before
    /// this is set.
    pub fn on_log(
        &self,
        callback: impl FnMut(&Client<U>, &mut U, LogLevel, &str) + Send + 'static,
    ) {
        self.set_callback(|callbacks| callbacks.on_log.set(Box::new(callback)));
        self.inner.handle.set_logging(true);
    }

    /// Sets a callback. The one before is dropped when no lock is held: what it owns may call the
    /// client.
    fn set_callback<T>(&self, set: impl FnOnce(&mut Callbacks<Self, U>) -> T) {
        let before = set(&mut lock(&self.inner.callbacks));
        drop(before);
    }
}
