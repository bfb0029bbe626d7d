//! The options of the session.

use clap::Args;

use iot_core::Protocol;
use iot_core::config::ClientConfig;

use crate::error::UsageError;
use crate::origin::Origins;

/// How long the broker keeps the session, and how many messages are in flight.
#[derive(Debug, Args)]
#[command(next_help_heading = "Session")]
pub struct SessionArgs {
    /// Use client identifier PREFIX followed by the process ID (instead of --id)
    #[arg(short = 'I', long, env = "IOT_ID_PREFIX", hide_env_values = true)]
    #[arg(value_name = "PREFIX", conflicts_with = "id")]
    #[arg(hide_short_help = true)]
    pub id_prefix: Option<String>,

    /// Ask the broker to keep the session for SECONDS, -1 for ever (MQTT 5) [default: 0; with
    /// --disable-clean-session for ever]
    #[arg(
        short = 'x',
        long,
        env = "IOT_SESSION_EXPIRY_INTERVAL",
        hide_env_values = true
    )]
    #[arg(value_name = "SECONDS", value_parser = expiry, allow_hyphen_values = true)]
    #[arg(hide_short_help = true)]
    pub session_expiry_interval: Option<u32>,

    /// Limit the messages with QoS 1 or 2 in flight to COUNT [default: 20]
    #[arg(short = 'M', long, env = "IOT_MAX_INFLIGHT", hide_env_values = true)]
    #[arg(value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    #[arg(hide_short_help = true)]
    pub max_inflight: Option<u16>,
}

fn expiry(text: &str) -> Result<u32, String> {
    match text {
        "-1" | "∞" => Ok(u32::MAX),
        _ => text.parse().map_err(|_| {
            format!(
                "a session expires after 0 to {} seconds, or never: -1",
                u32::MAX - 1
            )
        }),
    }
}

impl SessionArgs {
    /// Returns the client identifier that the prefix makes.
    pub(crate) fn id(&self) -> Option<String> {
        let prefix = self.id_prefix.as_ref()?;
        Some(format!("{prefix}{}", std::process::id()))
    }

    /// Puts what is given into the configuration.
    ///
    /// # Errors
    /// [`UsageError`] for options that don't go together.
    pub(crate) fn apply(
        &self,
        config: &mut ClientConfig,
        has_id: bool,
        origins: &Origins,
    ) -> Result<(), UsageError> {
        if let Some(seconds) = self.session_expiry_interval {
            let name = origins.name("session_expiry_interval");
            if config.protocol != Protocol::V5 {
                return Err(UsageError::new(format!(
                    "{name} needs MQTT 5, not {} (give -V mqttv5)",
                    config.protocol
                )));
            }
            if seconds == u32::MAX && !has_id {
                return Err(UsageError::new(format!(
                    "{name} without an end needs a client identifier, by which the broker finds the session (give --id ID)"
                )));
            }
            config.session_expiry_interval = Some(seconds);
        }
        if let Some(count) = self.max_inflight {
            config.max_inflight = count;
        }
        Ok(())
    }
}
