//! The options of the stored fields.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use iot_cli::{Origins, Timezone, UsageError, parse_duration};
use iot_store::SameId;

use crate::decode::decoder::{FieldsPlan, Retained};
use crate::decode::downsample::Downsampling;
use crate::decode::message_fact::FieldName;
use crate::decode::topic_pattern::TopicPattern;
use crate::decode::{Keys, Pointer};

/// What is stored.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is stored")]
pub(crate) struct FieldsArgs {
    /// Store a retained message if the series' last value differs (once), always (store), with a
    /// field retained (mark), or never (skip) [default: once; store with
    /// --retain-as-published]
    #[arg(long, env = "IOT_RETAINED", hide_env_values = true, value_name = "HOW")]
    #[arg(
        value_enum,
        hide_possible_values = true,
        conflicts_with = "retain_as_published"
    )]
    #[arg(hide_short_help = true)]
    retained: Option<Retained>,

    /// Store levels of the topic as fields, as in iot/{home}/{sensor} (can be repeated: the first
    /// match counts)
    #[arg(
        long,
        env = "IOT_TOPIC_PATTERN",
        hide_env_values = true,
        value_name = "PATTERN"
    )]
    #[arg(hide_short_help = true)]
    #[arg(hide_short_help = true)]
    topic_pattern: Vec<TopicPattern>,

    /// Use the value at JSON pointer POINTER (/a/b) of a JSON payload
    #[arg(
        long,
        env = "IOT_VALUE_KEY",
        hide_env_values = true,
        value_name = "POINTER"
    )]
    #[arg(hide_short_help = true)]
    value_key: Vec<Pointer>,

    /// Use the time at POINTER: seconds, milliseconds or RFC 3339
    #[arg(
        long,
        env = "IOT_TIME_KEY",
        hide_env_values = true,
        value_name = "POINTER"
    )]
    #[arg(hide_short_help = true)]
    time_key: Vec<Pointer>,

    /// Read times without a time zone as those of ZONE: local, UTC, +02:00 or Europe/Berlin
    #[arg(
        long,
        env = "IOT_DEVICE_TIMEZONE",
        hide_env_values = true,
        value_name = "ZONE",
        allow_hyphen_values = true
    )]
    #[arg(hide_short_help = true)]
    device_timezone: Option<Timezone>,

    /// Use the topic and the value at POINTER, such as /seq, as _id: a repeated message is stored
    /// once (can be repeated)
    #[arg(
        long,
        env = "IOT_ID_KEY",
        hide_env_values = true,
        value_name = "POINTER"
    )]
    #[arg(hide_short_help = true)]
    id_key: Vec<Pointer>,

    /// Store facts about the message, too, separated by commas
    #[arg(long, env = "IOT_FIELDS", hide_env_values = true, value_name = "NAMES")]
    #[arg(value_enum, value_delimiter = ',')]
    #[arg(hide_short_help = true)]
    fields: Vec<FieldName>,

    /// Store a reading only if it differs by more than DEADBAND from the series' last stored one
    /// [default DEADBAND: 0]
    #[arg(
        long,
        env = "IOT_ON_CHANGE",
        hide_env_values = true,
        value_name = "DEADBAND"
    )]
    #[arg(num_args = 0..=1, default_missing_value = "0", value_parser = deadband)]
    #[arg(hide_short_help = true)]
    on_change: Option<f64>,

    /// Store a reading only if the series' last stored one is DURATION older, such as 10s
    #[arg(
        long,
        env = "IOT_MIN_INTERVAL",
        hide_env_values = true,
        value_name = "DURATION"
    )]
    #[arg(value_parser = parse_duration)]
    #[arg(hide_short_help = true)]
    min_interval: Option<Duration>,
}

fn deadband(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(band) if band.is_finite() && band >= 0.0 => Ok(band),
        _ => Err("a deadband is a number, 0 or more".into()),
    }
}

