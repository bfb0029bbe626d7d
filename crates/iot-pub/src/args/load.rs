//! The options of many devices and connections, of rates, and of the report at the end.

use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use iot_cli::UsageError;
use iot_cli::{ConnectArgs, Given, parse_duration};

use crate::plan::{Load, ReportFormat};
use crate::schedule::rate::Rate;
use crate::what::WhatArgs;

/// The options of many devices and load.
#[derive(Debug, Args)]
pub(crate) struct LoadArgs {
    /// Be COUNT devices; `{device}` in the topic becomes 1 to COUNT [default: one for each connection]
    #[arg(
        long,
        env = "IOT_DEVICES",
        hide_env_values = true,
        value_name = "COUNT"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) devices: Option<u32>,

    /// Open COUNT connections and spread the devices over them; with --id-prefix PREFIX they are PREFIX1, PREFIX2 and so on
    #[arg(long, env = "IOT_CONNECTIONS", hide_env_values = true)]
    #[arg(default_value_t = 1, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) connections: u32,

    /// Open connections at RATE
    #[arg(long, env = "IOT_CONNECT_RATE", hide_env_values = true)]
    #[arg(
        default_value = "500/s",
        value_name = "RATE",
        allow_hyphen_values = true
    )]
    pub(crate) connect_rate: Rate,

    /// Publish at RATE in total, however slow the broker is: 5000/s, 300/m (instead of --interval)
    #[arg(long, env = "IOT_RATE", hide_env_values = true)]
    #[arg(value_name = "RATE", allow_hyphen_values = true)]
    pub(crate) rate: Option<Rate>,

    /// Publish for DURATION and exit: 30s, 5m [default: go on until Ctrl-C]
    #[arg(long = "for", env = "IOT_FOR", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(crate) duration: Option<Duration>,

    /// Print at the end what became of the messages, how fast and how late, instead of each message
    #[arg(
        long,
        env = "IOT_REPORT",
        hide_env_values = true,
        value_name = "FORMAT"
    )]
    pub(crate) report: Option<ReportFormat>,

    /// Subscribe to the same topics, and exit with 1 if a message is lost, duplicated, out of order or corrupted
    #[arg(long, env = "IOT_VERIFY", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(crate) verify: bool,
}

impl LoadArgs {
    /// Forgets what the command line overrules.
    pub(crate) fn settle(&self, connect: &mut ConnectArgs, given: &Given) {
        if self.connections > 1 && given.rank("id") < given.rank("connections") {
            connect.id = None;
        }
    }

    /// Checks what goes together with the options of a connection, and lets the prefix stand for the id there.
    pub(crate) fn check(
        &self,
        connect: &mut ConnectArgs,
        what: &WhatArgs,
    ) -> Result<(), UsageError> {
        if self.rate.is_some() && what.has_interval() {
            return Err(UsageError::new(
                "--rate and --interval both say when: give one of them",
            ));
        }
        if self.rate.is_some() && what.is_replay() {
            return Err(UsageError::new(
                "--replay has the pace of its recording: give --speed instead of --rate",
            ));
        }
        if let (Some(_), Some(option)) = (self.devices, what.file()) {
            return Err(UsageError::new(format!(
                "{option} has a file that says which devices there are: leave out --devices"
            )));
        }
        if let Some(option) = what.fixes_payload().filter(|_| self.verify) {
            return Err(UsageError::new(format!(
                "--verify numbers the messages in a payload of its own, and {option} fixes the payload: leave one of them out"
            )));
        }
        let is_load = self.connections > 1 || self.rate.is_some() || self.report.is_some();
        let is_many = is_load || self.verify || self.devices.is_some();
        if what.repeat().is_some() && is_many {
            return Err(UsageError::new(
                "--repeat repeats one device's message: for load, give --count COUNT instead",
            ));
        }
        if what.is_lines() && is_many {
            return Err(UsageError::new(
                "--stdin-line is one device on one connection: leave out the options of many devices and load",
            ));
        }
        if self.connections == 1 {
            return Ok(());
        }
        if connect.id.is_some() {
            return Err(UsageError::new(
                "--id is one client's: give --id-prefix PREFIX alone, for clients PREFIX1, PREFIX2 and so on",
            ));
        }
        if let Some(prefix) = &connect.session.id_prefix {
            connect.id = Some(format!("{prefix}1"));
        } else if connect.disable_clean_session {
            return Err(UsageError::new(
                "--disable-clean-session needs client ids, for the broker to find the sessions by: give --id-prefix PREFIX",
            ));
        }
        Ok(())
    }

    /// Returns how many devices are wanted.
    pub(crate) fn device_count(&self) -> usize {
        let count = self.devices.unwrap_or(self.connections);
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Returns whether nothing here says that a message is to be repeated.
    pub(crate) fn is_silent_on_time(&self) -> bool {
        self.rate.is_none() && self.duration.is_none()
    }

    /// Returns what the options mean.
    pub(crate) fn load(self, id_prefix: Option<String>) -> Load {
        Load {
            connections: usize::try_from(self.connections).unwrap_or(usize::MAX),
            id_prefix: id_prefix.filter(|_| self.connections > 1),
            connect_rate: self.connect_rate,
            rate: self.rate,
            duration: self.duration,
            // Who asks for a verdict wants to see it.
            report: self.report.or(self.verify.then_some(ReportFormat::Text)),
            verify: self.verify,
        }
    }
}
