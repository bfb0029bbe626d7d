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

/// The hosts that a list names, one at least.
pub(crate) type Hosts = Vec<Host>;

/// Returns the hosts of a list such as `a,b,c:1884`.
///
/// # Errors
/// A line that says what is wrong, and which form is right.
pub(crate) fn parse_hosts(text: &str) -> Result<Hosts, String> {
    let mut hosts = Vec::new();
    for (index, given) in text.split(',').enumerate() {
        // What `-L` adds if it is repeated. The first one's scheme is an option of its own.
        let split = given.split_once("://").filter(|_| index > 0);
        let scheme = split.and_then(|(scheme, _)| Scheme::of(scheme));
        let given = match (split, scheme) {
            (Some((_, rest)), Some(_)) => rest,
            _ => given,
        };
        let (name, port) = parse_host(given)?;
        hosts.push(Host { name, port, scheme });
    }
    if let [
        Host {
            name,
            port: Some(port),
            ..
        },
    ] = &hosts[..]
    {
        return Err(format!(
            "the port is an option of its own: -h {name} -p {port}"
        ));
    }
    Ok(hosts)
}

/// Returns the host name or address that a text is, an IPv6 address without its brackets, and the
/// port behind it.
fn parse_host(text: &str) -> Result<(String, Option<u16>), String> {
    const FORM: &str = "a host is a name or an address, as in -h localhost or -h 192.168.1.5";
    let trimmed = text.trim();
    if text.is_empty() {
        return Err(format!("it is empty: {FORM}"));
    }
    if trimmed.contains("://") {
        return Err(format!("{FORM} (a URL is given with -L URL)"));
    }
    if trimmed.contains(|char: char| char.is_whitespace() || char.is_control()) {
        return Err(format!(
            "{FORM}, without spaces (the port is an option of its own, -p PORT; an option file has one option a line)"
        ));
    }
    if trimmed != text {
        return Err(format!("{FORM}, without spaces around it"));
    }
    if text.contains('@') {
        return Err(format!("{FORM} (the user is given with -u NAME)"));
    }
    if let Some(address) = text.strip_prefix('[') {
        return match address.split_once(']') {
            Some((address, rest)) if is_ipv6(address) && rest.is_empty() => {
                Ok((address.to_owned(), None))
            }
            Some((address, rest)) if is_ipv6(address) && rest.starts_with(':') => {
                Ok((address.to_owned(), Some(port(&rest[1..])?)))
            }
            _ => Err("the text in the brackets is not an IPv6 address, as in -h ::1".to_owned()),
        };
    }
    match text.split_once(':') {
        None if text.contains(['/', '?', '#', '\\']) => Err(FORM.to_owned()),
        None => Ok((text.to_owned(), None)),
        Some(_) if is_ipv6(text) => Ok((text.to_owned(), None)),
        Some((host, rest)) if !host.is_empty() => Ok((host.to_owned(), Some(port(rest)?))),
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
            name: name.to_owned(),
            port,
            scheme: None,
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
            assert_eq!(parse_hosts(text), Ok(vec![host(name, None)]));
        }
    }

    #[test]
    fn a_list_names_several_hosts() {
        let mut expected = vec![
            host("a", None),
            host("::1", Some(1884)),
            host("10.0.0.1", Some(7)),
        ];
        assert_eq!(
            parse_hosts("a,[::1]:1884,10.0.0.1:7").as_ref(),
            Ok(&expected)
        );
        expected.truncate(1);
        expected.push(Host {
            scheme: Scheme::of("wss"),
            ..host("b", Some(9))
        });
        assert_eq!(parse_hosts("a,wss://b:9"), Ok(expected));
        for text in ["a,", ",a", "a, b", "a,b:0", "a,http://b"] {
            assert!(parse_hosts(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_can_never_be_a_host_is_refused_with_the_right_form() {
        for (text, help) in [
            ("localhost:1883", "-h localhost -p 1883"),
            ("[::1]:1883", "-h ::1 -p 1883"),
            ("mqtt://x", "-L URL"),
            ("", "it is empty"),
            (" localhost", "without spaces around it"),
            ("localhost ", "without spaces around it"),
            ("localhost -p 1883", "one option a line"),
            ("ada:secret@b", "-u NAME"),
            ("b:x", "from 1 to 65535"),
            ("b:0", "from 1 to 65535"),
            ("a/b", "-h localhost"),
            ("[b]", "IPv6"),
            ("b\n", "without spaces around it"),
        ] {
            let why = parse_hosts(text).unwrap_err();
            assert!(why.contains(help), "{text}: {why}");
        }
    }
}
