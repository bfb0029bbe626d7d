//! Ends a node without losing what it has: rmqtt itself ends at once.

use std::time::{Duration, Instant};

use rmqtt::context::ServerContext;
use rmqtt::shared::Shared;
use rmqtt::types::{Message, Reason};
use tokio::time::sleep;

use crate::unacknowledged::Unacknowledged;

/// How long it may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends all clients to other nodes. Returns once these have taken over the sessions, and
/// everything that came to this node is acknowledged. No client may come any more.
pub async fn hand_over(scx: &ServerContext, unacknowledged: Option<&Unacknowledged>) {
    let end = Instant::now() + TIMEOUT;
    let shared = scx.extends.shared().await;
    for entry in shared.iter() {
        if let Some(tx) = entry.tx() {
            let reason = Reason::from_static("the node is going to end");
            // Fails for a client that has just gone.
            let _ = tx.unbounded_send(Message::Closed(reason));
        }
    }
    loop {
        let sessions = subscribers(&**shared).await;
        let messages = unacknowledged.map_or(0, Unacknowledged::count);
        if sessions == 0 && messages == 0 {
            log::info!("everything is handed over");
            return;
        }
        if Instant::now() > end {
            log::warn!("ending with {sessions} sessions and {messages} messages");
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// How many sessions with subscriptions are still here. Nobody waits for those of publishers.
async fn subscribers(shared: &dyn Shared) -> usize {
    let entries: Vec<_> = shared.iter().collect();
    let mut count = 0;
    for entry in entries {
        let subscriptions = entry.subscriptions().await.unwrap_or_default();
        count += usize::from(!subscriptions.is_empty());
    }
    count
}
