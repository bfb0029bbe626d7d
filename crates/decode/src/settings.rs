//! The settings of all decoders.

use iot_cli::Timezone;

/// Settings that hold for all formats. The default reads no local times.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `23,5` is a number in a measure.
    pub decimal_comma: bool,
    /// Strings in a tree are readings too, not only numbers and booleans.
    pub leaves_text: bool,
    /// The time zone of local times. Without one, a local time is replaced by the time of receipt.
    pub timezone: Option<Timezone>,
    /// The first levels of discovery messages, `homeassistant` by default.
    pub discovery_prefix: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            decimal_comma: false,
            leaves_text: false,
            timezone: None,
            discovery_prefix: "homeassistant".into(),
        }
    }
}