impl FieldsArgs {
    /// Returns what it means that two readings have the same id.
    pub(super) fn same_id(&self) -> SameId {
        if self.id_key.is_empty() {
            SameId::Accident
        } else {
            SameId::Conflict
        }
    }

    /// Whether a value is named.
    pub(super) fn has_value_key(&self) -> bool {
        !self.value_key.is_empty()
    }

    /// Checks the options against the store, and the names of fields; `reads_times` says whether
    /// decoders read times, too.
    ///
    /// # Errors
    /// [`UsageError`] for options that are typed and have no store; a name that is there twice.
    pub(super) fn check(
        &self,
        stores: bool,
        reads_times: bool,
        origins: &Origins,
    ) -> Result<(), UsageError> {
        let about_the_store = [
            ("retained", self.retained.is_some()),
            ("topic_pattern", !self.topic_pattern.is_empty()),
            ("id_key", !self.id_key.is_empty()),
            ("fields", !self.fields.is_empty()),
            ("on_change", self.on_change.is_some()),
            ("min_interval", self.min_interval.is_some()),
        ];
        let mut given = about_the_store.iter().filter(|(_, is_given)| *is_given);
        if let Some((id, _)) = given.find(|(id, _)| !stores && origins.is_typed(id)) {
            let name = origins.name(id);
            return Err(UsageError::new(format!(
                "{name} needs a store: it decides what is stored (give --store)"
            )));
        }
        for (id, pointers) in [("value_key", &self.value_key), ("time_key", &self.time_key)] {
            if pointers.len() > 1 {
                let name = origins.name(id);
                return Err(UsageError::new(format!(
                    "{name} is given {} times: a reading has one value and one time",
                    pointers.len()
                )));
            }
        }
        if self.device_timezone.is_some()
            && self.time_key.is_empty()
            && !reads_times
            && origins.is_typed("device_timezone")
        {
            let name = origins.name("device_timezone");
            return Err(UsageError::new(format!(
                "{name} needs --time-key POINTER: without it, the time is that of arrival"
            )));
        }
        self.check_names()
    }

    /// Checks that no two fields have the same name; of one name, no two spellings.
    fn check_names(&self) -> Result<(), UsageError> {
        for (at, fact) in self.fields.iter().enumerate() {
            let name = fact.name();
            let mut names = self.topic_pattern.iter().flat_map(TopicPattern::names);
            if self.fields[..at].contains(fact)
                || names.any(|other| other.eq_ignore_ascii_case(name))
            {
                return Err(UsageError::new(format!(
                    "the field `{name}` is named twice"
                )));
            }
        }
        let names: Vec<_> = { self.topic_pattern.iter() }
            .flat_map(TopicPattern::names)
            .collect();
        for (at, name) in names.iter().enumerate() {
            let is_other = |other: &&&Arc<str>| other != &name && other.eq_ignore_ascii_case(name);
            if let Some(other) = names[..at].iter().find(is_other) {
                return Err(UsageError::new(format!(
                    "the fields `{other}` and `{name}` differ only in case, which SQLite ignores"
                )));
            }
        }
        Ok(())
    }

    /// Returns what the options mean; where the retain flag is as published, it says nothing about
    /// a message's age.
    pub(super) fn plan(
        self,
        stores: bool,
        retain_as_published: bool,
    ) -> (FieldsPlan, Downsampling) {
        let keys = Keys {
            value: self.value_key.into_iter().next(),
            time: self.time_key.into_iter().next(),
            timezone: self.device_timezone,
            id: self.id_key,
        };
        if !stores {
            let plan = FieldsPlan {
                keys,
                retained: Retained::Store,
                ..FieldsPlan::default()
            };
            return (plan, Downsampling::default());
        }
        let retained = match self.retained {
            _ if retain_as_published => Retained::Store,
            retained => retained.unwrap_or_default(),
        };
        let plan = FieldsPlan {
            patterns: self.topic_pattern,
            keys,
            facts: self.fields,
            retained,
        };
        let downsampling = Downsampling {
            on_change: self.on_change,
            min_interval: self.min_interval,
        };
        (plan, downsampling)
    }
}
