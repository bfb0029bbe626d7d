//! `--share`: the group of the shared subscriptions.

use std::str::FromStr;

use iot_cli::UsageError;
use iot_core::TopicFilter;

/// The group whose members share the messages of a topic filter (MQTT 5 §4.8.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group(String);

impl FromStr for Group {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.contains(['/', '+', '#', '\0']) {
            return Err("the name of a group is not empty, and has no `/`, `+` or `#`");
        }
        Ok(Self(text.to_owned()))
    }
}

impl Group {
    /// Returns the filter of the group's subscription to a filter. `option` is the option that
    /// gives the filter, as it was typed; so is `share`.
    ///
    /// # Errors
    /// [`UsageError`] for a filter that has a group already, or that becomes too long.
    pub(super) fn share(
        &self,
        filter: &TopicFilter,
        (option, share): (&str, &str),
    ) -> Result<TopicFilter, UsageError> {
        if filter.is_shared() {
            return Err(UsageError::new(format!(
                "{share} cannot be used with the shared subscription `{filter}` of {option} (leave one of them out)"
            )));
        }
        TopicFilter::new(format!("$share/{}/{filter}", self.0))
            .map_err(|error| UsageError::new(format!("{share} with {option}: {error}")))
    }
}
