//! Keeps each message until a subscriber has acknowledged it, and forwards it again until then.
//!
//! rmqtt 0.24 forwards a message once to the node of the chosen subscriber. If that node has just
//! ended, or ends with the message in its memory, rmqtt's own message storage gives it out only
//! when a subscriber subscribes again, and counts as delivered what a session was given, though
//! that may end with its node. Its query walks through all messages of five minutes. If that takes
//! longer than a call between nodes may take, nothing is given out.
//!
//! The node that received a message keeps it here. The node of the subscriber that acknowledges it
//! says so, many messages at a time. With several subscribers of a message the first counts.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rmqtt::context::ServerContext;
use rmqtt::grpc::{self, MessageSender, MessageType};
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType, Type};
use rmqtt::message::MessageManager;
use rmqtt::types::{ClientId, ForwardedRecipients, From, MsgID, NodeId, Publish, QoS, Reason};

/// How often messages are looked through.
const LOOK: Duration = Duration::from_millis(500);
/// How often other nodes hear what was acknowledged.
const TELL: Duration = Duration::from_millis(50);
/// When a message is forwarded again for the first time. The wait doubles each time.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// How many messages are kept at most.
const CAPACITY: usize = 300_000;
/// How long a call to another node may take.
const CALL: Duration = Duration::from_secs(1);
/// The type of the calls of `rmqtt-cluster-raft`, its default.
const MESSAGE_TYPE: MessageType = 198;
/// The number in a call that names acknowledged messages. rmqtt numbers its own from 1.
const ACKNOWLEDGED: MsgID = 0;

/// What sender, time, topic and payload say of a message.
type Key = u64;

/// A message that no subscriber has acknowledged yet.
struct Message {
    from: From,
    publish: Publish,
    wait: Duration,
    retry: Instant,
    expiry: Instant,
}

/// The messages that this node received, and what it has to tell the others about theirs.
pub struct Unacknowledged {
    node: NodeId,
    next: AtomicUsize,
    messages: Mutex<HashMap<Key, Message>>,
    to_tell: Mutex<HashMap<NodeId, ForwardedRecipients>>,
}

/// Keeps the messages of this node from now on.
pub async fn register(scx: &ServerContext) -> Arc<Unacknowledged> {
    let unacknowledged = Arc::new(Unacknowledged {
        node: scx.node.id(),
        next: AtomicUsize::new(ACKNOWLEDGED + 1),
        messages: Mutex::default(),
        to_tell: Mutex::default(),
    });
    *scx.extends.message_mgr_mut().await = Box::new(Storage(Arc::clone(&unacknowledged)));
    let register = scx.extends.hook_mgr().register();
    let hook = Box::new(Acknowledgements(Arc::clone(&unacknowledged)));
    register.add(Type::MessageAcked, hook).await;
    register.start().await;
    tokio::spawn(forward_again(Arc::clone(&unacknowledged), scx.clone()));
    tokio::spawn(tell(Arc::clone(&unacknowledged), scx.clone()));
    unacknowledged
}

impl Unacknowledged {
    /// How many messages wait for an acknowledgement.
    pub fn count(&self) -> usize {
        self.messages().len()
    }

