//! What was typed, and what it means.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use clap::builder::BoolishValueParser;
use iot_core::cli::{ConnectArgs, parse_duration};
use iot_core::{ClientConfig, Error, QoS, TopicName};

use crate::device::Device;
use crate::how::{How, HowArgs};
use crate::payload::Source;

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
    /// Publish to topic TOPIC
    #[arg(short, long, env = "IOT_TOPIC", hide_env_values = true)]
    #[arg(default_value = "iot/home2/temp", value_name = "TOPIC")]
    topic: TopicName,

    /// Publish with QoS 0, 1 or 2
    #[arg(short, long, env = "IOT_QOS", hide_env_values = true)]
    #[arg(default_value_t = QoS::AtMostOnce, value_name = "QOS")]
    qos: QoS,

    /// Have the broker keep the last message for later subscribers
    #[arg(short, long, env = "IOT_RETAIN", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    retain: bool,

    /// Publish TEXT instead of simulated readings; once, unless --interval or --count is given
    #[arg(short, long, env = "IOT_MESSAGE", hide_env_values = true)]
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<OsString>,

    /// Publish every DURATION: 500ms, 2s, 1m [default: 2s]
    #[arg(long, env = "IOT_INTERVAL", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    interval: Option<Duration>,

    /// Publish COUNT messages and exit [default: go on until Ctrl-C]
    #[arg(long, env = "IOT_COUNT", hide_env_values = true)]
    #[arg(value_name = "COUNT", value_parser = count, allow_hyphen_values = true)]
    count: Option<u64>,

    /// Let COUNT messages with QoS 1 or 2 wait for the broker at most, then wait before the next
    #[arg(long, env = "IOT_MAX_QUEUED", hide_env_values = true)]
    #[arg(default_value_t = 10_000, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=65_000))]
    max_queued: u16,

    #[command(flatten)]
    connect: ConnectArgs,

    #[command(flatten, next_help_heading = "Many devices and load")]
    how: HowArgs,
}

fn count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err(format!("a count is a whole number from 1 to {}", u64::MAX)),
    }
}

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: ClientConfig,
    pub(crate) devices: Vec<Device>,
    /// How many messages, all devices together; `None` goes on until Ctrl-C.
    pub(crate) count: Option<u64>,
    pub(crate) fail_fast: bool,
    pub(crate) how: How,
}

impl Args {
    /// Returns what the options mean together.
    pub(crate) fn plan(mut self) -> Result<Plan> {
        self.how.check(&mut self.connect)?;
        if self.how.rate.is_some() && self.interval.is_some() {
            return Err(usage(
                "--rate and --interval both say when: give one of them",
            ));
        }
        if self.how.verify && self.message.is_some() {
            return Err(usage(
                "--verify needs to number the messages, which --message fixes: leave one of them out",
            ));
        }
        let config = ClientConfig {
            max_queued: self.max_queued,
            max_inflight: self.how.max_inflight,
            ..self.connect.config()?
        };
        let goes_on =
            self.interval.is_some() || self.how.rate.is_some() || self.how.duration.is_some();
        let once = self.message.is_some() && !goes_on;
        let devices = self.devices()?;
        Ok(Plan {
            config,
            count: self.count.or(once.then_some(devices.len() as u64)),
            devices,
            fail_fast: self.connect.fail_fast,
            how: self.how.how(),
        })
    }

    fn devices(&self) -> Result<Vec<Device>> {
        let source = match &self.message {
            Some(text) => Source::Message(text.clone().into_encoded_bytes().into()),
            None => Source::Uniform(25.0..26.0),
        };
        let device = |number: u32| {
            let name = number.to_string();
            let topic = self.topic.as_str();
            let topic = if topic.contains("{device}") {
                TopicName::new(topic.replace("{device}", &name))?
            } else {
                self.topic.clone()
            };
            Ok(Device {
                name,
                topic,
                qos: self.qos,
                retain: self.retain,
                source: source.clone(),
                interval: self.interval.unwrap_or(Duration::from_secs(2)),
                jitter: Duration::ZERO,
            })
        };
        (1..=self.how.device_count()).map(device).collect()
    }
}

/// Wrong usage: the exit code is clap's own.
fn usage(line: &str) -> anyhow::Error {
    Error::Config(line.into()).into()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn plan(arguments: &[&str]) -> Plan {
        let arguments = ["iot-pub"].iter().chain(arguments);
        Args::try_parse_from(arguments).unwrap().plan().unwrap()
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
        let error = Args::try_parse_from(["iot-pub", "-t", "a/+"]).unwrap_err();
        assert_eq!(
            error.to_string().lines().next(),
            Some(
                "error: invalid value 'a/+' for '--topic <TOPIC>': topic name `a/+` holds the wildcard `+`, which only a topic filter may"
            )
        );
    }
}
