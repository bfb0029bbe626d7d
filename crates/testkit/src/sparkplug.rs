//! Another implementation of Sparkplug: scripts on mqtt-spb-wrapper.

use crate::install::{peer_script, sparkplug_python};
use crate::program::Program;

/// Prepares `scripts/peers/NAME`, a script on mqtt-spb-wrapper, for the broker at this port.
#[track_caller]
pub fn sparkplug_peer(name: &str, port: u16) -> Program {
    let script = peer_script(name).into_os_string();
    Program::new(sparkplug_python()).args([script, port.to_string().into()])
}
