//! The brokers' hosts, as people type them.

use std::net::Ipv6Addr;

/// A broker of `--host`, or of a further `-L`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// A host name, or an address without brackets.
    pub(crate) name: String,
    pub(crate) port: Option<u16>,
    /// The scheme of a further URL.
    pub(crate) scheme: Option<Scheme>,
}

/// How a broker is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scheme {
    pub(crate) has_tls: bool,
    pub(crate) is_websocket: bool,
}

impl Scheme {
    /// Returns the scheme of a broker's URL.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (has_tls, is_websocket) = match text.to_ascii_lowercase().as_str() {
            "mqtt" => (false, false),
            "mqtts" => (true, false),
            "ws" => (false, true),
            "wss" => (true, true),
            _ => return None,
        };
        Some(Self {
            has_tls,
            is_websocket,
        })
    }
}

impl Host {
    /// Returns the host of this name, without a port of its own.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            port: None,
            scheme: None,
        }
    }

    /// Returns its port: its own, that of `--port`, or the usual one.
    pub(crate) fn port_or(&self, option: Option<u16>, has_tls: bool) -> u16 {
        // A URL without a port means the usual one.
        let option = option.filter(|_| self.scheme.is_none());
        let usual = if has_tls { 8883 } else { 1883 };
        self.port.or(option).unwrap_or(usual)
    }
}

/// The hosts that a list names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hosts {
    pub(crate) first: Host,
    pub(crate) further: Vec<Host>,
}

impl Hosts {
    /// Returns a list of one host, which is a name or an address.
    pub(crate) fn one(name: &str) -> Self {
        Self {
            first: Host::new(name),
            further: Vec::new(),
        }
    }
}

/// Returns the hosts of a list such as `a,b,c:1884`.
///
/// # Errors
/// A line that says what is wrong, and which form is right.
pub(crate) fn parse_hosts(text: &str) -> Result<Hosts, String> {
    let (first, further) = match text.split_once(',') {
        Some((first, further)) => (first, Some(further)),
        None => (text, None),
    };
    // The first one's scheme is an option of its own.
    let first = parse_host(first)?;
    if let (Some(port), None) = (first.port, further) {
        let name = first.name;
        return Err(format!(
            "the port is an option of its own: --host {name} --port {port}"
        ));
    }
    let further = further.iter().flat_map(|list| list.split(','));
    Ok(Hosts {
        first,
        further: further.map(parse_further).collect::<Result<_, _>>()?,
    })
}

/// Returns a host behind the first one. `-L` adds it with its scheme if it is repeated.
fn parse_further(text: &str) -> Result<Host, String> {
    let split = text.split_once("://");
    match split.and_then(|(scheme, rest)| Some((Scheme::of(scheme)?, rest))) {
        Some((scheme, rest)) => Ok(Host {
            scheme: Some(scheme),
            ..parse_host(rest)?
        }),
        None => parse_host(text),
    }
}

/// Returns the host name or address that a text is, an IPv6 address without its brackets, and the
/// port behind it.
fn parse_host(text: &str) -> Result<Host, String> {
    const FORM: &str =
        "a host is a name or an address, as in --host localhost or --host 192.168.1.5";
    let trimmed = text.trim();
    if text.is_empty() {
        return Err(format!("it is empty: {FORM}"));
    }
    if trimmed.contains("://") {
        return Err(format!("{FORM} (a URL is given with -L URL)"));
    }
    if trimmed.contains(|char: char| char.is_whitespace() || char.is_control()) {
        return Err(format!(
            "{FORM}, without spaces (the port is an option of its own, --port PORT; an option file has one option a line)"
        ));
    }
    if trimmed != text {
        return Err(format!("{FORM}, without spaces around it"));
    }
    if text.contains('@') {
        return Err(format!("{FORM} (the user is given with -u NAME)"));
    }
    let host = |name: &str, given: &str| {
        let port = Some(port(given)?);
        Ok(Host {
            port,
            ..Host::new(name)
        })
    };
    if let Some(address) = text.strip_prefix('[') {
        return match address.split_once(']') {
            Some((address, rest)) if is_ipv6(address) && rest.is_empty() => Ok(Host::new(address)),
            Some((address, rest)) if is_ipv6(address) && rest.starts_with(':') => {
                host(address, &rest[1..])
            }
            _ => {
                Err("the text in the brackets is not an IPv6 address, as in --host ::1".to_owned())
            }
        };
    }
    match text.split_once(':') {
        None if text.contains(['/', '?', '#', '\\']) => Err(FORM.to_owned()),
        None => Ok(Host::new(text)),
        Some(_) if is_ipv6(text) => Ok(Host::new(text)),
        Some((name, rest)) if !name.is_empty() => host(name, rest),
        Some(_) => Err(FORM.to_owned()),
    }
}

/// Returns the port that a text is.
///
/// # Errors
/// It is none.
pub(crate) fn port(text: &str) -> Result<u16, &'static str> {
    text.parse()
        .ok()
        .filter(|&port| port > 0)
        .ok_or("a port is a whole number from 1 to 65535")
}

fn is_ipv6(text: &str) -> bool {
    // The zone of a link-local address, as in fe80::1%eth0.
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str, port: Option<u16>) -> Host {
        Host {
            port,
            ..Host::new(name)
        }
    }

    #[test]
    fn names_and_addresses_are_taken() {
        for (text, name) in [
            ("localhost", "localhost"),
            ("test.mosquitto.org.", "test.mosquitto.org."),
            ("192.168.1.5", "192.168.1.5"),
            ("my_broker", "my_broker"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("fe80::1%eth0", "fe80::1%eth0"),
        ] {
            assert_eq!(parse_hosts(text), Ok(Hosts::one(name)));
        }
    }

    #[test]
    fn a_list_names_several_hosts() {
        let mut expected = Hosts {
            first: host("a", None),
            further: vec![host("::1", Some(1884)), host("10.0.0.1", Some(7))],
        };
        assert_eq!(
            parse_hosts("a,[::1]:1884,10.0.0.1:7").as_ref(),
            Ok(&expected)
        );
        expected.further = vec![Host {
            scheme: Scheme::of("wss"),
            ..host("b", Some(9))
        }];
        assert_eq!(parse_hosts("a,wss://b:9"), Ok(expected));
        for text in ["a,", ",a", "a, b", "a,b:0", "a,http://b"] {
            assert!(parse_hosts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_can_never_be_a_host_is_refused_with_the_right_form() {
        for (text, help) in [
            ("localhost:1883", "--host localhost --port 1883"),
            ("[::1]:1883", "--host ::1 --port 1883"),
            ("mqtt://x", "-L URL"),
            ("", "it is empty"),
            (" localhost", "without spaces around it"),
            ("localhost ", "without spaces around it"),
            ("localhost -p 1883", "one option a line"),
            ("ada:secret@b", "-u NAME"),
            ("b:x", "from 1 to 65535"),
            ("b:0", "from 1 to 65535"),
            ("a/b", "--host localhost"),
            ("[b]", "IPv6"),
            ("b\n", "without spaces around it"),
        ] {
            let why = parse_hosts(text).unwrap_err();
            assert!(why.contains(help), "{text}: {why}");
        }
    }
}
