//! The options of what is published, and the devices that they mean.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use clap::builder::BoolishValueParser;
use iot_cli::{Origins, UsageError, parse_duration};
use iot_core::{QoS, TopicName};

use crate::args::message::MessageArgs;
use crate::args::recording::RecordingArgs;
use crate::args::simulation::SimulationArgs;
use crate::args::topic::TopicTemplate;
use crate::device::Device;
use crate::payload::Source;
use crate::payload::format::Format;
use crate::payload::random::Random;
use crate::scenario::{self, DeviceSpec};

const DEFAULT_TOPIC: &str = "iot/home2/temp";

#[derive(Debug, Args)]
#[command(next_help_heading = "Publishing")]
pub(crate) struct PublishArgs {
    /// Publish to TOPIC; {device} in it becomes the device's number, {topic} the recorded topic
    /// [default: iot/home2/temp, with --replay the recorded topic]
    #[arg(short, long, env = "IOT_TOPIC", hide_env_values = true)]
    #[arg(value_name = "TOPIC", allow_hyphen_values = true)]
    topic: Option<TopicTemplate>,

    /// Publish with QoS 0, 1 or 2
    #[arg(short, long, env = "IOT_QOS", hide_env_values = true)]
    #[arg(default_value_t = QoS::AtMostOnce, value_name = "QOS")]
    qos: QoS,

    /// Ask the broker to keep the last message for later subscribers
    #[arg(short, long, env = "IOT_RETAIN", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    retain: bool,

    /// Publish every DURATION: 500ms, 2s, 1m [default: 2s]
    #[arg(long, env = "IOT_INTERVAL", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    #[arg(conflicts_with_all = ["replay", "stdin_line", "rate"])]
    interval: Option<Duration>,

    /// Delay each message by up to DURATION, at random [default: none]
    #[arg(long, env = "IOT_JITTER", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    #[arg(conflicts_with_all = ["replay", "stdin_line"])]
    #[arg(hide_short_help = true)]
    jitter: Option<Duration>,

    #[command(flatten)]
    pub(crate) message: MessageArgs,

    #[command(flatten)]
    simulation: SimulationArgs,

    #[command(flatten)]
    recording: RecordingArgs,
}

impl PublishArgs {
    /// Checks what clap cannot check, because it depends on values. A lower layer never makes a
    /// command line fail: what it says is adapted or ignored.
    ///
    /// # Errors
    /// [`UsageError`] for options that do not go together.
    pub(crate) fn resolve(&mut self, origins: &Origins) -> Result<(), UsageError> {
        self.recording.resolve(origins)?;
        let is_recorded = TopicTemplate::has_recorded_topic;
        if !self.recording.is_given() && self.topic.as_ref().is_some_and(is_recorded) {
            if origins.is_typed("topic") {
                let name = origins.name("topic");
                return Err(UsageError::new(format!(
                    "{{topic}} in {name} is the recorded topic and needs --replay FILE"
                )));
            }
            self.topic = None;
        }
        let interval = self.interval();
        if let Some(jitter) = self.jitter.filter(|jitter| *jitter > interval) {
            if origins.layer("jitter") >= origins.layer("interval") && origins.is_typed("jitter") {
                let name = origins.name("jitter");
                return Err(UsageError::new(format!(
                    "{name} is {jitter:?}, longer than the interval of {interval:?}"
                )));
            }
            self.jitter = Some(interval);
        }
        Ok(())
    }

    /// Checks that topic and message are given, as `mosquitto_pub` has no defaults for them.
    ///
    /// # Errors
    /// [`UsageError`] if one is missing.
    pub(crate) fn check_given(&self, origins: &Origins) -> Result<(), UsageError> {
        let is_message = self.message.is_one() || self.message.is_lines();
        if is_message && origins.is_set("topic") {
            return Ok(());
        }
        Err(UsageError::new(
            "topic and message are needed (give -t TOPIC and one of -m, -f, -l, -n, -s)",
        ))
    }

    /// Checks that what is typed suits Sparkplug, which has rules for QoS and retained messages.
    ///
    /// # Errors
    /// [`UsageError`] for `--qos` and `--retain`.
    fn check_sparkplug(&self, origins: &Origins) -> Result<(), UsageError> {
        if self.simulation.format() != Some(Format::Sparkplug) {
            return Ok(());
        }
        let is_qos = self.qos != QoS::AtMostOnce && origins.is_typed("qos");
        let is_retain = self.retain && origins.is_typed("retain");
        for (id, is_given, why) in [
            ("qos", is_qos, "publishes with QoS 0"),
            ("retain", is_retain, "retains nothing"),
        ] {
            if is_given {
                let name = origins.name(id);
                return Err(UsageError::new(format!(
                    "{name} cannot be used with --format sparkplug: an edge node {why}"
                )));
            }
        }
        Ok(())
    }

