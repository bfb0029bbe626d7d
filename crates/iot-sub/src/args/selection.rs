//! The options that select messages and end the run.

use std::num::NonZeroU64;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use iot_cli::{Origins, UsageError};
use iot_core::{ClientConfig, QoS, Subscription, TopicFilter};

use crate::args::filter::FilterArg;
use crate::args::share::Group;
use crate::decode::select::Selection;

fn count(text: &str) -> Result<NonZeroU64, &'static str> {
    text.parse()
        .map_err(|_| "a count is a whole number, 1 or more")
}

/// When the broker sends the messages that it has retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RetainHandling {
    /// At each subscription.
    Always,
    /// If the session does not have the subscription yet.
    New,
    /// Never.
    Never,
}

/// Which messages are used.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(crate) struct SelectionArgs {
    /// Skip messages that match topic filter FILTER (can be repeated)
    #[arg(
        short = 'T',
        long,
        env = "IOT_FILTER_OUT",
        hide_env_values = true,
        value_name = "FILTER",
        allow_hyphen_values = true
    )]
    filter_out: Vec<TopicFilter>,

    /// Unsubscribe from FILTER, which an earlier run left in the session (can be repeated)
    #[arg(
        short = 'U',
        long,
        env = "IOT_UNSUBSCRIBE",
        hide_env_values = true,
        value_name = "FILTER",
        allow_hyphen_values = true
    )]
    #[arg(hide_short_help = true)]
    unsubscribe: Vec<TopicFilter>,

    /// Exit after COUNT messages
    #[arg(
        short = 'C',
        long,
        env = "IOT_COUNT",
        hide_env_values = true,
        value_name = "COUNT",
        value_parser = count
    )]
    count: Option<NonZeroU64>,

    /// Exit after SECONDS, with `Timed out` and exit code 27
    #[arg(
        short = 'W',
        long,
        env = "IOT_TIMEOUT",
        hide_env_values = true,
        value_name = "SECONDS"
    )]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    timeout: Option<u64>,

    /// Exit when the broker has acknowledged the subscriptions
    #[arg(
        short = 'E',
        long,
        env = "IOT_EXIT_AFTER_SUBSCRIBE",
        hide_env_values = true
    )]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    exit_after_subscribe: bool,

    /// Skip retained messages
    #[arg(short = 'R', long, env = "IOT_NO_RETAINED", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    no_retained: bool,

    /// Use retained messages only, and exit at the first other message
    #[arg(long, env = "IOT_RETAINED_ONLY", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), conflicts_with = "no_retained")]
    #[arg(hide_short_help = true)]
    retained_only: bool,

    /// Ask the broker to remove each retained message that is received
    #[arg(long, env = "IOT_REMOVE_RETAINED", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    remove_retained: bool,

    /// Ask for retained messages at each subscription, at a new one, or never (MQTT 5) [default:
    /// always]
    #[arg(
        long,
        env = "IOT_RETAIN_HANDLING",
        hide_env_values = true,
        value_name = "WHEN"
    )]
    #[arg(value_enum)]
    #[arg(hide_short_help = true)]
    retain_handling: Option<RetainHandling>,

    /// Ask the broker to send the retain flag as it was published (MQTT 5)
    #[arg(long, env = "IOT_RETAIN_AS_PUBLISHED", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    retain_as_published: bool,

    /// Skip messages that this client published itself (MQTT 5)
    #[arg(long, env = "IOT_NO_LOCAL", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    no_local: bool,

    /// Use PERCENT of the messages, chosen at random: 0.1 to 100
    #[arg(
        long,
        env = "IOT_RANDOM_FILTER",
        hide_env_values = true,
        value_name = "PERCENT"
    )]
    #[arg(value_parser = percent)]
    #[arg(hide_short_help = true)]
    random_filter: Option<f64>,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.1..=100.0).contains(&percent) => Ok(percent),
        _ => Err("a percentage is 0.1 to 100".into()),
    }
}

