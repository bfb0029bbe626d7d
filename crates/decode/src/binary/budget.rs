//! How much of a payload is read: a few bytes can announce more values than there is memory for.

use iot_store::{JSON_DEPTH_LIMIT, JSON_NODE_LIMIT};

use crate::reason::{PAYLOAD_LIMIT_BYTES, Reason};

/// What may still be read.
#[derive(Debug)]
pub(super) struct Budget {
    nodes: usize,
    depth: usize,
}

impl Budget {
    /// Returns the budget for `payload`.
    pub(super) fn of(payload: &[u8]) -> Result<Self, Reason> {
        match payload.len() {
            0 => Err(Reason::Empty),
            length if length > PAYLOAD_LIMIT_BYTES => Err(Reason::TooLong),
            _ => Ok(Self {
                nodes: JSON_NODE_LIMIT,
                depth: JSON_DEPTH_LIMIT,
            }),
        }
    }

    /// Reads a value or a key.
    pub(super) fn take_node(&mut self) -> Result<(), Reason> {
        self.nodes = self.nodes.checked_sub(1).ok_or(Reason::TooManyNodes)?;
        Ok(())
    }

    /// Goes into an array or a map.
    pub(super) fn enter(&mut self) -> Result<(), Reason> {
        self.depth = self.depth.checked_sub(1).ok_or(Reason::TooDeep)?;
        Ok(())
    }

    /// Goes out of it.
    pub(super) fn leave(&mut self) {
        self.depth += 1;
    }
}
