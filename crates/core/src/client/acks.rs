//! What the application is to acknowledge, by message id and QoS, as Paho's `ack` names it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::message::{PacketId, QoS};
use crate::mutex::lock;
use crate::session::AckToken;

#[derive(Debug, Default)]
pub(super) struct Acks {
    manual: AtomicBool,
    /// Once it was so, messages may be on their way that nobody acknowledges by itself.
    ever_manual: AtomicBool,
    waiting: Mutex<HashMap<(PacketId, QoS), AckToken>>,
}

impl Acks {
    pub(super) fn set_manual(&self, manual: bool) {
        self.manual.store(manual, Ordering::SeqCst);
        if manual {
            self.ever_manual.store(true, Ordering::SeqCst);
        }
    }

    /// A message is about to be given to the application. Returns whether it is to be acknowledged
    /// afterwards, for it arrived while the application still wanted to do so itself.
    pub(super) fn arrived(&self, token: AckToken) -> bool {
        if self.manual.load(Ordering::SeqCst) {
            lock(&self.waiting).insert((token.id(), token.qos()), token);
            return false;
        }
        self.ever_manual.load(Ordering::SeqCst)
    }

    pub(super) fn take(&self, mid: PacketId, qos: QoS) -> Option<AckToken> {
        lock(&self.waiting).remove(&(mid, qos))
    }

    /// A lost connection's QoS 1 messages come again; those with QoS 2 are known by their ids.
    pub(super) fn disconnected(&self) {
        lock(&self.waiting).retain(|(_, qos), _| *qos == QoS::ExactlyOnce);
    }

    pub(super) fn session_lost(&self) {
        lock(&self.waiting).clear();
    }
}
