//! The broker's host, as people type it.

use std::net::Ipv6Addr;

/// Returns the host name or address that a text is, an IPv6 address without its brackets.
///
/// # Errors
/// A line that says what is wrong, and which form is right.
pub(crate) fn parse_host(text: &str) -> Result<String, String> {
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
            Some((address, "")) if is_ipv6(address) => Ok(address.to_owned()),
            Some((address, rest)) if is_ipv6(address) && is_port(rest.strip_prefix(':')) => {
                Err(with_port(address, &rest[1..]))
            }
            _ => Err("the text in the brackets is not an IPv6 address, as in -h ::1".to_owned()),
        };
    }
    match text.split_once(':') {
        None if text.contains(['/', '?', '#', '\\']) => Err(FORM.to_owned()),
        None => Ok(text.to_owned()),
        Some(_) if is_ipv6(text) => Ok(text.to_owned()),
        Some((host, port)) if !host.is_empty() && is_port(Some(port)) => Err(with_port(host, port)),
        Some(_) => Err(format!("{FORM}; the port is given with -p PORT")),
    }
}

fn is_ipv6(text: &str) -> bool {
    // The zone of a link-local address, as in fe80::1%eth0.
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn is_port(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.parse::<u16>().is_ok())
}

fn with_port(host: &str, port: &str) -> String {
    format!("the port is an option of its own: -h {host} -p {port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_taken() {
        for (text, host) in [
            ("localhost", "localhost"),
            ("test.mosquitto.org.", "test.mosquitto.org."),
            ("192.168.1.5", "192.168.1.5"),
            ("my_broker", "my_broker"),
            ("::1", "::1"),
            ("[::1]", "::1"),
            ("fe80::1%eth0", "fe80::1%eth0"),
        ] {
            assert_eq!(parse_host(text).as_deref(), Ok(host));
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
            ("b:x", "-p PORT"),
            ("a/b", "-h localhost"),
            ("[b]", "IPv6"),
            ("b\n", "without spaces around it"),
        ] {
            let why = parse_host(text).unwrap_err();
            assert!(why.contains(help), "{text}: {why}");
        }
    }
}
