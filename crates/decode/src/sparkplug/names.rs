//! The names that have a meaning.

use iot_sparkplug::{BD_SEQ, REBIRTH};

/// The name of the format.
pub(crate) const NAME: &str = "sparkplug";

/// The metric that is true after a BIRTH and false after a DEATH.
pub(super) const ONLINE: &str = "online";

/// Metrics that are part of the protocol, or buttons, and measure nothing.
const CONTROLS: [&str; 5] = [
    BD_SEQ,
    REBIRTH,
    "Node Control/Reboot",
    "Node Control/Next Server",
    "Device Control/Reboot",
];

/// Returns whether a metric measures nothing.
pub(super) fn is_control(name: &str) -> bool {
    CONTROLS.contains(&name)
}
