//! What is kept of an edge node beyond the end of the process: its session under `sparkplug:node:`,
//! and the tables of itself and its devices under `sparkplug:table:`.

use std::sync::Arc;

const NODE: &str = "sparkplug:node:";
const TABLE: &str = "sparkplug:table:";

/// A session, as it is kept.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SessionRecord {
    #[prost(uint64, optional, tag = "1")]
    pub(super) bd_seq: Option<u64>,
    #[prost(uint32, optional, tag = "2")]
    pub(super) seq: Option<u32>,
    #[prost(uint64, tag = "3")]
    pub(super) timestamp: u64,
}

/// A table, as it is kept.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TableRecord {
    #[prost(message, repeated, tag = "1")]
    pub(super) definitions: Vec<DefinitionRecord>,
}

/// A metric of a table.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DefinitionRecord {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(uint64, optional, tag = "2")]
    pub(super) alias: Option<u64>,
    #[prost(uint32, tag = "3")]
    pub(super) data_type: u32,
    #[prost(string, optional, tag = "4")]
    pub(super) unit: Option<String>,
}

/// Returns the key of the session of the node `GROUP/NODE`.
pub(super) fn session_key(node: &str) -> Arc<str> {
    format!("{NODE}{node}").into()
}

/// Returns the key of the table of the node, or of its device.
pub(super) fn table_key(node: &str, device: Option<&str>) -> Arc<str> {
    match device {
        None => format!("{TABLE}{node}").into(),
        Some(device) => format!("{TABLE}{node}/{device}").into(),
    }
}

/// Returns the node `GROUP/NODE` that a key belongs to, if it is one of ours.
pub(super) fn node_of(key: &str) -> Option<&str> {
    if let Some(node) = key.strip_prefix(NODE) {
        return (node.matches('/').count() == 1).then_some(node);
    }
    let table = key.strip_prefix(TABLE)?;
    let levels = table.match_indices('/');
    let slashes: Vec<usize> = levels.map(|(at, _)| at).collect();
    match slashes[..] {
        [_] => Some(table),
        [_, end] => Some(&table[..end]),
        _ => None,
    }
}

/// Returns the device that the key of a table belongs to; `None` is the node itself.
pub(super) fn device_of<'a>(key: &'a str, node: &str) -> Option<&'a str> {
    let rest = key.strip_prefix(TABLE)?.strip_prefix(node)?;
    rest.strip_prefix('/')
}

/// Returns whether the key is that of a table.
pub(super) fn is_table(key: &str) -> bool {
    key.starts_with(TABLE)
}
