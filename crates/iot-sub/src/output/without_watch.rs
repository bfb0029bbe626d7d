//! In the place of `watch`, if the feature is off: nothing is drawn.

use std::sync::Arc;

use anyhow::{Result, bail};
use iot_store::Reading;

use super::status::Status;

/// A table, of which there is none.
#[derive(Debug)]
pub(super) enum Watch {}

impl Watch {
    pub(super) fn begin(_broker: &str, _status: &Arc<Status>) -> Result<Self> {
        bail!("this program is built without --watch (build it with the feature `watch`)")
    }

    pub(super) fn reading(&mut self, _reading: &Reading) {
        match *self {}
    }

    pub(super) fn text(&mut self, _topic: &str, _text: &[u8]) {
        match *self {}
    }
}

pub(crate) fn restore() {}