impl SelectionArgs {
    /// Makes the filters that are unsubscribed from those of the group.
    ///
    /// # Errors
    /// [`UsageError`] for a filter that has a group already, and for retained messages only: a
    /// shared subscription gets none (MQTT 5 §4.8.2).
    pub(super) fn share(&mut self, group: &Group, origins: &Origins) -> Result<(), UsageError> {
        let share = origins.name("share");
        if self.retained_only {
            let only = origins.name("retained_only");
            return Err(UsageError::new(format!(
                "{only} cannot be used with {share}: brokers send no retained messages for a shared subscription"
            )));
        }
        let option = origins.name("unsubscribe");
        for filter in &mut self.unsubscribe {
            *filter = group.share(filter, (&option, &share))?;
        }
        Ok(())
    }

    /// Checks the options against the protocol and the filters.
    ///
    /// # Errors
    /// [`UsageError`] for options that do not go together.
    pub(super) fn check(
        &self,
        is_v5: bool,
        filters: &[FilterArg],
        origins: &Origins,
    ) -> Result<(), UsageError> {
        let name = |id| origins.name(id);
        let newer = [
            ("retain_handling", self.retain_handling.is_some()),
            ("retain_as_published", self.retain_as_published),
            ("no_local", self.no_local),
        ];
        if let Some((id, _)) = newer.iter().find(|(_, given)| *given && !is_v5) {
            let option = name(id);
            return Err(UsageError::new(format!(
                "{option} needs MQTT 5 (give -V 5)"
            )));
        }
        if self.retain_handling == Some(RetainHandling::Never) && self.retained_only {
            let (only, handling) = (name("retained_only"), name("retain_handling"));
            return Err(UsageError::new(format!(
                "{only} cannot be used with {handling} never: no message is left"
            )));
        }
        let shared = filters.iter().find(|filter| filter.filter.is_shared());
        if let (true, Some(shared)) = (self.no_local, shared) {
            let (no_local, filter) = (name("no_local"), &shared.filter);
            return Err(UsageError::new(format!(
                "{no_local} cannot be used with the shared subscription `{filter}` (MQTT 5 forbids it)"
            )));
        }
        Ok(())
    }

    /// Returns whether a filter of an earlier run is unsubscribed from.
    pub(super) fn unsubscribes(&self) -> bool {
        !self.unsubscribe.is_empty()
    }

    /// Returns whether the retain flag is as published, so that it does not mark old messages.
    pub(super) fn retain_as_published(&self) -> bool {
        self.retain_as_published
    }

    /// Returns the subscriptions for these filters.
    pub(super) fn subscriptions(&self, filters: Vec<FilterArg>, qos: QoS) -> Vec<Subscription> {
        let retain_handling = match self.retain_handling {
            _ if self.no_retained => 2,
            None | Some(RetainHandling::Always) => 0,
            Some(RetainHandling::New) => 1,
            Some(RetainHandling::Never) => 2,
        };
        filters
            .into_iter()
            .map(|topic| Subscription {
                no_local: self.no_local,
                retain_as_published: self.retain_as_published,
                retain_handling,
                ..Subscription::new(topic.filter, topic.qos.unwrap_or(qos))
            })
            .collect()
    }

    /// Limits the receive maximum to `--count`, so that the broker sends no more than is used.
    ///
    /// Not for a session that is kept: mosquitto 2.0 exceeds the receive maximum when it resumes
    /// such a session, which would end the connection.
    pub(super) fn configure(&self, config: ClientConfig) -> ClientConfig {
        let wanted = match self.count {
            Some(count) if config.clean_session => count.get(),
            _ => u64::MAX,
        };
        let wanted = u16::try_from(wanted).unwrap_or(u16::MAX);
        ClientConfig {
            receive_maximum: config.receive_maximum.min(wanted),
            ..config
        }
    }

    /// Returns the plan for the other options.
    pub(super) fn plan(self) -> Selection {
        Selection {
            filter_out: self.filter_out,
            unsubscribe: self.unsubscribe,
            count: self.count,
            timeout: self.timeout.map(Duration::from_secs),
            exit_after_subscribe: self.exit_after_subscribe,
            no_retained: self.no_retained,
            retained_only: self.retained_only,
            remove_retained: self.remove_retained,
            percent: self.random_filter.filter(|percent| *percent < 100.0),
        }
    }
}
