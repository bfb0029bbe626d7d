//! What was typed, and what it means.

pub(crate) mod load;

use std::ffi::OsString;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use iot_cli::{ConnectArgs, Given, Target};
use iot_core::{ClientConfig, Protocol, QoS};

use crate::plan::Plan;
use crate::what::WhatArgs;
use load::LoadArgs;

/// Publish sensor readings over MQTT
#[derive(Debug, Parser)]
#[command(
    name = "iot-pub",
    version,
    disable_help_flag = true,
    disable_version_flag = true
)]
#[command(args_override_self = true, max_term_width = 100)]
#[command(
    after_help = "Without options: every 2 seconds a number from 25 up to 26 to iot/home2/temp, until Ctrl-C."
)]
pub(crate) struct Args {
    #[command(flatten)]
    what: WhatArgs,

    /// Publish COUNT messages and exit [default: go on until Ctrl-C]
    #[arg(long, env = "IOT_COUNT", hide_env_values = true)]
    #[arg(value_name = "COUNT", value_parser = count, allow_hyphen_values = true)]
    count: Option<u64>,

    /// Let COUNT messages with QoS 1 or 2 wait for the broker at most, then wait before the next
    #[arg(long, env = "IOT_MAX_QUEUED", hide_env_values = true)]
    #[arg(default_value_t = 10_000, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=65_000))]
    max_queued: u16,

    #[command(flatten, next_help_heading = "Many devices and load")]
    load: LoadArgs,

    #[command(flatten)]
    connect: ConnectArgs,
}

/// The packets that take properties.
const SENT: [Target; 4] = [
    Target::Connect,
    Target::Publish,
    Target::Disconnect,
    Target::Will,
];

fn count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err(format!("a count is a whole number from 1 to {}", u64::MAX)),
    }
}

impl Args {
    /// Returns what was typed; ends the program where that is wrong or asks for help.
    pub(crate) fn read() -> Self {
        Self::from(std::env::args_os()).unwrap_or_else(|error| iot_cli::exit(&error))
    }

    fn from(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let (mut args, given): (Self, Given) = iot_cli::read(words)?;
        let settled = args.connect.settle(&given);
        settled
            .and_then(|()| args.what.settle(&given))
            .and_then(|()| args.what.take_url_topic(args.connect.url_topic()))
            .and_then(|()| args.settle_count(&given))
            .map_err(|line| Self::command().error(ErrorKind::ArgumentConflict, line))?;
        args.load.settle(&mut args.connect, &given);
        Ok(args)
    }

    fn settle_count(&mut self, given: &Given) -> Result<(), String> {
        if self.count.is_some() && self.what.repeat().is_some() {
            if given.is_typed("count") && given.is_typed("repeat") {
                return Err("--count and --repeat both say how many: give one of them".into());
            }
            if given.rank("count") > given.rank("repeat") {
                self.what.forget("repeat");
            } else {
                self.count = None;
            }
        }
        Ok(())
    }

    /// Returns what the options mean together.
    pub(crate) fn plan(mut self) -> Result<Plan> {
        self.load.check(&mut self.connect, &self.what)?;
        let once = self.what.is_once() && self.load.is_silent_on_time();
        let (repeat, is_shown) = (self.what.repeat(), self.what.is_shown());
        let is_lines = self.what.is_lines();
        let devices = self.what.devices(self.load.device_count())?;
        let mut config = ClientConfig {
            max_queued: self.max_queued,
            ..self.connect.config()?
        };
        let properties = self.connect.packet_properties(&SENT, &config)?;
        if config.protocol != Protocol::V5
            && devices.iter().any(|device| device.qos == QoS::ExactlyOnce)
        {
            // mosquitto 2.0 loses those beyond, and has no way to say so before MQTT 5.
            config.max_inflight = config
                .max_inflight
                .min(ClientConfig::default().max_inflight);
        }
        Ok(Plan {
            config,
            properties,
            count: self
                .count
                .or(repeat.map(|repeat| repeat.count))
                .or(once.then_some(devices.len() as u64)),
            repeat_delay: repeat.map(|repeat| repeat.delay),
            is_shown,
            is_lines,
            devices,
            fail_fast: self.connect.fail_fast,
            load: self.load.load(self.connect.session.id_prefix),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn plan(arguments: &[&str]) -> Plan {
        let arguments = ["iot-pub"].iter().chain(arguments);
        Args::from(arguments).unwrap().plan().unwrap()
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_options_it_simulates_for_ever() {
        let plan = plan(&[]);
        assert_eq!(plan.devices[0].topic.as_str(), "iot/home2/temp");
        assert_eq!(plan.devices[0].interval, Duration::from_secs(2));
        assert_eq!(plan.count, None);
    }

    #[test]
    fn a_message_alone_is_sent_once_and_otherwise_repeated() {
        assert_eq!(plan(&["-m", "-5.2"]).count, Some(1));
        assert_eq!(plan(&["-m", "x", "--interval", "1s"]).count, None);
        assert_eq!(plan(&["-m", "x", "--count", "3"]).count, Some(3));
    }

    #[test]
    fn a_topic_with_a_wildcard_is_refused() {
        let error = Args::from(["iot-pub", "-t", "a/+"]).unwrap_err();
        assert_eq!(
            error.to_string().lines().next(),
            Some(
                "error: invalid value 'a/+' for '--topic <TOPIC>': topic name `a/+` holds the wildcard `+`, which only a topic filter may"
            )
        );
    }
}
