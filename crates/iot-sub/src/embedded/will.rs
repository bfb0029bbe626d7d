//! Will messages. The inner broker publishes them by itself. The gateway works out when it does so
//! from CONNECT, DISCONNECT and the end of the connection, and stores them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use iot_core::{Message, Will};
use tokio::task::AbortHandle;

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

impl Wills {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, AbortHandle>> {
        self.delayed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the task that stores the client's will later, instead of an earlier one.
    pub(super) fn set_delayed(&self, client_id: &str, task: AbortHandle) {
        let mut delayed = self.lock();
        delayed.retain(|_, task| !task.is_finished());
        if let Some(before) = delayed.insert(client_id.to_owned(), task) {
            before.abort();
        }
    }

    /// The client has connected: its delayed will is not published.
    pub(super) fn cancel(&self, client_id: &str) {
        if let Some(task) = self.lock().remove(client_id) {
            task.abort();
        }
    }
}
