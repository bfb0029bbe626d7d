//! Will messages. The inner broker publishes them by itself; the gateway, which sees CONNECT, DISCONNECT and the end of
//! the connection, works out when it does, and stores them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use iot_core::{Message, Will};
use tokio::task::AbortHandle;

use super::gateway::{Arrival, Gateway};

/// Delayed wills, by client identifier.
#[derive(Debug, Default)]
pub(super) struct Wills {
    delayed: Mutex<HashMap<String, AbortHandle>>,
}

/// Returns the message that the broker publishes for a will.
pub(super) fn message(will: &Will) -> Message {
    let message = Message::new(will.topic.clone(), will.payload.clone())
        .with_qos(will.qos)
        .with_retain(will.retain);
    match &will.properties {
        None => message,
        Some(properties) => {
            let mut properties = properties.clone();
            properties.will_delay_interval = None;
            message.with_properties(properties)
        }
    }
}

/// Stores a will now.
pub(super) fn publish(gateway: &Gateway, will: &Will) {
    // At the end of the program the store may be closed already.
    let Some(_open) = gateway.open() else {
        return;
    };
    if let Some(message) = gateway.received(message(will)) {
        gateway.take(&mut vec![Arrival::Message(message, None)]);
    }
}

/// Stores a will after its delay, unless the client connects before.
pub(super) fn publish_later(gateway: &Arc<Gateway>, client_id: &str, will: Will, delay: Duration) {
    let own = Arc::clone(gateway);
    let task = tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        publish(&own, &will);
    });
    let mut delayed = gateway.wills.lock();
    delayed.retain(|_, task| !task.is_finished());
    if let Some(before) = delayed.insert(client_id.to_owned(), task.abort_handle()) {
        before.abort();
    }
}

impl Wills {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, AbortHandle>> {
        self.delayed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client has connected: its delayed will is not published.
    pub(super) fn cancel(&self, client_id: &str) {
        if let Some(task) = self.lock().remove(client_id) {
            task.abort();
        }
    }
}
