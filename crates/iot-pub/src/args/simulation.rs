//! The options of simulated readings.

use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset};
use clap::Args;
use iot_cli::{Origins, UsageError};
use rand::Rng;

use crate::payload::clock::{Simulation, Speed, parse_start};
use crate::payload::format::Format;
use crate::payload::sensor::{Kind, NamedModel, Output, Unit};

#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Simulated readings")]
pub(crate) struct SimulationArgs {
    /// Simulate readings: [NAME=]MODEL[+MODEL…], as in 'daily(14,26)+normal(0,0.2)' (can be
    /// repeated, with names) [default: uniform(25,26)]
    #[arg(long, env = "IOT_MODEL", hide_env_values = true)]
    #[arg(value_name = "MODEL")]
    model: Vec<NamedModel>,

    /// Simulate the devices that FILE describes; see examples/*.toml
    #[arg(long, env = "IOT_SCENARIO", hide_env_values = true)]
    #[arg(value_name = "FILE", conflicts_with_all = ["topic", "devices"])]
    scenario: Option<PathBuf>,

    /// Round readings to DIGITS after the point [default: all digits]
    #[arg(long, env = "IOT_PRECISION", hide_env_values = true)]
    #[arg(value_name = "DIGITS", value_parser = clap::value_parser!(u8).range(0..=15))]
    #[arg(conflicts_with_all = ["given", "replay"])]
    #[arg(hide_short_help = true)]
    precision: Option<u8>,

    /// Publish TEXT with {{value}} or {{NAME}}, {{now}}, {{now_ms}}, {{seq}} and {{device}} filled
    /// in
    #[arg(long, env = "IOT_PAYLOAD_TEMPLATE", hide_env_values = true)]
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    #[arg(conflicts_with_all = ["given", "replay", "scenario"])]
    payload_template: Option<String>,

    /// Publish readings as json, cbor, msgpack, senml, senml-cbor, sparkplug, tasmota or
    /// zigbee2mqtt
    #[arg(long, env = "IOT_PAYLOAD_FORMAT", hide_env_values = true)]
    #[arg(value_name = "FORMAT", hide_possible_values = true)]
    #[arg(conflicts_with_all = ["given", "replay", "payload_template", "verify"])]
    format: Option<Format>,

    /// Set the unit of a model, for formats that have units: °C, or temp=°C (can be repeated)
    #[arg(long, env = "IOT_UNIT", hide_env_values = true)]
    #[arg(value_name = "[NAME=]UNIT", conflicts_with_all = ["given", "replay", "scenario"])]
    #[arg(hide_short_help = true)]
    unit: Vec<Unit>,

    /// Use SEED for the random numbers, and a simulated clock: each run gives the same readings
    #[arg(long, env = "IOT_SEED", hide_env_values = true)]
    #[arg(value_name = "SEED", conflicts_with_all = ["replay", "stdin_line"])]
    #[arg(hide_short_help = true)]
    seed: Option<u64>,

    /// Start the simulated clock at TIME (UTC), now or 2026-06-21T06:00 [default: the real clock;
    /// with --seed, 2026-01-01]
    #[arg(long, env = "IOT_START", hide_env_values = true)]
    #[arg(value_name = "TIME", value_parser = parse_start, conflicts_with_all = ["given", "replay"])]
    #[arg(hide_short_help = true)]
    start: Option<DateTime<FixedOffset>>,

    /// Run simulated or recorded time SPEED times as fast, such as 10x, or max [default: 1x]
    #[arg(long, env = "IOT_SPEED", hide_env_values = true)]
    #[arg(value_name = "SPEED", allow_hyphen_values = true)]
    #[arg(requires = "start_time", conflicts_with = "given")]
    #[arg(hide_short_help = true)]
    speed: Option<Speed>,
}

impl SimulationArgs {
    /// Returns the file that describes the devices, if there is one.
    pub(crate) fn scenario(&self) -> Option<&Path> {
        self.scenario.as_deref()
    }

    /// Returns the format of payloads, if one is given.
    pub(crate) fn format(&self) -> Option<Format> {
        self.format
    }

    /// Returns how many digits after the point are published.
    pub(crate) fn precision(&self) -> Option<usize> {
        self.precision.map(usize::from)
    }

    /// Returns the speed of simulated or recorded time.
    pub(crate) fn speed(&self) -> Speed {
        self.speed.unwrap_or(Speed::NORMAL)
    }

    /// Returns the seed: the given one, or a random one.
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| rand::rng().next_u64())
    }

    /// Returns the simulated clock, if there is one.
    pub(crate) fn simulation(&self) -> Option<Simulation> {
        let default = || self.seed.map(|_| Simulation::default_start());
        Some(Simulation {
            start: self.start.or_else(default)?,
            speed: self.speed(),
        })
    }

    /// Returns what a sensor measures and how it is written.
    ///
    /// # Errors
    /// [`UsageError`] for models or a template that make no sense.
    pub(crate) fn sensor_kind(&self, origins: &Origins) -> Result<Kind, UsageError> {
        let has_units = self.format.is_some_and(Format::has_units);
        if origins.is_typed("unit") && !has_units {
            return Err(UsageError::new(format!(
                "{} needs a format that has units: --format senml, senml-cbor, sparkplug or tasmota",
                origins.name("unit")
            )));
        }
        let kind = |template| {
            let output = Output {
                template,
                format: self.format.filter(|_| template.is_none()),
                units: &self.unit,
            };
            Kind::new(self.model.clone(), output, self.precision())
        };
        // What is wrong with the models is not the template's fault.
        kind(None).map_err(UsageError::new)?;
        kind(self.payload_template.as_deref()).map_err(|why| {
            let name = origins.name("payload_template");
            UsageError::new(format!("invalid value for {name}: {why}"))
        })
    }
}
