//! The options of `export`.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Parser, ValueEnum};
use iot_cli::{CommandArgs, Origins, UsageError, parse_duration};

use super::filter::FilterArgs;
use super::period::PeriodArgs;
use super::store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  iot-view export 'home/#' --since yesterday --until yesterday -o day.csv
  iot-view export --since 7d --every 1h --aggregate mean,max --wide
  iot-view export home/power --format json | jq .value
";

/// Print stored readings as CSV, JSON, Parquet or line protocol, in the order of their time
#[derive(Debug, Parser)]
#[command(name = "export", before_help = EXAMPLES)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,

    #[command(flatten)]
    pub(crate) store: StoreArgs,

    #[command(flatten)]
    pub(crate) period: PeriodArgs,

    /// Print FORMAT: csv with the columns topic,metric,value,unit,time, json (lines), parquet, or
    /// line-protocol
    #[arg(long, env = "IOT_EXPORT_FORMAT", hide_env_values = true)]
    #[arg(help_heading = "Output")]
    #[arg(value_name = "FORMAT", value_enum, default_value = "csv")]
    #[arg(hide_possible_values = true)]
    pub(crate) format: Format,

    /// Print a row for each time, with a column for each series
    #[arg(long, env = "IOT_WIDE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), help_heading = "Output")]
    pub(crate) wide: bool,

    /// Print one value for each DURATION, such as 5m, instead of each reading
    #[arg(long, env = "IOT_EVERY", hide_env_values = true)]
    #[arg(help_heading = "Output")]
    #[arg(value_name = "DURATION", value_parser = whole_seconds)]
    pub(crate) every: Option<Duration>,

    /// Print for each DURATION of --every: mean, min, max, first, last, count, separated by commas
    #[arg(long, env = "IOT_AGGREGATE", hide_env_values = true)]
    #[arg(help_heading = "Output")]
    #[arg(
        value_name = "NAMES",
        value_enum,
        value_delimiter = ',',
        default_value = "mean"
    )]
    #[arg(hide_possible_values = true)]
    pub(crate) aggregate: Vec<Aggregate>,

    /// Write to FILE, with progress on stderr; FILE is replaced once all is written
    #[arg(short, long, env = "IOT_OUTPUT", hide_env_values = true)]
    #[arg(value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) command: CommandArgs,
}

/// How readings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Json,
    Parquet,
    LineProtocol,
}

/// What a period is reduced to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Aggregate {
    Mean,
    Min,
    Max,
    First,
    Last,
    Count,
}

impl Aggregate {
    /// Returns the name of its column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
            Self::Count => "count",
        }
    }
}

fn whole_seconds(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.subsec_nanos() != 0 {
        return Err("a step is whole seconds, as in 10s, 5m, 1h or 1d".into());
    }
    Ok(duration)
}

impl ExportArgs {
    /// Checks what clap cannot check.
    ///
    /// # Errors
    /// [`UsageError`] for options that make no sense together.
    pub(crate) fn check(&self, origins: &Origins) -> Result<(), UsageError> {
        let name = |id: &str| origins.name(id);
        if origins.is_typed("aggregate") && self.every.is_none() {
            return Err(UsageError::new(format!(
                "{} needs --every DURATION",
                name("aggregate")
            )));
        }
        let twice = |at: usize| self.aggregate[..at].contains(&self.aggregate[at]);
        if let Some(at) = (0..self.aggregate.len()).find(|at| twice(*at)) {
            let (option, aggregate) = (name("aggregate"), self.aggregate[at].name());
            return Err(UsageError::new(format!("{option} names {aggregate} twice")));
        }
        if self.wide && self.format == Format::LineProtocol {
            return Err(UsageError::new(format!(
                "{} needs csv, json or parquet: line protocol has no columns",
                name("wide")
            )));
        }
        Ok(())
    }
}
