//! The options of subscriptions.

use std::str::FromStr;

use clap::Args;
use iot_cli::{Origins, UsageError, is_mosquitto};
use iot_core::{QoS, TopicFilter};

use super::share::Group;

#[derive(Debug, Args)]
#[command(next_help_heading = "Subscriptions")]
pub(crate) struct FilterArgs {
    /// Subscribe to FILTER, or to FILTER@1 with QoS 1, whatever --qos is (can be
    /// repeated)
    #[arg(short, long, env = "IOT_TOPIC", hide_env_values = true)]
    #[arg(
        default_value = "iot/#",
        value_name = "FILTER",
        allow_hyphen_values = true
    )]
    pub(crate) topic: Vec<FilterArg>,

    /// Subscribe with QoS 0, 1 or 2
    #[arg(short, long, env = "IOT_QOS", hide_env_values = true)]
    #[arg(default_value_t = QoS::AtMostOnce, value_name = "QOS")]
    pub(crate) qos: QoS,

    /// Share the messages of each -t FILTER with the other members of GROUP: each goes to one of
    /// them
    #[arg(long, env = "IOT_SHARE", hide_env_values = true, value_name = "GROUP")]
    #[arg(hide_short_help = true)]
    pub(super) share: Option<Group>,
}

impl FilterArgs {
    /// Makes each filter that of a shared subscription, if there is a group.
    ///
    /// # Errors
    /// [`UsageError`] for a filter that has a group already.
    pub(super) fn share(&mut self, origins: &Origins) -> Result<(), UsageError> {
        let Some(group) = &self.share else {
            return Ok(());
        };
        let names = (&*origins.name("topic"), &*origins.name("share"));
        for topic in &mut self.topic {
            topic.filter = group.share(&topic.filter, names)?;
        }
        Ok(())
    }

    /// Removes the default filter, as `mosquitto_sub` has none.
    ///
    /// # Errors
    /// [`UsageError`] if there is nothing to subscribe to or to unsubscribe from.
    pub(super) fn without_default(
        &mut self,
        unsubscribes: bool,
        origins: &Origins,
    ) -> Result<(), UsageError> {
        if origins.is_set("topic") {
            return Ok(());
        }
        self.topic.clear();
        if unsubscribes {
            return Ok(());
        }
        Err(UsageError::new(
            "a topic filter is missing (give -t FILTER to subscribe, or -U FILTER to unsubscribe)",
        ))
    }
}

/// A topic filter, with a QoS of its own where `@0`, `@1` or `@2` ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilterArg {
    pub(crate) filter: TopicFilter,
    pub(crate) qos: Option<QoS>,
}

impl FromStr for FilterArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = text
            .len()
            .checked_sub(2)
            .and_then(|at| text.split_at_checked(at))
            // To mosquitto_sub, it is a part of the filter.
            .filter(|_| !is_mosquitto());
        let (filter, qos) = match split {
            Some((filter, end @ ("@0" | "@1" | "@2"))) => match filter.strip_suffix('@') {
                // Escaped: one of the two is the filter's.
                Some(filter) => (format!("{filter}{end}"), None),
                None => (filter.to_owned(), end[1..].parse::<QoS>().ok()),
            },
            _ => (text.to_owned(), None),
        };
        match TopicFilter::new(filter) {
            Ok(filter) => Ok(Self { filter, qos }),
            Err(error) => Err(format!("{error}{}", qos_advice(text))),
        }
    }
}

/// Returns what may help if a number that is no QoS ends a wrong filter.
fn qos_advice(text: &str) -> &'static str {
    let end = text.rsplit_once('@').map(|(_, end)| end);
    match end.and_then(|end| end.parse::<u64>().ok()) {
        Some(3..) if !is_mosquitto() => " (the QoS after @ is 0, 1 or 2)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_qos_after_a_wildcard_is_named() {
        let error = "iot/#@3".parse::<FilterArg>().unwrap_err();
        assert!(
            error.ends_with(" (the QoS after @ is 0, 1 or 2)"),
            "{error}"
        );
        let error = "iot/#@1/a".parse::<FilterArg>().unwrap_err();
        assert!(!error.contains("QoS"), "{error}");
    }

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
