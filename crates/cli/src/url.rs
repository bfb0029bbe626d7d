//! `-L`, which says in one word where the broker is, who connects, and what about.

use std::fmt;

use clap::Args;

use crate::error::UsageError;
use iot_core::url::{Authority, decode};

/// The option `-L`.
#[derive(Args)]
pub struct UrlArgs {
    /// Connect to mqtt://, mqtts://, ws:// or wss://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]
    #[arg(
        short = 'L',
        long,
        env = "IOT_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    url: Option<String>,

    /// What it ends with, once it is settled that it counts.
    #[arg(skip)]
    pub(crate) topic: Option<UrlTopic>,

    #[arg(skip)]
    pub(crate) scheme: Option<&'static str>,
}

/// What a URL says.
pub(crate) struct BrokerUrl {
    pub(crate) scheme: &'static str,
    pub(crate) authority: Authority,
    pub(crate) topic: Option<String>,
}

/// The topic that a URL ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlTopic {
    /// The topic, percent-decoded.
    pub text: String,
    /// Whether it wins over `--topic`, where there can be only one.
    pub wins: bool,
    /// Whether the topics of `--topic` count beside it, where there can be many: both are typed, or
    /// both stand in variables or in the option file.
    pub beside: bool,
}

const SCHEMES: [&str; 4] = ["mqtt", "mqtts", "ws", "wss"];

impl UrlArgs {
    /// Returns what the URL says; no error shows it, for the password in it.
    pub(crate) fn read(&self) -> Result<Option<BrokerUrl>, UsageError> {
        self.url.as_deref().map(read).transpose()
    }
}

fn read(text: &str) -> Result<BrokerUrl, UsageError> {
    let form = || {
        UsageError::new(
            "a broker's URL is mqtt://, mqtts://, ws:// or wss://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]",
        )
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(form)?;
    let scheme = SCHEMES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(scheme))
        .ok_or_else(form)?;
    let (authority, topic) = match rest.split_once('/') {
        Some((authority, topic)) => (authority, Some(topic).filter(|topic| !topic.is_empty())),
        None => (rest, None),
    };
    Ok(BrokerUrl {
        scheme,
        authority: Authority::parse(authority).map_err(usage)?,
        topic: topic
            .map(|topic| decode(topic, "topic"))
            .transpose()
            .map_err(usage)?,
    })
}

fn usage(error: impl fmt::Display) -> UsageError {
    UsageError::new(error.to_string())
}

/// Nothing of the URL: a password may be in it.
impl fmt::Debug for UrlArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlArgs").finish_non_exhaustive()
    }
}
