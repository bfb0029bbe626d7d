//! The options, and the plan that they mean.

mod load;
mod message;
mod publish;
mod recording;
mod simulation;
mod topic;

use std::ffi::OsString;
use std::time::Duration;

use anyhow::Result;
use clap::{ArgGroup, Parser};
use iot_cli::{ConnectArgs, Origins, PacketKind, Stop, UsageError, Verbosity, parse_duration};
use iot_core::{ClientConfig, Protocol, QoS};

use crate::edge_nodes;
use crate::plan::Plan;
use load::LoadArgs;
use publish::PublishArgs;

const EXAMPLES: &str = "\
Examples:
  iot-pub -h broker.local -t iot/home2/temp -m 21.5
  iot-pub --devices 10 -t 'iot/home{device}/temp' --model 'daily(14,26)+normal(0,0.2)'
  iot-pub --connections 100 --rate 5000/s --for 30s -q 1 --report text
";

/// How soon after a message with QoS 0 the broker is asked whether it reads. Until its answer, the
/// message counts as one that may be lost with the connection.
const CONFIRM_INTERVAL: Duration = Duration::from_secs(1);

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
    before_help = EXAMPLES,
    after_help = "Without options: publishes a number from 25 to 26 to iot/home2/temp every 2 seconds, until Ctrl-C."
)]
// What is published: one of these.
#[command(group = ArgGroup::new("content").args(GIVEN).args(["model", "scenario", "replay"]))]
// Messages that are given, not simulated or recorded.
#[command(group = any("given", &GIVEN))]
#[command(group = any("one_message", &["message", "file", "stdin_file", "null_message"]))]
// What options require. A group of one is required also if what conflicts with it is given.
#[command(group = any("lines", &["stdin_line"]))]
#[command(group = any("repeated", &["repeat"]))]
#[command(group = any("recording", &["replay"]))]
#[command(group = any("start_time", &["start", "seed", "replay"]))]
pub(crate) struct Args {
    #[command(flatten)]
    publish: PublishArgs,

    /// Exit after COUNT messages [default: publish until Ctrl-C]
    #[arg(long, env = "IOT_COUNT", hide_env_values = true)]
    #[arg(value_name = "COUNT", value_parser = count, allow_hyphen_values = true)]
    #[arg(help_heading = "Publishing")]
    count: Option<u64>,

    /// Limit the messages with QoS 1 or 2 that wait for the broker to COUNT
    #[arg(long, env = "IOT_MAX_QUEUED", hide_env_values = true)]
    #[arg(
        default_value_t = 10_000,
        value_name = "COUNT",
        help_heading = "Publishing"
    )]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=65_000))]
    #[arg(hide_short_help = true)]
    max_queued: u16,

    #[command(flatten)]
    load: LoadArgs,

    #[command(flatten)]
    connect: ConnectArgs,

    /// Exit with 1 if a single message finds no broker within DURATION
    #[arg(long, env = "IOT_CONNECT_TIMEOUT", hide_env_values = true)]
    #[arg(default_value = "30s", value_name = "DURATION", value_parser = parse_duration)]
    #[arg(allow_hyphen_values = true, hide_short_help = true)]
    #[arg(help_heading = "Connection")]
    connect_timeout: Duration,

    #[arg(skip)]
    origins: Origins,
}

const GIVEN: [&str; 5] = [
    "message",
    "file",
    "stdin_file",
    "null_message",
    "stdin_line",
];

/// Options of which any may be given.
fn any(id: &'static str, options: &[&'static str]) -> ArgGroup {
    ArgGroup::new(id).args(options).multiple(true)
}

/// The packets that take properties.
const SENT: [PacketKind; 4] = [
    PacketKind::Connect,
    PacketKind::Publish,
    PacketKind::Disconnect,
    PacketKind::Will,
];

fn count(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err("a count is a whole number, 1 or more".to_owned()),
    }
}

impl Args {
    /// Returns the options of this process; ends it if they are wrong or ask for help.
    pub(crate) fn read() -> Self {
        Self::from(std::env::args_os()).unwrap_or_else(|stop| stop.exit())
    }

