//! Keeps each message until a subscriber has acknowledged it, and forwards it again until then.
//!
//! rmqtt 0.24 forwards a message once to the node of the chosen subscriber. If that node has just
//! ended, or ends with the message in its memory, rmqtt's own message storage gives it out only
//! when a subscriber subscribes again, and counts as delivered what a session was given, though
//! that may end with its node. Its query walks through all messages of five minutes. If that takes
//! longer than a call between nodes may take, nothing is given out.
//!
//! The node that received a message keeps it here, and another node has a copy before the publisher
//! hears that it was received. With several subscribers of a message the first that acknowledges it
//! counts.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rmqtt::context::ServerContext;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType, Type};
use rmqtt::message::MessageManager;
use rmqtt::types::{ForwardedRecipients, From, MsgID, NodeId, Publish, QoS, Reason};

use crate::calls::{Calls, Receiver};

/// How often messages are looked through.
const INTERVAL: Duration = Duration::from_millis(500);
/// When a message is forwarded again.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// When a copy is forwarded: later, so that this is left to the node that has received the message
/// as long as that lives.
const RETRY_COPY_AFTER: Duration = Duration::from_secs(4);
/// How many messages are kept at most.
const CAPACITY: usize = 300_000;

/// What sender, time, topic and payload say of a message.
pub type Key = u64;

/// What is forwarded, and from whom.
type Forwarded = (From, Publish);

/// A message that no subscriber has acknowledged yet.
struct Message {
    from: From,
    publish: Publish,
    retry: Instant,
    expiry: Instant,
}

/// The messages of this node, and copies of those of others.
pub struct Unacknowledged {
    node: NodeId,
    messages: Mutex<HashMap<Key, Message>>,
}

/// Keeps the messages of this node from now on.
pub async fn register(scx: &ServerContext) -> Arc<Unacknowledged> {
    let unacknowledged = Arc::new(Unacknowledged {
        node: scx.node.id(),
        messages: Mutex::default(),
    });
    let calls = Arc::new(Calls::start(scx.clone()));
    *scx.extends.message_mgr_mut().await = Box::new(Storage {
        unacknowledged: Arc::clone(&unacknowledged),
        calls: Arc::clone(&calls),
    });
    let register = scx.extends.hook_mgr().register();
    let acknowledgements = Acknowledgements {
        unacknowledged: Arc::clone(&unacknowledged),
        calls,
    };
    let receiver = Receiver(Arc::clone(&unacknowledged));
    register
        .add(Type::MessageAcked, Box::new(acknowledgements))
        .await;
    register
        .add(Type::GrpcMessageReceived, Box::new(receiver))
        .await;
    register.start().await;
    tokio::spawn(forward_again(Arc::clone(&unacknowledged), scx.clone()));
    unacknowledged
}

impl Unacknowledged {
    /// How many messages that came to this node wait for an acknowledgement.
    pub fn count(&self) -> usize {
        let messages = self.messages();
        let own = messages.values().filter(|it| it.from.node_id == self.node);
        own.count()
    }

    fn messages(&self) -> MutexGuard<'_, HashMap<Key, Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a message. Returns whether there was room for it.
    pub fn keep(&self, from: From, publish: Publish, expiry: Duration) -> bool {
        let now = Instant::now();
        let key = key(&from, &publish);
        let message = Message {
            retry: now + self.retry_after(&from),
            expiry: now + expiry,
            from,
            publish,
        };
        let mut messages = self.messages();
        let has_room = messages.len() < CAPACITY;
        if has_room {
            messages.insert(key, message);
        }
        has_room
    }

    /// Some subscriber has acknowledged it.
    pub fn remove(&self, keys: impl IntoIterator<Item = Key>) {
        let mut messages = self.messages();
        for key in keys {
            messages.remove(&key);
        }
    }

    fn retry_after(&self, from: &From) -> Duration {
        if from.node_id == self.node {
            RETRY_AFTER
        } else {
            RETRY_COPY_AFTER
        }
    }

    /// Takes out what has expired, and copies what is to be forwarded again.
    fn due(&self) -> (Vec<Forwarded>, Vec<Forwarded>) {
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
                message.retry = now + self.retry_after(&message.from);
            }
            true
        });
        (expired, due)
    }
}

async fn forward_again(unacknowledged: Arc<Unacknowledged>, scx: ServerContext) {
    loop {
        tokio::time::sleep(INTERVAL).await;
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

fn key(from: &From, publish: &Publish) -> Key {
    let mut hasher = DefaultHasher::new();
    from.client_id.hash(&mut hasher);
    publish.create_time.hash(&mut hasher);
    publish.topic.hash(&mut hasher);
    publish.payload.hash(&mut hasher);
    hasher.finish()
}

struct Acknowledgements {
    unacknowledged: Arc<Unacknowledged>,
    calls: Arc<Calls>,
}

#[async_trait]
impl Handler for Acknowledgements {
    async fn hook(&self, parameter: &Parameter, result: Option<HookResult>) -> ReturnType {
        if let Parameter::MessageAcked(_, from, publish) = parameter {
            let key = key(from, publish);
            self.unacknowledged.remove([key]);
            self.calls.acknowledged(key);
        }
        (true, result)
    }
}

/// What rmqtt calls, before it forwards a message.
struct Storage {
    unacknowledged: Arc<Unacknowledged>,
    calls: Arc<Calls>,
}

#[async_trait]
impl MessageManager for Storage {
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
        if !self
            .unacknowledged
            .keep(from.clone(), publish.clone(), expiry)
        {
            return Err(rmqtt::Error::msg("no room for more messages"));
        }
        self.calls.copy(from, publish).await;
        Ok(())
    }

    fn enable(&self) -> bool {
        true
    }
}
