//! What nodes tell each other about messages that are not acknowledged yet.
//!
//! rmqtt's calls carry it, under a type of their own: `ForwardsTo` is a message of which the other
//! node keeps a copy, and `ForwardsToAck` has the keys of acknowledged messages for its list of
//! clients.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rmqtt::context::ServerContext;
use rmqtt::grpc::{Message, MessageReply, MessageSender, MessageType};
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType};
use rmqtt::types::{ClientId, ForwardedRecipients, From, NodeId, Publish};

use crate::unacknowledged::{Key, Unacknowledged};

/// The type of our calls; `rmqtt-cluster-raft` has 198.
const TYPE: MessageType = 77;
/// How often other nodes hear what was acknowledged.
const INTERVAL: Duration = Duration::from_millis(50);
/// How long a call may take.
const TIMEOUT: Duration = Duration::from_millis(500);
/// How long a node that took no copy gets none.
const REST: Duration = Duration::from_secs(2);
/// How long a copy is kept: as long as the listener's default.
const COPY_EXPIRY: Duration = Duration::from_mins(5);

/// Calls other nodes.
pub struct Calls {
    scx: ServerContext,
    acknowledged: Arc<Mutex<ForwardedRecipients>>,
    /// Nodes that get no copies, and until when.
    resting: Mutex<HashMap<NodeId, Instant>>,
}

impl Calls {
    /// Starts to tell what was acknowledged.
    pub fn start(scx: ServerContext) -> Self {
        let acknowledged = Arc::<Mutex<ForwardedRecipients>>::default();
        tokio::spawn(tell(scx.clone(), Arc::clone(&acknowledged)));
        Self {
            scx,
            acknowledged,
            resting: Mutex::default(),
        }
    }

    /// Tells the other nodes soon. If that fails, a subscriber gets the message twice.
    pub fn acknowledged(&self, key: Key) {
        let mut acknowledged = lock(&self.acknowledged);
        acknowledged.push((ClientId::from(format!("{key:x}")), None));
    }

    /// Gives a copy to another node. Returns once that has it, or if none takes it.
    pub async fn copy(&self, from: From, publish: Publish) {
        let own = self.scx.node.id();
        let clients = self.scx.extends.shared().await.get_grpc_clients();
        let mut nodes: Vec<_> = clients.iter().filter(|(node, _)| **node != own).collect();
        // The next one first.
        nodes.sort_by_key(|(node, _)| (**node < own, **node));
        for (node, (_, client)) in nodes {
            let now = Instant::now();
            if lock(&self.resting)
                .get(node)
                .is_some_and(|until| now < *until)
            {
                continue;
            }
            let message = Message::ForwardsTo(from.clone(), publish.clone(), Vec::new(), None);
            let call = MessageSender::new(client.clone(), TYPE, message, Some(TIMEOUT));
            if !matches!(call.send().await, Err(_) | Ok(MessageReply::Error(_))) {
                return;
            }
            lock(&self.resting).insert(*node, Instant::now() + REST);
        }
    }
}

async fn tell(scx: ServerContext, acknowledged: Arc<Mutex<ForwardedRecipients>>) {
    let own = scx.node.id();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let keys = mem::take(&mut *lock(&acknowledged));
        if keys.is_empty() {
            continue;
        }
        let clients = scx.extends.shared().await.get_grpc_clients();
        for (_, (_, client)) in clients.iter().filter(|(node, _)| **node != own) {
            let message = Message::ForwardsToAck(0, own, keys.clone());
            let call = MessageSender::new(client.clone(), TYPE, message, Some(TIMEOUT));
            tokio::spawn(call.notify());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the calls of other nodes.
pub struct Receiver(pub Arc<Unacknowledged>);

#[async_trait]
impl Handler for Receiver {
    async fn hook(&self, parameter: &Parameter, result: Option<HookResult>) -> ReturnType {
        let Parameter::GrpcMessageReceived(TYPE, message) = parameter else {
            return (true, result);
        };
        let reply = match message {
            Message::ForwardsTo(from, publish, ..) => {
                if self.0.keep(from.clone(), publish.clone(), COPY_EXPIRY) {
                    MessageReply::Success
                } else {
                    MessageReply::Error("no room for more messages".into())
                }
            }
            Message::ForwardsToAck(_, _, keys) => {
                let keys = keys.iter().map(|(key, _)| Key::from_str_radix(key, 16));
                self.0.remove(keys.flatten());
                MessageReply::Success
            }
            _ => return (true, result),
        };
        (false, Some(HookResult::GrpcMessageReply(Ok(reply))))
    }
}
