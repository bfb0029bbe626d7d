//! Setters, most of them for the next connection.

use std::sync::Arc;
use std::time::Duration;

use super::shared::Client;
use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::{Payload, QoS};
use crate::mutex::lock;
use crate::topic::TopicName;
use crate::will::Will;

impl<U: Send + 'static> Client<U> {
    /// Sets the will, the message that the broker publishes when the connection is lost (MQTT 3.1.1
    /// §3.1.2.5). Takes effect with the next connection. Default none.
    ///
    /// # Errors
    /// [`Error::Topic`] for an empty topic and for one with a wildcard. [`Error::Config`] for a QoS
    /// other than 0, 1, 2 and for a payload of more than 65,535 bytes. The will does not change
    /// then.
    pub fn will_set(
        &self,
        topic: impl TryInto<TopicName, Error: Into<Error>>,
        payload: impl Into<Payload>,
        qos: impl TryInto<QoS, Error: Into<Error>>,
        retain: bool,
    ) -> Result<(), Error> {
        self.will_set_with(Will {
            topic: topic.try_into().map_err(Into::into)?,
            payload: payload.into().0,
            qos: qos.try_into().map_err(Into::into)?,
            retain,
            properties: None,
        })
    }

    /// Sets the will as [`will_set`](Self::will_set) does, with its MQTT 5 properties (§3.1.3.2):
    /// will delay interval, and those of a PUBLISH.
    ///
    /// # Errors
    /// [`Error::Config`] for a payload of more than 65,535 bytes and for properties out of their
    /// range.
    pub fn will_set_with(&self, will: Will) -> Result<(), Error> {
        self.change(|config| config.will = Some(will)).map(drop)
    }

    /// Removes the will. Takes effect with the next connection.
    pub fn will_clear(&self) {
        self.change(|config| config.will = None)
            .expect("nothing can be wrong with no will");
    }

    /// Sets user name and password, `None` for none (the default).
    /// Takes effect with the next connection.
    ///
    /// # Errors
    /// [`Error::Config`] for a password without a user name (before MQTT 5, [MQTT-3.1.2-22]), for
    /// more than 65,535 bytes, and for a user name with a NUL character. Neither changes then.
    pub fn username_pw_set(
        &self,
        username: Option<&str>,
        password: Option<&str>,
    ) -> Result<(), Error> {
        self.change(|config| {
            config.username = username.map(Into::into);
            config.password = password.map(Into::into);
        })
        .map(drop)
    }

    /// Sets the shortest and the longest delay before the next attempt to connect. Defaults 1 and
    /// 120 s.
    ///
    /// The delay doubles from attempt to attempt. Each is shortened by up to a half at random, but
    /// not below the shortest, so that the clients of a broker do not all return at once. An
    /// accepting CONNACK resets it. A shortest delay of 0 stays 0: attempts follow each other at
    /// once. Takes effect with the next delay; [`reconnect`](Self::reconnect) ends the present one.
    pub fn reconnect_delay_set(&self, shortest: Duration, longest: Duration) {
        self.change_at_once(|config| config.reconnect_delay = (shortest, longest));
    }

    /// Sets how many messages with QoS 1 and 2 may be in flight. Default 20.
    ///
    /// 0 is the most that the protocol allows, 65,535. An MQTT 5 broker's receive maximum lowers
    /// the number [MQTT-3.3.4-7]. Further messages wait in the queue. Takes effect at once.
    pub fn max_inflight_messages_set(&self, messages: u16) {
        self.change_at_once(|config| config.max_inflight = any_number(messages));
    }

    /// Sets how many messages with QoS 1 and 2 may be queued or in flight. Default 65,000.
    ///
    /// 0 is the most that the protocol allows, 65,535. Takes effect at once.
    ///
    /// At this limit, or at [`max_queued_bytes`](ClientConfig::max_queued_bytes),
    /// [`publish`](Self::publish) returns [`Error::QueueFull`]. A message that was accepted stays
    /// in the queue, however far the limit is lowered. There is room again when messages are
    /// acknowledged, which [`on_publish`](Self::on_publish) reports. QoS 0 does not count: up to 1
    /// MiB of it may wait for the socket.
    pub fn max_queued_messages_set(&self, messages: u16) {
        self.change_at_once(|config| config.max_queued = any_number(messages));
    }

    /// Changes what takes effect before the next connection.
    fn change_at_once(&self, change: impl FnOnce(&mut ClientConfig)) {
        let config = self
            .change(change)
            .expect("any delay is right, and any number but 0");
        self.inner.handle.configure(config);
    }

    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut ClientConfig),
    ) -> Result<Arc<ClientConfig>, Error> {
        let mut control = lock(&self.inner.control);
        let mut config = ClientConfig::clone(&control.config);
        change(&mut config);
        control.config = Arc::new(config.checked()?);
        Ok(Arc::clone(&control.config))
    }
}

/// Paho's 0, which stands for no limit.
fn any_number(messages: u16) -> u16 {
    match messages {
        0 => u16::MAX,
        some => some,
    }
}
