//! The options of the will.

use std::ffi::OsString;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::error::UsageError;
use crate::origin::Origins;
use iot_core::Will;
use iot_core::message::{Properties, QoS};
use iot_core::topic::TopicName;

#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the options"
)]
/// What the broker publishes when the connection is lost.
#[derive(Debug, Args)]
#[command(next_help_heading = "Will")]
pub(crate) struct WillArgs {
    /// Ask the broker to publish a will message to TOPIC if the connection is lost
    #[arg(long, env = "IOT_WILL_TOPIC", hide_env_values = true)]
    #[arg(value_name = "TOPIC", hide_short_help = true)]
    will_topic: Option<TopicName>,

    /// Set the payload of the will message to TEXT [default: empty]
    #[arg(long, env = "IOT_WILL_PAYLOAD", hide_env_values = true)]
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    #[arg(hide_short_help = true)]
    will_payload: Option<OsString>,

    /// Set the QoS of the will message to 0, 1 or 2 [default: 0]
    #[arg(long, env = "IOT_WILL_QOS", hide_env_values = true, value_name = "QOS")]
    #[arg(hide_short_help = true)]
    will_qos: Option<QoS>,

    /// Ask the broker to retain the will message
    #[arg(long, env = "IOT_WILL_RETAIN", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    will_retain: bool,
}

impl WillArgs {
    /// Returns the will, if there is one.
    ///
    /// # Errors
    /// [`UsageError`] for parts of a will without its topic.
    pub(crate) fn will(
        &self,
        properties: Option<Properties>,
        origins: &Origins,
    ) -> Result<Option<Will>, UsageError> {
        let Some(topic) = &self.will_topic else {
            let part = [
                ("will_payload", self.will_payload.is_some()),
                ("will_qos", self.will_qos.is_some()),
                ("will_retain", self.will_retain),
                ("property", properties.is_some()),
            ];
            return match part.into_iter().find(|(_, is_given)| *is_given) {
                Some((part, _)) => {
                    let part = origins.name(part);
                    let line = format!(
                        "{part} belongs to a will, which needs a topic (give --will-topic TOPIC)"
                    );
                    Err(UsageError::new(line))
                }
                None => Ok(None),
            };
        };
        let payload = self.will_payload.clone().unwrap_or_default();
        Ok(Some(Will {
            topic: topic.clone(),
            payload: payload.into_encoded_bytes().into(),
            qos: self.will_qos.unwrap_or_default(),
            retain: self.will_retain,
            properties,
        }))
    }
}
