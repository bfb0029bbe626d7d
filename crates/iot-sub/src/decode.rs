//! From a message to a reading: which messages are used, what their payloads mean, and which
//! readings are stored.

mod assemble;
pub(crate) mod decoder;
pub(crate) mod downsample;
pub(crate) mod explain;
mod id_key;
mod keys;
mod message;
pub(crate) mod message_fact;
mod message_view;
mod metric_pattern;
pub(crate) mod payload_hash;
pub(crate) mod program_watch;
pub(crate) mod recognised;
pub(crate) mod routed;
pub(crate) mod router;
mod rule;
pub(crate) mod select;
mod shape;
pub(crate) mod topic_pattern;
pub(crate) mod victron;

pub(crate) use keys::{Keys, Pointer};
#[cfg(test)]
pub(crate) use message::read;
pub(crate) use metric_pattern::MetricPattern;
pub(crate) use rule::Rule;
pub(crate) use shape::{PerMetric, Shape};
