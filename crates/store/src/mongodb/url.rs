//! A MongoDB URL: what it asks for, and what of it may be shown.

#[cfg(test)]
mod tests;

use anyhow::{anyhow, bail};
use mongodb::options::{Acknowledgment, ConnectionString, HostInfo, ServerAddress};

/// Database where the URL names none.
const DEFAULT_DATABASE: &str = "iot_service";
const SCHEME: &str = "mongodb://";
/// The scheme of a URL whose name is looked up: its DNS records name the hosts.
const SRV_SCHEME: &str = "mongodb+srv://";

/// A URL that was understood.
pub(super) struct Url {
    pub(super) connection: ConnectionString,
    pub(super) database: String,
    /// The URL as it may be shown: no password, no options.
    shown: String,
}

impl Url {
    /// Parses `url`.
    ///
    /// # Errors
    ///
    /// It is malformed or weakens the write concern. The error shows no part that could hold a
    /// password.
    pub(super) fn parse(url: &str) -> anyhow::Result<Self> {
        // Before the parser, which refuses some of these in other words.
        if let Some(option) = weakening_option(url) {
            return Err(weakened(&redact(url), &option));
        }
        let connection = ConnectionString::parse(url).map_err(|_| {
            let why = fault(url);
            anyhow!("`{}` is not a valid MongoDB URL: {why}", redact(url))
        })?;
        let shown = shown(&connection);
        if let Some(concern) = &connection.write_concern {
            let weak = match &concern.w {
                None | Some(Acknowledgment::Majority) => concern.journal == Some(false),
                Some(Acknowledgment::Custom(name)) => !name.eq_ignore_ascii_case("majority"),
                Some(_) => true,
            };
            if weak {
                return Err(weakened(&shown, "w"));
            }
        }
        let database = connection.default_database.clone();
        // The parser lets this pass, the server doesn't.
        if database.as_ref().is_some_and(|name| name.contains('.')) {
            bail!("`{shown}` is not a valid MongoDB URL: check its database");
        }
        Ok(Self {
            connection,
            database: database.unwrap_or_else(|| DEFAULT_DATABASE.to_owned()),
            shown,
        })
    }

    /// Returns the name of a collection as people see it:
    /// `mongodb://user@host:27017/database.collection`.
    pub(super) fn name(&self, collection: &str) -> String {
        format!("{}/{}.{collection}", self.shown, self.database)
    }
}

/// Returns `url` as it may be shown: scheme, user, hosts and database. Nothing but the scheme of
/// one that can't be parsed, for then it is unknown where its password ends.
fn redact(url: &str) -> String {
    match ConnectionString::parse(url) {
        Ok(connection) => match &connection.default_database {
            Some(database) => format!("{}/{database}", shown(&connection)),
            None => shown(&connection),
        },
        Err(_) => format!("{}…", scheme(url)),
    }
}

fn scheme(url: &str) -> &'static str {
    if url.starts_with(SRV_SCHEME) {
        SRV_SCHEME
    } else {
        SCHEME
    }
}

fn shown(connection: &ConnectionString) -> String {
    let user = connection
        .credential
        .as_ref()
        .and_then(|credential| credential.username.as_ref());
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let (scheme, hosts) = match &connection.host_info {
        HostInfo::HostIdentifiers(hosts) => {
            let hosts: Vec<_> = hosts.iter().map(host).collect();
            (SCHEME, hosts.join(","))
        }
        HostInfo::DnsRecord(name) => (SRV_SCHEME, name.clone()),
        _ => (SCHEME, String::new()),
    };
    format!("{scheme}{user}{hosts}")
}

/// The driver shows an IPv6 address without its brackets.
fn host(address: &ServerAddress) -> String {
    match address {
        ServerAddress::Tcp { host, port } if host.contains(':') => {
            format!("[{host}]:{}", port.unwrap_or(27017))
        }
        address => address.to_string(),
    }
}

fn weakened(shown: &str, option: &str) -> anyhow::Error {
    anyhow!(
        "the option `{option}` in the URL of `{shown}` weakens the write concern: readings are written with w=majority and journal=true (remove the option)"
    )
}

/// Returns the name of an option that asks for less than majority and journal.
fn weakening_option(url: &str) -> Option<String> {
    let (_, options) = url.split_once('?')?;
    options.split('&').find_map(|option| {
        let (key, value) = option.split_once('=')?;
        let weak = match key.to_ascii_lowercase().as_str() {
            "w" => !value.eq_ignore_ascii_case("majority"),
            "journal" | "j" => !value.eq_ignore_ascii_case("true"),
            _ => false,
        };
        weak.then(|| key.to_owned())
    })
}

/// Returns what is wrong with a URL that can't be parsed. The parser's own text can't be shown: it
/// quotes parts of the URL, and with a `?` or `@` in the password it takes parts of that for a
/// host.
fn fault(url: &str) -> String {
    let scheme = scheme(url);
    let fails = |rest: &str| ConnectionString::parse(format!("{scheme}{rest}")).is_err();
    let Some(rest) = url.strip_prefix(scheme) else {
        return format!("it must begin with `{SCHEME}` or `{SRV_SCHEME}`");
    };
    // After the last `@` there is nothing of user and password, whatever is wrong with them.
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    if !fails(rest) {
        return "check its user and password (in them `@` is written `%40`, `:` `%3A`, `/` `%2F`, `?` `%3F`, `%` `%25`)"
            .to_owned();
    }
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let hosts = place.split('/').next().unwrap_or_default();
    if fails(hosts) {
        return if scheme == SRV_SCHEME {
            "check its name (the form is `mongodb+srv://NAME`, without a port)".to_owned()
        } else {
            "check its hosts and ports (the form is `mongodb://HOST:PORT`)".to_owned()
        };
    }
    if fails(place) {
        return "check its database".to_owned();
    }
    let wrong = options
        .split('&')
        .find(|option| fails(&format!("localhost/?{option}")));
    match wrong.and_then(|option| option.split('=').next()) {
        Some(key) => format!("check its option `{key}`"),
        None => "its options contradict each other".to_owned(),
    }
}
