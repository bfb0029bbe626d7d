//! Keeps the message that is being written to a client when its connection breaks.
//!
//! rmqtt 0.24 takes a message out of the session's queue, writes it, and only then counts it as in
//! flight (`SessionState::deliver` in its `session.rs`). If the write fails, the message is in
//! neither place, and is lost. This hook is called before the write and counts it at once.

use async_trait::async_trait;
use rmqtt::context::ServerContext;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType, Type};
use rmqtt::inflight::{MomentStatus, OutInflightMessage};
use rmqtt::types::QoS;

struct InFlight;

/// Counts each message as in flight before it is written.
pub async fn register(scx: &ServerContext) {
    let register = scx.extends.hook_mgr().register();
    register
        .add(Type::MessageDelivered, Box::new(InFlight))
        .await;
    register.start().await;
}

#[async_trait]
impl Handler for InFlight {
    async fn hook(&self, parameter: &Parameter, result: Option<HookResult>) -> ReturnType {
        let Parameter::MessageDelivered(session, from, publish) = parameter else {
            return (true, result);
        };
        let status = match publish.qos {
            QoS::AtMostOnce => return (true, result),
            QoS::AtLeastOnce => MomentStatus::UnAck,
            QoS::ExactlyOnce => MomentStatus::UnReceived,
        };
        // rmqtt replaces this entry by the same after the write: the packet identifier is the key.
        let message = OutInflightMessage::new(status, from.clone(), (*publish).clone());
        session.out_inflight().write().await.push_back(message);
        (true, result)
    }
}
