//! What a device does at a tick.

use iot_core::Message;

use crate::payload::made::Sample;

/// What a device does at a tick.
#[derive(Debug)]
pub(crate) enum Tick {
    Publish(Outgoing),
    /// It is silent this time: the sensor has dropped out.
    Silent,
    /// There are no more messages: the recording or the lines have ended.
    Over,
}

/// A message that is due.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) message: Message,
    /// What is printed instead of a payload that is not text.
    pub(crate) shown: Option<String>,
    /// The values that a Sparkplug edge node makes the message of when it is sent.
    pub(crate) sample: Option<Sample>,
}
