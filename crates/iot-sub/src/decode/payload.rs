//! What a payload means: a number, JSON, text, or nothing that can be stored.

use clap::ValueEnum;
use iot_decode::PlainFormat;
pub(super) use iot_decode::Reason;
use iot_store::Value;

/// Which payloads are readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PayloadMode {
    /// A number, or else JSON; anything else is rejected
    #[default]
    Auto,
    /// A number only
    Number,
    /// JSON only (so `.5`, `+5` and `5.` are rejected)
    Json,
    /// A number, JSON, or any other UTF-8 text, which is stored as it is
    Text,
}

impl PayloadMode {
    /// Returns the value of `payload`.
    pub(super) fn value(self, payload: &[u8]) -> Result<Value, Reason> {
        let format = match self {
            Self::Auto => PlainFormat::Auto,
            Self::Number => PlainFormat::Number,
            Self::Json => PlainFormat::Json,
            Self::Text => PlainFormat::Text,
        };
        format.value(payload)
    }
}
