//! The options of a session that the broker keeps.

use clap::Args;
use clap::builder::BoolishValueParser;
use iot_cli::{ConnectArgs, Given};
use iot_core::{ClientConfig, Protocol, QoS};

use crate::session::durable::Durable;

/// How long the broker keeps the session unless told otherwise, in seconds: a week.
const WEEK: u32 = 7 * 24 * 60 * 60;

#[derive(Debug, Args)]
#[command(next_help_heading = "Session")]
pub(super) struct DurableArgs {
    /// Have the broker keep for a week (or as -x says) what comes while this program is not running: QoS 1 (or -q 2), a client
    /// ID that is made once and kept (or -i), MQTT 5, or 3.1.1 where the broker takes no other
    #[arg(long, env = "IOT_DURABLE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    durable: bool,

    /// End the session of --durable, with all that the broker keeps for it, and exit. What is in the spool stays there
    #[arg(long, env = "IOT_FORGET", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    forget: bool,

    /// Nobody has named a version.
    #[arg(skip)]
    any_version: bool,

    /// What was said of the session's end.
    #[arg(skip)]
    expiry: Option<u32>,
}

impl DurableArgs {
    fn is_wanted(&self) -> bool {
        self.durable || self.forget
    }

    /// Puts what a durable session needs into the other options.
    ///
    /// # Errors
    /// Options that don't go with it.
    pub(super) fn settle(
        &mut self,
        given: &Given,
        connect: &mut ConnectArgs,
        qos: &mut QoS,
    ) -> Result<(), String> {
        if !self.is_wanted() {
            return Ok(());
        }
        if !given.is_given("protocol_version") {
            self.any_version = connect.protocol_version != Protocol::V5;
            connect.protocol_version = Protocol::V5;
        }
        if connect.protocol_version == Protocol::V31 {
            return Err(
                "--durable needs MQTT 3.1.1 or 5: on 3.1 the broker doesn't say whether it still has the session"
                    .into(),
            );
        }
        if *qos == QoS::AtMostOnce {
            if given.is_typed("qos") {
                return Err(
                    "--durable needs -q 1 or -q 2: what has QoS 0 is kept for nobody".into(),
                );
            }
            *qos = QoS::AtLeastOnce;
        }
        if connect.session.id_prefix.is_some() {
            return Err(
                "--durable needs the same client ID in each run: give --id instead of --id-prefix"
                    .into(),
            );
        }
        self.expiry = connect.session.session_expiry_interval.take();
        if self.expiry == Some(0) {
            return Err("--durable needs a session that outlives the connection, not -x 0".into());
        }
        // Which would need an id.
        connect.disable_clean_session = false;
        Ok(())
    }

    /// Puts the session into the configuration, and returns what else is to be done for it.
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
