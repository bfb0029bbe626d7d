//! What is published: the options for it, and the devices they mean.

mod settle;
mod text;
mod url;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, FixedOffset};
use clap::Args;
use clap::builder::BoolishValueParser;
use iot_cli::UsageError;
use iot_cli::parse_duration;
use iot_core::{Error, QoS, TopicName};
use rand::Rng;

use crate::device::Device;
use crate::payload::Source;
use crate::payload::clock::{Simulation, Speed, parse_start};
use crate::payload::random::Random;
use crate::payload::recording::{Recording, Replay};
use crate::payload::sensor::{Kind, NamedModel};
use crate::scenario::{self, DeviceSpec};
use crate::topic_template::Template;

pub(crate) use text::Repeat;
use text::TextArgs;

const DEFAULT_TOPIC: &str = "iot/home2/temp";

#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
#[derive(Debug, Args)]
pub(crate) struct WhatArgs {
    /// Publish to topic TOPIC; {device} in it is the device's number, {topic} the recorded one
    /// [default: iot/home2/temp, with --replay the recorded one]
    #[arg(short, long, env = "IOT_TOPIC", hide_env_values = true)]
    #[arg(value_name = "TOPIC", allow_hyphen_values = true)]
    topic: Option<TopicTemplate>,

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

    #[command(flatten)]
    text: TextArgs,

    /// Simulate readings: [NAME=]MODEL[+MODEL…], as in 'daily(14,26)+normal(0,0.2)+dropout(0.01)' (can be repeated, with
    /// names) [default: uniform(25,26)]
    #[arg(long, env = "IOT_MODEL", hide_env_values = true)]
    #[arg(value_name = "MODEL")]
    model: Vec<NamedModel>,

    /// Simulate the devices that FILE describes; see examples/*.toml
    #[arg(long, env = "IOT_SCENARIO", hide_env_values = true)]
    #[arg(value_name = "FILE")]
    scenario: Option<PathBuf>,

    /// Publish what FILE has recorded, at its pace: CSV with a header topic,value,time, or JSON lines; - is standard input
    #[arg(long, env = "IOT_REPLAY", hide_env_values = true)]
    #[arg(value_name = "FILE")]
    replay: Option<PathBuf>,

    /// Replay FILE from the start again at its end
    #[arg(id = "loop", long = "loop", env = "IOT_LOOP", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    repeat: bool,

    /// Exit with 1 at the first bad line of a recording, instead of skipping and counting it
    #[arg(long, env = "IOT_STRICT", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    strict: bool,

    /// Round readings to DIGITS after the point [default: all digits]
    #[arg(long, env = "IOT_PRECISION", hide_env_values = true)]
    #[arg(value_name = "DIGITS", value_parser = clap::value_parser!(u8).range(0..=15))]
    precision: Option<u8>,

    /// Publish TEXT around the readings, with {{value}} or {{NAME}}, {{now}}, {{now_ms}}, {{seq}} and {{device}}; braces of
    /// JSON are kept
    #[arg(long, env = "IOT_PAYLOAD_TEMPLATE", hide_env_values = true)]
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    payload_template: Option<String>,

    /// Repeat the readings of each run with seed SEED, on a simulated clock: see --start
    #[arg(long, env = "IOT_SEED", hide_env_values = true)]
    #[arg(value_name = "SEED")]
    seed: Option<u64>,

    /// Simulate readings from TIME on, now or 2026-06-21T06:00 [default: the machine's clock; with --seed, 2026-01-01]
    #[arg(long, env = "IOT_START", hide_env_values = true)]
    #[arg(value_name = "TIME", value_parser = parse_start)]
    start: Option<DateTime<FixedOffset>>,

    /// Let simulated or recorded time pass SPEED times as fast, or as fast as can be: 10x, max [default: 1x]
    #[arg(long, env = "IOT_SPEED", hide_env_values = true)]
    #[arg(value_name = "SPEED", allow_hyphen_values = true)]
    speed: Option<Speed>,

    /// Publish every DURATION: 500ms, 2s, 1m [default: 2s]
    #[arg(long, env = "IOT_INTERVAL", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    interval: Option<Duration>,

    /// Be late by up to DURATION each time, at random [default: none]
    #[arg(long, env = "IOT_JITTER", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    jitter: Option<Duration>,
}

/// What fills a gap of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopicGap {
    Device,
    /// The recorded topic.
    Topic,
}

/// `iot/home{device}/temp`
#[derive(Debug, Clone)]
pub(crate) struct TopicTemplate(Template<TopicGap>);

impl FromStr for TopicTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let gaps = [
            ("device".into(), TopicGap::Device),
            ("topic".into(), TopicGap::Topic),
        ];
        let template = Self(Template::new(text, &gaps)?);
        template.topic("1", "topic")?;
        Ok(template)
    }
}

impl TopicTemplate {
    /// Returns the topic of a device, for a recorded one.
    fn topic(&self, device: &str, recorded: &str) -> Result<TopicName, String> {
        let topic = self.0.fill(|gap, text| match gap {
            TopicGap::Device => text.push_str(device),
            TopicGap::Topic => text.push_str(recorded),
        });
        TopicName::new(topic).map_err(|error| error.to_string())
    }
}