    fn interval(&self) -> Duration {
        // A repeated message follows the delivery of the one before, and nothing else.
        let default = match self.message.repeat() {
            Some(_) => Duration::from_nanos(1),
            None => Duration::from_secs(2),
        };
        self.interval.unwrap_or(default)
    }

    /// Returns whether one message is all there is to publish, unless a count is given.
    pub(crate) fn is_once(&self) -> bool {
        self.message.is_one() && self.interval.is_none()
    }

    /// Returns `count` devices, named from 1 on, or those of the scenario, or the one that replays.
    ///
    /// # Errors
    /// [`UsageError`] for options that make no sense together; files that cannot be read.
    pub(crate) fn devices(&self, count: usize, origins: &Origins) -> Result<Vec<Device>> {
        if let Some(path) = self.simulation.scenario() {
            return self.scenario_devices(path);
        }
        if let Some(device) = self.replaying_device()? {
            return Ok(vec![device]);
        }
        let kind = self.simulation.sensor_kind(origins)?;
        self.check_sparkplug(origins)?;
        let is_sparkplug = kind.sparkplug().is_some();
        let default = self.simulation.format().and_then(Format::default_topic);
        let topic = match &self.topic {
            Some(topic) => topic.clone(),
            None => { default.unwrap_or(DEFAULT_TOPIC) }
                .parse()
                .map_err(|why: String| UsageError::new(why))?,
        };
        let message = self.message.payload()?;
        let mut lines = self.message.lines()?.map(Box::new);
        let seed = self.simulation.seed();
        (0..count)
            .map(|index| {
                let name = (index + 1).to_string();
                let topic = topic.topic(&name, "").map_err(UsageError::new)?;
                let source = match (&message, lines.take()) {
                    (_, Some(lines)) => Source::Lines(lines),
                    (Some(text), _) => Source::Message(text.clone()),
                    (None, _) => {
                        Source::Sensor(Box::new(kind.sensor(readings_of(seed, index), &name)))
                    }
                };
                Ok(Device {
                    name,
                    topic,
                    qos: if is_sparkplug {
                        QoS::AtMostOnce
                    } else {
                        self.qos
                    },
                    retain: self.retain && !is_sparkplug,
                    source,
                    interval: self.interval(),
                    jitter: self.jitter.unwrap_or_default(),
                    simulation: self.simulation.simulation(),
                    random: jitter_of(seed, index),
                    ticks: 0,
                    late: None,
                    edge: None,
                })
            })
            .collect()
    }

    fn scenario_devices(&self, path: &Path) -> Result<Vec<Device>> {
        let defaults = scenario::Defaults {
            qos: self.qos,
            retain: self.retain,
            precision: self.simulation.precision(),
            format: self.simulation.format(),
            interval: self.interval(),
            jitter: self.jitter,
        };
        let seed = self.simulation.seed();
        let simulation = self.simulation.simulation();
        let wanted = scenario::read(path, &defaults)?.into_iter().enumerate();
        let device = |(index, wanted): (usize, DeviceSpec)| Device {
            source: Source::Sensor(Box::new(
                wanted.kind.sensor(readings_of(seed, index), &wanted.name),
            )),
            name: wanted.name,
            topic: wanted.topic,
            qos: wanted.qos,
            retain: wanted.retain,
            interval: wanted.interval,
            jitter: wanted.jitter,
            simulation,
            random: jitter_of(seed, index),
            ticks: 0,
            late: None,
            edge: None,
        };
        Ok(wanted.map(device).collect())
    }

    fn replaying_device(&self) -> Result<Option<Device>> {
        const NAME: &str = "1";
        let speed = self.simulation.speed();
        let Some(recording) = self
            .recording
            .open(NAME, self.topic.clone(), speed, self.retain)?
        else {
            return Ok(None);
        };
        Ok(Some(Device {
            name: NAME.into(),
            topic: TopicName::new(DEFAULT_TOPIC)?,
            qos: self.qos,
            retain: self.retain,
            source: Source::Recording(Box::new(recording)),
            interval: self.interval(),
            jitter: Duration::ZERO,
            simulation: None,
            random: jitter_of(0, 0),
            ticks: 0,
            late: None,
            edge: None,
        }))
    }
}

/// The generator for the readings of the device with this index.
fn readings_of(seed: u64, index: usize) -> Random {
    Random::new(seed, 2 * index as u64)
}

/// The generator for its jitter.
fn jitter_of(seed: u64, index: usize) -> Random {
    Random::new(seed, 2 * index as u64 + 1)
}
