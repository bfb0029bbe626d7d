//! What is watched and where reports go, as the options say it.

use std::path::PathBuf;
use std::time::Duration;

use iot_alert::Settings;

use super::alert_topic::AlertTopic;
use super::discovery;
use super::url_format::UrlFormat;

/// What is watched, and where reports go.
#[derive(Clone, Debug)]
pub(crate) struct AlertPlan {
    pub(crate) settings: Settings,
    /// The file of states and reports; `None` chooses one.
    pub(crate) file: Option<PathBuf>,
    pub(crate) topic: Option<AlertTopic>,
    /// The prefix of Home Assistant's discovery topics, if alerts are announced there.
    pub(crate) discovery: Option<String>,
    pub(crate) exec: Option<Exec>,
    pub(crate) url: Option<(String, UrlFormat)>,
}

/// A program that is run for each report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exec {
    pub(crate) program: PathBuf,
    /// After this time it is killed.
    pub(crate) timeout: Duration,
}

impl AlertPlan {
    /// Whether this topic is one that alerts are published to.
    pub(crate) fn is_own_topic(&self, topic: &str) -> bool {
        let discovery = self.discovery.as_ref();
        self.topic.as_ref().is_some_and(|own| own.covers(topic))
            || discovery.is_some_and(|prefix| discovery::is_own(prefix, topic))
    }
}