impl WhatArgs {
    fn interval(&self) -> Duration {
        // What is repeated follows the delivery of the one before, and nothing else.
        let default = match self.text.repeat {
            Some(_) => Duration::from_nanos(1),
            None => Duration::from_secs(2),
        };
        self.interval.unwrap_or(default)
    }

    /// Whether it was said how often to publish.
    pub(crate) fn has_interval(&self) -> bool {
        self.interval.is_some()
    }

    /// Returns the option that fixes the payload to the last byte, if there is one.
    pub(crate) fn fixes_payload(&self) -> Option<&'static str> {
        match (&self.message, &self.payload_template) {
            (Some(_), _) => Some("--message"),
            (_, Some(_)) => Some("--payload-template"),
            _ => self.text.option().or_else(|| self.file()),
        }
    }

    /// Returns the option whose file says what each device publishes, if there is one.
    pub(crate) fn file(&self) -> Option<&'static str> {
        match (&self.scenario, &self.replay) {
            (Some(_), _) => Some("--scenario"),
            (_, Some(_)) => Some("--replay"),
            _ => None,
        }
    }

    /// Whether a recording says when.
    pub(crate) fn is_replay(&self) -> bool {
        self.replay.is_some()
    }

    /// Whether one message is all there is to publish, unless a count says otherwise.
    pub(crate) fn is_once(&self) -> bool {
        (self.message.is_some() || self.text.is_given()) && self.interval.is_none()
    }

    /// How the message is repeated, where a number of times is given.
    pub(crate) fn repeat(&self) -> Option<Repeat> {
        self.text.repeat()
    }

    /// Whether each line of standard input is a message.
    pub(crate) fn is_lines(&self) -> bool {
        self.text.stdin_line
    }

    /// Whether what is published is worth a line on stdout: what is handed over as a whole is known already.
    pub(crate) fn is_shown(&self) -> bool {
        self.text.option().is_none()
    }

    /// Returns `count` devices, named from 1 on, or those of the scenario, or the one that replays.
    ///
    /// # Errors
    /// One line, for options that make no sense together.
    pub(crate) fn devices(&self, count: usize) -> Result<Vec<Device>> {
        if let Some(path) = &self.scenario {
            return self.fleet(path);
        }
        if let Some(path) = &self.replay {
            return Ok(vec![self.recorder(path)?]);
        }
        let kind = |template| {
            let precision = self.precision.map(usize::from);
            Kind::new(self.model.clone(), template, precision)
        };
        // What is wrong with the models is not the template's fault.
        kind(None).map_err(UsageError::new)?;
        let kind = kind(self.payload_template.as_deref())
            .map_err(|why| UsageError::new(format!("--payload-template: {why}")))?;
        let topic = match &self.topic {
            Some(topic) => topic.clone(),
            None => DEFAULT_TOPIC.parse().map_err(UsageError::new)?,
        };
        let message = match &self.message {
            Some(text) => Some(text.clone().into_encoded_bytes().into()),
            None => self.text.payload()?,
        };
        let mut lines = self.text.lines()?.map(Box::new);
        let seed = self.seed();
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
                    qos: self.qos,
                    retain: self.retain,
                    source,
                    interval: self.interval(),
                    jitter: self.jitter.unwrap_or_default(),
                    simulation: self.simulation(),
                    random: jitter_of(seed, index),
                    ticks: 0,
                    late: None,
                })
            })
            .collect()
    }

    /// Returns the devices of a scenario.
    fn fleet(&self, path: &Path) -> Result<Vec<Device>> {
        let defaults = scenario::Defaults {
            qos: self.qos,
            retain: self.retain,
            precision: self.precision.map(usize::from),
            interval: self.interval(),
            jitter: self.jitter,
        };
        let seed = self.seed();
        let simulation = self.simulation();
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
        };
        Ok(wanted.map(device).collect())
    }

    /// Returns the device that replays a recording.
    fn recorder(&self, path: &Path) -> Result<Device> {
        let name = "1";
        let topic = self.topic.clone();
        let map = move |recorded: &str| match &topic {
            Some(topic) => topic.topic(name, recorded),
            None => TopicName::new(recorded).map_err(|error| error.to_string()),
        };
        let replay = Replay {
            path: path.to_owned(),
            map: Box::new(map),
            speed: self.speed.unwrap_or(Speed::NORMAL),
            repeat: self.repeat,
            strict: self.strict,
        };
        Ok(Device {
            name: name.into(),
            topic: TopicName::new(DEFAULT_TOPIC).map_err(Error::from)?,
            qos: self.qos,
            retain: self.retain,
            source: Source::Recording(Box::new(Recording::open(replay)?)),
            interval: self.interval(),
            jitter: Duration::ZERO,
            simulation: None,
            random: jitter_of(0, 0),
            ticks: 0,
            late: None,
        })
    }

    /// The one that is given, or a random one.
    fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| rand::rng().next_u64())
    }

    fn simulation(&self) -> Option<Simulation> {
        let default = || self.seed.map(|_| Simulation::default_start());
        Some(Simulation {
            start: self.start.or_else(default)?,
            speed: self.speed.unwrap_or(Speed::NORMAL),
        })
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
