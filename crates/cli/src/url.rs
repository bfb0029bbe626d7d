//! `-L`, which says in one word where the broker is, who connects, and what about.

use std::fmt;

use clap::Args;

use crate::error::Error;
use crate::url::{Authority, decode};

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
    pub(super) topic: Option<UrlTopic>,

    #[arg(skip)]
    pub(super) scheme: Option<&'static str>,
}

/// What a URL says.
pub(super) struct BrokerUrl {
    pub(super) scheme: &'static str,
    pub(super) authority: Authority,
    pub(super) topic: Option<String>,
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
    pub(super) fn read(&self) -> Result<Option<BrokerUrl>, Error> {
        self.url.as_deref().map(read).transpose()
    }
}

fn read(text: &str) -> Result<BrokerUrl, Error> {
    let form = || {
        Error::Config(
            "a broker's URL is mqtt://, mqtts://, ws:// or wss://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]".into(),
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
        authority: Authority::parse(authority)?,
        topic: topic.map(|topic| decode(topic, "topic")).transpose()?,
    })
}

/// Nothing of the URL: a password may be in it.
impl fmt::Debug for UrlArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlArgs").finish_non_exhaustive()
    }
}
