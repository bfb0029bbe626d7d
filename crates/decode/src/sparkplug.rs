//! Sparkplug B 3.0 (and STATE of older versions), recognised by the topic only.
//!
//! The series' topic is `spBv1.0/GROUP/NODE[/DEVICE]`, so that BIRTH and DATA are one series. What
//! a BIRTH says of aliases, types and units is remembered by edge node, within limits, and survives
//! a restart. A missing message, an unknown alias or a missing BIRTH requests a rebirth.

mod budget;
mod host;
mod metrics;
mod names;
mod node;
mod record;
mod session;
mod table;
#[cfg(test)]
mod tests;
mod value;

use std::sync::Arc;

use iot_sparkplug::{MessageType, SparkplugTopic, read_payload};
use iot_store::RecentTable;

use crate::decoded::Decoded;
use crate::message::Message;
use crate::reason::Reason;
use crate::state::KeepsState;
use names::NAME;
use node::Node;

/// What is remembered of all edge nodes together, in bytes. The nodes that were silent longest are
/// forgotten first, and asked for a rebirth when they speak again.
pub const NODES_LIMIT_BYTES: usize = 64 << 20;

/// The decoder of Sparkplug B, with what it remembers of edge nodes.
#[derive(Debug)]
pub struct Sparkplug {
    /// By `GROUP/NODE`.
    nodes: RecentTable<Node>,
    limit_bytes: usize,
}

impl Default for Sparkplug {
    fn default() -> Self {
        Self::with_limit(NODES_LIMIT_BYTES)
    }
}

impl Sparkplug {
    /// Returns a decoder that remembers about as many bytes of edge nodes.
    pub fn with_limit(limit_bytes: usize) -> Self {
        Self {
            nodes: RecentTable::new(limit_bytes),
            limit_bytes,
        }
    }

    /// Returns whether a topic is one of Sparkplug's.
    pub fn knows(topic: &str) -> bool {
        topic.starts_with("spBv1.0/") && SparkplugTopic::read(topic).is_some()
    }

    /// Decodes a message.
    ///
    /// # Errors
    /// The topic is not Sparkplug's, or the payload cannot be read. If metrics cannot be named,
    /// this is [`Decoded::rejection`], because a rebirth may be requested as well.
    pub fn decode(&mut self, message: &Message<'_>) -> Result<Decoded, Reason> {
        let topic = SparkplugTopic::read(message.topic).ok_or_else(|| {
            let why = "the topic is none of Sparkplug's, such as spBv1.0/GROUP/NDATA/NODE";
            Reason::malformed(NAME, why)
        })?;
        let (kind, group, node, device) = match topic {
            SparkplugTopic::State { .. } => return host::state(message.payload),
            // What others ask of a node is no reading.
            SparkplugTopic::Node {
                message: MessageType::NodeCommand | MessageType::DeviceCommand,
                ..
            } => return Ok(Decoded::new(NAME)),
            SparkplugTopic::Node {
                message,
                group,
                node,
                device,
            } => (message, group, node, device),
        };
        let payload = read_payload(message.payload)
            .map_err(|error| Reason::malformed(NAME, error.to_string()))?;
        let name: Arc<str> = format!("{group}/{node}").into();
        let mut node = match self.nodes.remove(&name) {
            Some(node) => node,
            None => Node::new(Arc::clone(&name)),
        };
        let mut decoded = Decoded::new(NAME);
        node.take(kind, device, payload, message.received, &mut decoded);
        node.limit(self.limit_bytes, device, &mut decoded);
        self.keep(name, node, &mut decoded);
        Ok(decoded)
    }

    fn keep(&mut self, name: Arc<str>, node: Node, decoded: &mut Decoded) {
        let heap = node.heap_size();
        for forgotten in self.nodes.insert(name, node, heap) {
            forgotten.forget(decoded);
        }
    }
}

impl KeepsState for Sparkplug {
    fn restore(&mut self, key: &str, value: &[u8]) {
        let Some(name) = record::node_of(key) else {
            return;
        };
        let known = self.nodes.remove(name);
        let mut node = known.unwrap_or_else(|| Node::new(name.into()));
        node.restore(key, value);
        // The limit may have been higher: what is forgotten again is written with the next BIRTH.
        self.keep(name.into(), node, &mut Decoded::new(NAME));
    }
}
