//! `-L`, which says in one word what several options say.

use std::ffi::{OsStr, OsString};
use std::fmt;

use clap::{Arg, ArgAction, Args, Command};
use iot_core::url::{Authority, decode};

use crate::host::Scheme;
use crate::origin::{Origin, Setting, Value};

/// The id of the option.
pub(crate) const URL: &str = "url";

/// The option `-L`. Before clap sees the command line, it becomes the options that it stands for:
/// `--host`, `--port`, `--username`, `--pw`, `--topic`, `--ws`, and the scheme's.
#[derive(Args)]
pub(crate) struct UrlArgs {
    /// Connect to mqtt://, mqtts://, ws:// or wss://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]
    #[arg(short = 'L', long, env = "IOT_URL", hide_env_values = true)]
    #[arg(value_name = "URL")]
    url: Option<String>,
}

/// Nothing of the URL: a password may be in it.
impl fmt::Debug for UrlArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UrlArgs").finish_non_exhaustive()
    }
}

/// What a scheme says beside WebSocket: options that exist for clap only.
pub(crate) const WITH_TLS: &str = "url_with_tls";
const WITHOUT_TLS: &str = "url_without_tls";
const WITHOUT_WEBSOCKET: &str = "url_without_websocket";

/// Adds the options that stand for a URL's scheme, if the command takes a URL.
pub(crate) fn with_schemes(command: Command) -> Command {
    if !command.get_arguments().any(|arg| arg.get_id() == URL) {
        return command;
    }
    let scheme = |id: &'static str| {
        let arg = Arg::new(id).long(id.replace('_', "-")).hide(true);
        arg.action(ArgAction::SetTrue)
    };
    command.args([
        scheme(WITH_TLS).conflicts_with_all([WITHOUT_TLS, "unix"]),
        scheme(WITHOUT_TLS).conflicts_with("TlsArgs"),
        scheme(WITHOUT_WEBSOCKET).conflicts_with("WebSocketArgs"),
    ])
}

/// Returns the options that a URL stands for. Their order is that of the URL's parts. `earlier` are
/// the options of the same layer: after another URL, the broker is a further one.
///
/// # Errors
/// A line, which shows nothing of the URL.
pub(crate) fn expand(
    text: &OsStr,
    origin: &Origin,
    earlier: &[Setting],
) -> Result<Vec<Setting>, String> {
    let (prefix, name) = (origin.prefix(), origin.name());
    let parts = parse(text).map_err(|why| format!("{prefix}invalid value for {name}: {why}"))?;
    let of_url = |id: &str| {
        let mut earlier = earlier.iter().rev();
        earlier.find(|setting| setting.id == id && setting.part.is_some())
    };
    if let Some(hosts) = of_url("host") {
        let (scheme, _) = text
            .to_str()
            .and_then(|it| it.split_once("://"))
            .unwrap_or_default();
        return further(scheme, parts, hosts, &of_url)
            .map_err(|why| format!("{prefix}{name}: {why}"));
    }
    Ok(settings(parts, origin).collect())
}

fn settings(parts: Parts, origin: &Origin) -> impl Iterator<Item = Setting> {
    parts.into_iter().map(|(id, value, part)| Setting {
        id: id.to_owned(),
        value,
        origin: origin.clone(),
        part: Some(part),
    })
}

/// Returns the options that a further URL stands for: its host, with scheme and port, is appended
/// to the `hosts` of those before.
fn further<'a>(
    scheme: &str,
    mut parts: Parts,
    hosts: &Setting,
    of_url: &impl Fn(&str) -> Option<&'a Setting>,
) -> Result<Vec<Setting>, String> {
    let of_part = |id: &str| {
        let part = parts.iter().find(|part| part.0 == id);
        part.and_then(|part| part.1.text())
    };
    for id in ["username", "pw"] {
        let before = of_url(id).and_then(|setting| setting.value.text());
        if of_part(id).is_some_and(|value| Some(value) != before) {
            return Err(
                "several brokers need the same user name and password (give them in the first URL)"
                    .to_owned(),
            );
        }
    }
    let text = |text: &OsStr| text.to_string_lossy().into_owned();
    let mut host = of_part("host").map(text).unwrap_or_default();
    if host.contains(':') {
        host = format!("[{host}]");
    }
    let port = of_part("port").map_or(String::new(), |port| format!(":{}", text(port)));
    let before = hosts.value.text().map(text).unwrap_or_default();
    let list = format!("{before},{scheme}://{host}{port}");
    let hosts = Setting {
        value: Value::Text(list.into()),
        ..hosts.clone()
    };
    parts.retain(|part| part.0 == "topic");
    let mut all = vec![hosts.clone()];
    all.extend(settings(parts, &hosts.origin));
    Ok(all)
}

type Parts = Vec<(&'static str, Value, &'static str)>;

fn parse(text: &OsStr) -> Result<Parts, String> {
    const FORM: &str =
        "a broker's URL is mqtt://, mqtts://, ws:// or wss://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]";
    let text = text.to_str().ok_or("the URL is not UTF-8")?;
    let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
    let scheme = Scheme::of(scheme).ok_or(FORM)?;
    let tls = if scheme.has_tls {
        WITH_TLS
    } else {
        WITHOUT_TLS
    };
    let websocket = if scheme.is_websocket {
        "ws"
    } else {
        WITHOUT_WEBSOCKET
    };
    let (authority, topic) = match rest.split_once('/') {
        Some((authority, topic)) => (authority, Some(topic).filter(|topic| !topic.is_empty())),
        None => (rest, None),
    };
    let authority = Authority::parse(authority).map_err(|error| error.to_string())?;
    let topic = topic.map(|topic| decode(topic, "topic")).transpose();
    let topic = topic.map_err(|error| error.to_string())?;
    let text = |text: String| Value::Text(OsString::from(text));
    let mut parts = vec![("host", text(authority.host), "host")];
    let port = authority.port.map(|port| port.to_string());
    for (id, value, part) in [
        ("port", port, "port"),
        ("username", authority.username, "user name"),
        ("pw", authority.password, "password"),
        ("topic", topic, "topic"),
    ] {
        parts.extend(value.map(|value| (id, text(value), part)));
    }
    parts.extend([tls, websocket].map(|id| (id, Value::Flag(true), "scheme")));
    Ok(parts)
}
