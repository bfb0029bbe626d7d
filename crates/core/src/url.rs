//! The part of a URL that says who and where: `[user[:password]@]host[:port]`.

use crate::error::Error;

// None of these shows what stands in the URL: where a part is missing, the password may be taken for
// another one.
const BRACKETS: &str =
    "the URL has no HOST or HOST:PORT: an IPv6 address stands in brackets, [::1]:1883";
const PORT: &str = "the URL's port is not 1 to 65535 (a `/`, `@` or `:` in a user name or password is written %2F, %40, %3A)";

/// User, password, host and port of a URL, percent-decoded. No message shows the password.
#[derive(Default, PartialEq, Eq, Clone)]
pub struct Authority {
    /// The user name.
    pub username: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The host name or address, an IPv6 address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: Option<u16>,
}

impl Authority {
    /// Reads `[user[:password]@]host[:port]`, an IPv6 address in brackets.
    ///
    /// # Errors
    /// [`Error::Config`], which shows nothing of the URL.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, text),
        };
        let (username, password) = match user.map(|user| user.split_once(':').ok_or(user)) {
            None => (None, None),
            Some(Ok((name, password))) => (
                Some(decode(name, "user name")?),
                Some(decode(password, "password")?),
            ),
            Some(Err(name)) => (Some(decode(name, "user name")?), None),
        };
        let (host, port) = match place.strip_prefix('[').map(|rest| rest.split_once(']')) {
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
            Some(Some((host, ""))) => (host, None),
            Some(Some((host, rest))) if rest.starts_with(':') => (host, Some(&rest[1..])),
            Some(_) => {
                return Err(Error::Config(BRACKETS.into()));
            }
        };
        let in_brackets = place.starts_with('[');
        if in_brackets && host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(Error::Config(
                "the URL has no IPv6 address between the brackets".into(),
            ));
        }
        if port.is_some_and(|port| port.contains(':')) {
            return Err(Error::Config(BRACKETS.into()));
        }
        let host = decode(host, "host")?;
        if host.is_empty() {
            return Err(Error::Config("the URL names no host".into()));
        }
        if host.contains(|char: char| char.is_whitespace() || char.is_control()) {
            return Err(Error::Config(
                "the URL's host name holds a space or a control character".into(),
            ));
        }
        let port = match port {
            None | Some("") => None,
            Some(text) => match text.parse() {
                // `parse` alone would take a sign.
                Ok(port @ 1..) if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(port),
                _ => return Err(Error::Config(PORT.into())),
            },
        };
        Ok(Self {
            username,
            password,
            host,
            port,
        })
    }

    /// Returns `HOST:PORT`, an IPv6 address in brackets.
    pub fn join(host: &str, port: u16) -> String {
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }
}

/// Decodes `%41` to `A`; `name` is the part of the URL that an error names.
///
/// # Errors
/// [`Error::Config`], which shows nothing of the URL.
pub fn decode(text: &str, name: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(Error::Config(format!(
                "the {name} in the URL has a `%` without two hexadecimal digits after it: a `%` itself is written %25"
            )));
        };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    String::from_utf8(bytes)
        .map_err(|_| Error::Config(format!("the {name} in the URL is not UTF-8 once decoded")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, username: Option<&str>, password: Option<&str>, host: &str, port: u16) {
        let Ok(found) = Authority::parse(text) else {
            panic!("{text}")
        };
        assert_eq!(found.username.as_deref(), username, "{text}");
        assert_eq!(found.password.as_deref(), password, "{text}");
        assert_eq!(found.host, host, "{text}");
        assert_eq!(found.port.unwrap_or(0), port, "{text}");
    }

    #[test]
    fn all_parts_are_found_and_decoded() {
        case("b", None, None, "b", 0);
        case("b:1", None, None, "b", 1);
        case("b:", None, None, "b", 0);
        case("u@b", Some("u"), None, "b", 0);
        case("u:@b", Some("u"), Some(""), "b", 0);
        case("u:p@b:7", Some("u"), Some("p"), "b", 7);
        case("u:p:q@b", Some("u"), Some("p:q"), "b", 0);
        case("u:p@w@b", Some("u"), Some("p@w"), "b", 0);
        case("%C3%BC:%25@b", Some("ü"), Some("%"), "b", 0);
        case("[::1]:7", None, None, "::1", 7);
        case("u:[p]@[fe80::1]", Some("u"), Some("[p]"), "fe80::1", 0);
    }

    #[test]
    fn what_is_wrong_is_named_and_the_password_never_shown() {
        let no_address = "the URL has no IPv6 address between the brackets";
        let spaces = "the URL's host name holds a space or a control character";
        for (text, expected) in [
            ("", "the URL names no host"),
            ("u:secret@", "the URL names no host"),
            (":7", "the URL names no host"),
            ("u:secret@::1", BRACKETS),
            ("u:secret@[::1", BRACKETS),
            ("[::1]7", BRACKETS),
            ("[b]", no_address),
            ("u:secret@b:0", PORT),
            ("u:secret", PORT),
            ("b:+7", PORT),
            ("b:65536", PORT),
            ("b c", spaces),
            (
                "u:secret%2@b",
                "the password in the URL has a `%` without two hexadecimal digits after it: a `%` itself is written %25",
            ),
            (
                "u%ff:secret@b",
                "the user name in the URL is not UTF-8 once decoded",
            ),
        ] {
            let error = Authority::parse(text).err().expect(text).to_string();
            assert_eq!(error, expected, "{text}");
            assert!(!error.contains("secret"));
        }
    }
}
