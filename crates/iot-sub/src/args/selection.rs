//! The options of what is taken of what the broker has, and of when to end.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use iot_core::{ClientConfig, QoS, Subscription, TopicFilter};

use crate::decode::select::Selection;

/// A topic filter, with a QoS of its own where `@0`, `@1` or `@2` ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilterArg {
    pub(crate) filter: TopicFilter,
    pub(crate) qos: Option<QoS>,
}

impl FromStr for FilterArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (filter, qos) = match text
            .len()
            .checked_sub(2)
            .and_then(|at| text.split_at_checked(at))
        {
            Some((filter, end @ ("@0" | "@1" | "@2"))) => match filter.strip_suffix('@') {
                // Escaped: one of the two is the filter's.
                Some(filter) => (format!("{filter}{end}"), None),
                None => (filter.to_owned(), end[1..].parse::<QoS>().ok()),
            },
            _ => (text.to_owned(), None),
        };
        match TopicFilter::new(filter) {
            Ok(filter) => Ok(Self { filter, qos }),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn count(text: &str) -> Result<NonZeroU64, &'static str> {
    text.parse()
        .map_err(|_| "a count is a whole number, 1 or more")
}

/// When the broker sends the messages that it has retained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RetainHandling {
    /// At each subscription.
    Always,
    /// Where the session doesn't have the subscription yet.
    New,
    /// Never.
    Never,
}

/// What is taken.
#[derive(Debug, Args)]
#[command(next_help_heading = "Selection")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(crate) struct SelectionArgs {
    /// Leave out what matches topic filter FILTER (can be repeated)
    #[arg(
        short = 'T',
        long,
        env = "IOT_FILTER_OUT",
        hide_env_values = true,
        value_name = "FILTER",
        allow_hyphen_values = true
    )]
    filter_out: Vec<TopicFilter>,

    /// Unsubscribe from topic filter FILTER, which an earlier run has left in the session (can be repeated)
    #[arg(
        short = 'U',
        long,
        env = "IOT_UNSUBSCRIBE",
        hide_env_values = true,
        value_name = "FILTER",
        allow_hyphen_values = true
    )]
    unsubscribe: Vec<TopicFilter>,

    /// Exit after COUNT messages; what the broker sends beyond is left with it
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

    /// Exit once the broker has acknowledged the subscriptions
    #[arg(
        short = 'E',
        long,
        env = "IOT_EXIT_AFTER_SUBSCRIBE",
        hide_env_values = true
    )]
    #[arg(value_parser = BoolishValueParser::new())]
    exit_after_subscribe: bool,

    /// Leave out retained messages
    #[arg(short = 'R', long, env = "IOT_NO_RETAINED", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    no_retained: bool,

    /// Take retained messages only, and exit when the first other one comes
    #[arg(long, env = "IOT_RETAINED_ONLY", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    retained_only: bool,

    /// Have the broker remove each retained message that is taken
    #[arg(long, env = "IOT_REMOVE_RETAINED", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    remove_retained: bool,

    /// Have the broker send retained messages at each subscription, at a new one, or never (MQTT 5) [default: always]
    #[arg(
        long,
        env = "IOT_RETAIN_HANDLING",
        hide_env_values = true,
        value_name = "WHEN"
    )]
    #[arg(value_enum)]
    retain_handling: Option<RetainHandling>,

    /// Have the broker send the retain flag as it was published (MQTT 5)
    #[arg(long, env = "IOT_RETAIN_AS_PUBLISHED", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    retain_as_published: bool,

    /// Receive nothing that this client itself has published (MQTT 5)
    #[arg(long, env = "IOT_NO_LOCAL", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    no_local: bool,

    /// Take PERCENT of the messages, by chance: 0.1 to 100
    #[arg(
        long,
        env = "IOT_RANDOM_FILTER",
        hide_env_values = true,
        value_name = "PERCENT"
    )]
    #[arg(value_parser = percent)]
    random_filter: Option<f64>,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.1..=100.0).contains(&percent) => Ok(percent),
        _ => Err("a percentage is 0.1 to 100".into()),
    }
}

impl SelectionArgs {
    /// Returns what of it can't be had, together or with this protocol.
    pub(super) fn contradiction(&self, is_v5: bool, topics: &[FilterArg]) -> Option<String> {
        let newer = [
            ("--retain-handling", self.retain_handling.is_some()),
            ("--retain-as-published", self.retain_as_published),
            ("--no-local", self.no_local),
        ];
        if let Some((name, _)) = newer.iter().find(|(_, given)| *given && !is_v5) {
            return Some(format!("{name} needs MQTT 5 (give -V 5)"));
        }
        if self.retained_only && self.no_retained {
            return Some(
                "--retained-only can't be used with --no-retained: nothing is left".into(),
            );
        }
        if self.retain_handling == Some(RetainHandling::Never) && self.retained_only {
            return Some(
                "--retained-only can't be used with --retain-handling never: nothing is left"
                    .into(),
            );
        }
        let shared = topics.iter().find(|topic| topic.filter.is_shared());
        if let (true, Some(shared)) = (self.no_local, shared) {
            let filter = &shared.filter;
            return Some(format!(
                "--no-local can't be used with the shared subscription `{filter}` (MQTT 5 forbids it)"
            ));
        }
        None
    }

    /// Whether the retain flag tells what was published, and not that a message is old.
    pub(super) fn retain_as_published(&self) -> bool {
        self.retain_as_published
    }

    /// Returns what to ask the broker for.
    pub(super) fn subscriptions(&self, topics: Vec<FilterArg>, qos: QoS) -> Vec<Subscription> {
        let retain_handling = match self.retain_handling {
            _ if self.no_retained => 2,
            None | Some(RetainHandling::Always) => 0,
            Some(RetainHandling::New) => 1,
            Some(RetainHandling::Never) => 2,
        };
        topics
            .into_iter()
            .map(|topic| Subscription {
                no_local: self.no_local,
                retain_as_published: self.retain_as_published,
                retain_handling,
                ..Subscription::new(topic.filter, topic.qos.unwrap_or(qos))
            })
            .collect()
    }

    /// Returns the configuration by which the broker sends no more at a time than is to be taken.
    ///
    /// Not for a session that is kept: mosquitto 2.0 sends more than it was allowed once such a session is resumed, which
    /// would end the connection.
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

    /// Returns what the rest of the options mean.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, filter: &str, qos: Option<QoS>) {
        let parsed: FilterArg = text.parse().unwrap();
        assert_eq!(
            (parsed.filter.as_str(), parsed.qos),
            (filter, qos),
            "{text}"
        );
    }

    #[test]
    fn only_a_final_qos_is_split_off() {
        case("a/b", "a/b", None);
        case("a/b@1", "a/b", Some(QoS::AtLeastOnce));
        case("a@b@0", "a@b", Some(QoS::AtMostOnce));
        case("a@3", "a@3", None);
        case("a@1/b", "a@1/b", None);
        case("a@12", "a@12", None);
        case("a@@2", "a@2", None);
        case("a@@2@1", "a@@2", Some(QoS::AtLeastOnce));
        case("a@@@2", "a@@2", None);
        case("a@@b", "a@@b", None);
        case("ü@", "ü@", None);
        assert!("@1".parse::<FilterArg>().is_err());
        assert!("a/#/b@1".parse::<FilterArg>().is_err());
    }
}
