//! In the place of `protobuf`, if the feature is off: no descriptor set is read.

use std::path::Path;

use serde_json::Value as Json;

use crate::reason::Reason;

/// A message type, of which there is none.
#[derive(Debug)]
pub(crate) enum Protobuf {}

#[derive(Debug, thiserror::Error)]
#[error("this program is built without protobuf (build it with the feature `protobuf`)")]
pub(crate) struct Absent;

impl Protobuf {
    pub(crate) fn open(_file: &Path, _message: &str) -> Result<Self, Absent> {
        Err(Absent)
    }

    pub(crate) fn json(&self, _payload: &[u8]) -> Result<Json, Reason> {
        match *self {}
    }
}