    fn from(words: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Self, Stop> {
        let (args, origins): (Self, _) = iot_cli::read(words)?;
        Ok(Self { origins, ..args })
    }

    /// Returns how much is written to stderr.
    pub(crate) fn verbosity(&self) -> Verbosity {
        self.connect.verbosity()
    }

    /// Returns what the options mean together.
    pub(crate) fn plan(mut self) -> Result<Plan> {
        let origins = &self.origins;
        self.connect.resolve(origins)?;
        self.publish.resolve(origins)?;
        let message = &self.publish.message;
        self.load.resolve(&mut self.connect, message, origins)?;
        let is_mosquitto = self.connect.is_mosquitto();
        if is_mosquitto {
            self.publish.check_given(origins)?;
        }
        let once = self.publish.is_once() && self.load.repeats_nothing();
        let (repeat, is_shown) = (message.repeat(), message.is_shown());
        let is_lines = message.is_lines();
        let mut devices = self.publish.devices(self.load.device_count(), origins)?;
        self.load.report_shared_topic(&devices);
        let edge_nodes = edge_nodes::assign(&mut devices).map_err(UsageError::new)?;
        let shared = self.load.shared_connections(&devices);
        let connections = edge_nodes.len() + shared;
        if !edge_nodes.is_empty() {
            LoadArgs::check_edge_nodes(&mut self.connect, connections, origins)?;
        }
        let mut config = ClientConfig {
            max_queued: self.max_queued,
            ..self.connect.config(origins)?
        };
        let properties = self.connect.packet_properties(&SENT, &config, origins)?;
        if config.protocol != Protocol::V5
            && devices.iter().any(|device| device.qos == QoS::ExactlyOnce)
        {
            // mosquitto 2.0 loses those beyond, and has no way to say so before MQTT 5.
            config.max_inflight = config
                .max_inflight
                .min(ClientConfig::default().max_inflight);
        }
        let is_one = once && self.count.is_none_or(|count| count == 1);
        config.assigns_topic_aliases = !is_one;
        config.confirm_interval = (!is_mosquitto).then_some(CONFIRM_INTERVAL);
        Ok(Plan {
            config,
            properties,
            count: self
                .count
                .or(repeat.map(|repeat| repeat.count))
                .or(once.then_some(devices.len() as u64)),
            repeat_delay: repeat.map(|repeat| repeat.delay),
            is_shown: is_shown && !is_mosquitto,
            is_lines,
            devices,
            edge_nodes,
            connections,
            fail_fast: self.connect.fail_fast || is_mosquitto,
            gives_up_after: (once && repeat.is_none()).then_some(self.connect_timeout),
            load: self
                .load
                .load(self.connect.session.id_prefix, (shared, connections)),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use clap::CommandFactory;

    use super::*;

    /// The plan of a command line.
    pub(crate) fn plan(arguments: &[&str]) -> Plan {
        let arguments = ["iot-pub"].iter().chain(arguments);
        Args::from(arguments).unwrap().plan().unwrap()
    }

    #[test]
    fn each_option_has_a_short_help_that_begins_with_a_verb_and_a_variable() {
        assert_eq!(iot_cli::help_faults(Args::command()), Vec::<String>::new());
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
    fn a_delay_is_seconds_or_has_a_unit_as_an_interval() {
        for (delay, milliseconds) in [("0", 0), ("0.5", 500), ("500ms", 500), ("1min", 60_000)] {
            let plan = plan(&["-m", "x", "--repeat", "2", "--repeat-delay", delay]);
            assert_eq!(plan.repeat_delay, Some(Duration::from_millis(milliseconds)));
            if milliseconds > 0 {
                let plan = super::tests::plan(&["--interval", delay]);
                assert_eq!(plan.devices[0].interval.as_millis(), milliseconds.into());
            }
        }
    }

    #[test]
    fn a_message_alone_is_sent_once_and_otherwise_repeated() {
        assert_eq!(plan(&["-m", "-5.2"]).count, Some(1));
        assert_eq!(plan(&["-m", "x", "--interval", "1s"]).count, None);
        assert_eq!(plan(&["-m", "x", "--count", "3"]).count, Some(3));
    }
}
