//! The options about MongoDB's collections.

use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use iot_cli::{Origins, UsageError, parse_age};
use iot_store::mongodb_options::{Granularity, Options, TimeSeries, check_collection};
use iot_store::{KeepRejected, SameId};

#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
#[derive(Debug, Args)]
#[command(next_help_heading = "MongoDB")]
pub(super) struct MongoArgs {
    /// Store in MongoDB collection NAME, and rejected messages in NAME_rejected [default: sensors,
    /// with --time-series sensors_ts]
    #[arg(long, env = "IOT_COLLECTION", hide_env_values = true)]
    #[arg(value_name = "NAME", value_parser = collection)]
    #[arg(hide_short_help = true)]
    collection: Option<String>,

    /// Store in a time-series collection for readings GRANULARITY apart: a tenth of the space, but
    /// a crash may store a reading twice
    #[arg(long, env = "IOT_TIME_SERIES", hide_env_values = true)]
    #[arg(
        value_enum,
        value_name = "GRANULARITY",
        group = "expiring",
        conflicts_with = "id_key"
    )]
    #[arg(hide_short_help = true)]
    time_series: Option<GranularityArg>,

    /// Delete readings of the time-series collection after AGE, such as 12h or 30d
    #[arg(long, env = "IOT_EXPIRE_AFTER", hide_env_values = true)]
    #[arg(value_name = "AGE", value_parser = expiry, requires = "expiring")]
    #[arg(hide_short_help = true)]
    expire_after: Option<Duration>,

    /// Create an index by topic and time, if it is missing; storing is then about 0.6 times as
    /// fast
    #[arg(long, env = "IOT_INDEX", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    index: bool,

    /// Shard the collection by KEY, which is topic, if the server is the mongos of a sharded
    /// cluster
    #[arg(long, env = "IOT_SHARD_KEY", hide_env_values = true)]
    #[arg(value_enum, value_name = "KEY", conflicts_with = "time_series")]
    #[arg(hide_short_help = true)]
    shard_key: Option<ShardKey>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ShardKey {
    Topic,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum GranularityArg {
    Seconds,
    Minutes,
    Hours,
}

impl From<GranularityArg> for Granularity {
    fn from(arg: GranularityArg) -> Self {
        match arg {
            GranularityArg::Seconds => Self::Seconds,
            GranularityArg::Minutes => Self::Minutes,
            GranularityArg::Hours => Self::Hours,
        }
    }
}

impl MongoArgs {
    /// Returns the collection's name.
    pub(super) fn collection(&self) -> String {
        match (&self.collection, self.time_series) {
            (Some(name), _) => name.clone(),
            (None, Some(_)) => "sensors_ts".to_owned(),
            (None, None) => "sensors".to_owned(),
        }
    }

    /// Returns how it is used.
    pub(super) fn options(
        &self,
        same_id: SameId,
        rejected: KeepRejected,
        keep: Option<Duration>,
    ) -> Options {
        Options {
            same_id,
            rejected,
            keep,
            time_series: self.time_series.map(|granularity| TimeSeries {
                granularity: granularity.into(),
                // The server removes readings of such a collection by itself.
                expire_after: keep.or(self.expire_after),
            }),
            index: self.index,
            shards_by_topic: self.shard_key.is_some(),
        }
    }

    /// Checks that there is a MongoDB store for the options that are typed.
    ///
    /// # Errors
    /// [`UsageError`] that names the option.
    pub(super) fn check(&self, is_mongodb: bool, origins: &Origins) -> Result<(), UsageError> {
        let about_mongodb = [
            ("time_series", self.time_series.is_some()),
            ("expire_after", self.expire_after.is_some()),
            ("index", self.index),
            ("shard_key", self.shard_key.is_some()),
        ];
        let mut given = about_mongodb.iter().filter(|(_, is_given)| *is_given);
        match given.find(|(id, _)| !is_mongodb && origins.is_typed(id)) {
            Some((id, _)) => {
                let name = origins.name(id);
                Err(UsageError::new(format!("{name} needs a MongoDB store")))
            }
            None => Ok(()),
        }
    }
}

fn collection(name: &str) -> anyhow::Result<String> {
    check_collection(name)?;
    Ok(name.to_owned())
}

fn expiry(text: &str) -> Result<Duration, String> {
    const WANTED: &str =
        "a duration is whole seconds, minutes, hours or days: 90s, 30m, 12h or 30d";
    let duration = parse_age(text)?;
    // The server's own limit is that of a 32-bit number.
    let is_whole = duration.subsec_nanos() == 0 && i32::try_from(duration.as_secs()).is_ok();
    is_whole
        .then_some(duration)
        .ok_or_else(|| WANTED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_whole_seconds() {
        assert_eq!(expiry("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(expiry("1.5h"), Ok(Duration::from_secs(5_400)));
        assert_eq!(expiry("30d"), Ok(Duration::from_secs(30 * 86_400)));
        for bad in ["", "90", "d", "0d", "-1d", "500ms", "1e9d", "1w"] {
            assert!(expiry(bad).is_err(), "{bad}");
        }
    }
}
