//! The options of a session that the broker keeps.

use clap::Args;
use clap::builder::BoolishValueParser;
use iot_cli::{ConnectArgs, Origins, UsageError};
use iot_core::{ClientConfig, Protocol, QoS};

use crate::session::durable::Durable;

/// The default session expiry interval, in seconds: a week.
const WEEK: u32 = 7 * 24 * 60 * 60;

#[derive(Debug, Args)]
#[command(next_help_heading = "Session")]
pub(super) struct DurableArgs {
    /// Ask the broker to keep messages while this program is not running, for a week or -x SECONDS
    #[arg(long, env = "IOT_DURABLE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), conflicts_with = "id_prefix")]
    durable: bool,

    /// Remove the session of --durable from the broker, and exit; the spool is kept
    #[arg(long, env = "IOT_FORGET", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), conflicts_with = "id_prefix")]
    #[arg(hide_short_help = true)]
    forget: bool,

    /// Whether no layer sets a protocol version.
    #[arg(skip)]
    any_version: bool,

    /// The session expiry interval that is given.
    #[arg(skip)]
    expiry: Option<u32>,
}

impl DurableArgs {
    fn is_wanted(&self) -> bool {
        self.durable || self.forget
    }

    /// Sets what a durable session needs in the other options.
    ///
    /// # Errors
    /// [`UsageError`] for options that do not go with it, unless a lower layer sets them.
    pub(super) fn resolve(
        &mut self,
        origins: &Origins,
        connect: &mut ConnectArgs,
        qos: &mut QoS,
    ) -> Result<(), UsageError> {
        if !self.is_wanted() {
            return Ok(());
        }
        let layer = origins.layer("durable").max(origins.layer("forget"));
        let counts = |id| origins.is_set(id) && origins.layer(id) >= layer;
        let id = if self.durable { "durable" } else { "forget" };
        let needs = |what: &str| {
            let name = origins.name(id);
            Err(UsageError::new(format!("{name} needs {what}")))
        };
        let is_v31 = connect.protocol_version == Protocol::V31;
        if is_v31 && counts("protocol_version") {
            return needs(
                "MQTT 3.1.1 or 5: an MQTT 3.1 broker does not say whether it still has the session (give -V mqttv5)",
            );
        }
        if is_v31 || !origins.is_set("protocol_version") {
            self.any_version = connect.protocol_version != Protocol::V5;
            connect.protocol_version = Protocol::V5;
        }
        if *qos == QoS::AtMostOnce {
            if counts("qos") {
                return needs("QoS 1 or 2: the broker keeps no messages with QoS 0 (give -q 1)");
            }
            *qos = QoS::AtLeastOnce;
        }
        self.expiry = connect.session.session_expiry_interval.take();
        if self.expiry == Some(0) {
            if counts("session_expiry_interval") {
                return needs("a session that outlives the connection (give -x SECONDS, not -x 0)");
            }
            self.expiry = None;
        }
        // It would need a client identifier.
        connect.disable_clean_session = false;
        Ok(())
    }

    /// Sets the session in the configuration, and returns its other options.
    pub(super) fn plan(&self, connect: &ConnectArgs, config: &mut ClientConfig) -> Option<Durable> {
        if !self.is_wanted() {
            return None;
        }
        config.clean_session = false;
        config.session_expiry_interval = self
            .expiry
            .or(config.session_expiry_interval)
            .or(Some(WEEK));
        Some(Durable {
            client_id: connect.id.clone().filter(|id| !id.is_empty()),
            falls_back: self.any_version,
            forget: self.forget,
        })
    }
}
