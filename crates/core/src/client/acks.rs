//! Messages that the application is to acknowledge, by message identifier and QoS, as in Paho's
//! `ack`.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::message::{PacketId, QoS};
use crate::mutex::lock;
use crate::session::AckToken;

#[derive(Debug, Default)]
pub(super) struct Acks {
    manual: AtomicBool,
    /// After that, messages may be in flight that the session does not acknowledge by itself.
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
    /// afterwards: it arrived while the application was still to acknowledge.
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

    /// The broker sends QoS 1 messages again; those with QoS 2 are known by their identifiers.
    pub(super) fn disconnected(&self) {
        lock(&self.waiting).retain(|(_, qos), _| *qos == QoS::ExactlyOnce);
    }

    pub(super) fn session_lost(&self) {
        lock(&self.waiting).clear();
    }
}