    fn messages(&self) -> MutexGuard<'_, HashMap<Key, Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn to_tell(&self) -> MutexGuard<'_, HashMap<NodeId, ForwardedRecipients>> {
        self.to_tell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out what has expired, and copies what is to be forwarded again.
    fn due(&self) -> (Vec<(From, Publish)>, Vec<(From, Publish)>) {
        let now = Instant::now();
        let (mut expired, mut due) = (Vec::new(), Vec::new());
        self.messages().retain(|_, message| {
            let copy = || (message.from.clone(), message.publish.clone());
            if message.expiry <= now {
                expired.push(copy());
                return false;
            }
            if message.retry <= now {
                due.push(copy());
                message.wait = LONGEST_WAIT.min(message.wait * 2);
                message.retry = now + message.wait;
            }
            true
        });
        (expired, due)
    }
}

async fn forward_again(unacknowledged: Arc<Unacknowledged>, scx: ServerContext) {
    loop {
        tokio::time::sleep(LOOK).await;
        let (expired, due) = unacknowledged.due();
        if !due.is_empty() {
            log::info!("forwarding {} messages again", due.len());
        }
        for (from, publish) in due {
            // A failure says nothing new: it stays here.
            let shared = scx.extends.shared().await;
            let _ = shared.forwards(None, from, publish).await;
        }
        for (from, publish) in expired {
            let reason = Reason::from_static("the message has expired");
            let hooks = scx.extends.hook_mgr();
            hooks.message_dropped(None, from, publish, reason).await;
        }
    }
}

/// Tells the other nodes which of their messages were acknowledged here. If that fails, they
/// forward these again, and a subscriber gets them twice.
async fn tell(unacknowledged: Arc<Unacknowledged>, scx: ServerContext) {
    loop {
        tokio::time::sleep(TELL).await;
        let all = mem::take(&mut *unacknowledged.to_tell());
        let clients = scx.extends.shared().await.get_grpc_clients();
        for (node, keys) in all {
            let Some((_, client)) = clients.get(&node) else {
                continue;
            };
            let call = grpc::Message::ForwardsToAck(ACKNOWLEDGED, unacknowledged.node, keys);
            let sender = MessageSender::new(client.clone(), MESSAGE_TYPE, call, Some(CALL));
            tokio::spawn(sender.notify());
        }
    }
}

fn key(from: &From, publish: &Publish) -> Key {
    let mut hasher = DefaultHasher::new();
    from.client_id.hash(&mut hasher);
    publish.create_time.hash(&mut hasher);
    publish.topic.hash(&mut hasher);
    publish.payload.hash(&mut hasher);
    hasher.finish()
}

struct Acknowledgements(Arc<Unacknowledged>);

#[async_trait]
impl Handler for Acknowledgements {
    async fn hook(&self, parameter: &Parameter, result: Option<HookResult>) -> ReturnType {
        if let Parameter::MessageAcked(_, from, publish) = parameter {
            let key = key(from, publish);
            if from.node_id == self.0.node {
                self.0.messages().remove(&key);
            } else {
                let name = ClientId::from(format!("{key:x}"));
                let mut to_tell = self.0.to_tell();
                to_tell.entry(from.node_id).or_default().push((name, None));
            }
        }
        (true, result)
    }
}

/// What rmqtt calls.
struct Storage(Arc<Unacknowledged>);

#[async_trait]
impl MessageManager for Storage {
    fn next_msg_id(&self) -> MsgID {
        self.0.next.fetch_add(1, Ordering::Relaxed)
    }

    async fn store(
        &self,
        _: MsgID,
        from: From,
        publish: Publish,
        expiry: Duration,
        _: Option<ForwardedRecipients>,
    ) -> rmqtt::Result<()> {
        if publish.qos == QoS::AtMostOnce {
            return Ok(());
        }
        let key = key(&from, &publish);
        let now = Instant::now();
        let message = Message {
            from,
            publish,
            wait: FIRST_WAIT,
            retry: now + FIRST_WAIT,
            expiry: now + expiry,
        };
        let mut messages = self.0.messages();
        if messages.len() >= CAPACITY {
            return Err(rmqtt::Error::msg("no room for more messages"));
        }
        messages.insert(key, message);
        Ok(())
    }

    /// Called by rmqtt when a session was given a message, which does not count, and by other nodes
    /// for what was acknowledged there.
    async fn mark_forwarded(&self, id: MsgID, keys: ForwardedRecipients) -> rmqtt::Result<()> {
        if id == ACKNOWLEDGED {
            let keys = keys
                .iter()
                .filter_map(|(key, _)| Key::from_str_radix(key, 16).ok());
            let mut messages = self.0.messages();
            for key in keys {
                messages.remove(&key);
            }
        }
        Ok(())
    }

    fn enable(&self) -> bool {
        true
    }
}
