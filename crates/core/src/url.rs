//! The authority of a URL: `[user[:password]@]host[:port]`.
//!
//! The crate `url` is not used: it drops the empty password of `user:@host` and the tabs in a
//! password, ends the authority at a `?` or `#` of the password, and accepts a `%` without two
//! digits.

use std::net::Ipv6Addr;

/// What is wrong with a URL. No message shows what stands in it: if a part is missing, the password
/// may be taken for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// No host is named.
    #[error("the URL names no host")]
    NoHost,
    /// An IPv6 address stands without brackets, or something follows them.
    #[error("the URL has no HOST or HOST:PORT: an IPv6 address stands in brackets, [::1]:1883")]
    Brackets,
    /// What stands in brackets is not an IPv6 address.
    #[error("the URL has no IPv6 address between the brackets")]
    Ipv6,
    /// The host holds a space or a control character.
    #[error("the URL's host name holds a space or a control character")]
    Host,
    /// The port is not 1 to 65535.
    #[error(
        "the URL's port is not 1 to 65535 (a `/`, `@` or `:` in a user name or password is written %2F, %40, %3A)"
    )]
    Port,
    /// A `%` without two hexadecimal digits after it, in this part.
    #[error(
        "the {0} in the URL has a `%` without two hexadecimal digits after it: a `%` itself is written %25"
    )]
    Percent(&'static str),
    /// This part is not UTF-8 once it is decoded.
    #[error("the {0} in the URL is not UTF-8 once decoded")]
    NotUtf8(&'static str),
}

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
    /// What is wrong, without anything of the URL.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (user, address) = match text.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
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
        let (host, port) = split_address(address)?;
        let host = decode(host, "host")?;
        if host.is_empty() {
            return Err(UrlError::NoHost);
        }
        if host.contains(|char: char| char.is_whitespace() || char.is_control()) {
            return Err(UrlError::Host);
        }
        let port = match port {
            None | Some("") => None,
            Some(text) => match text.parse() {
                // `parse` alone would accept a sign.
                Ok(port @ 1..) if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(port),
                _ => return Err(UrlError::Port),
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

/// Splits `host[:port]`; an IPv6 address loses its brackets.
fn split_address(address: &str) -> Result<(&str, Option<&str>), UrlError> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(UrlError::Brackets)?;
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(UrlError::Ipv6);
        }
        return match rest.strip_prefix(':') {
            Some(port) if port.contains(':') => Err(UrlError::Brackets),
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(UrlError::Brackets),
        };
    }
    match address.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(UrlError::Brackets),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((address, None)),
    }
}

/// Decodes `%41` to `A`; `name` is the part of the URL that an error names.
///
/// # Errors
/// What is wrong, without anything of the URL.
pub fn decode(text: &str, name: &'static str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(UrlError::Percent(name));
        };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    String::from_utf8(bytes).map_err(|_| UrlError::NotUtf8(name))
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
        let brackets = UrlError::Brackets.to_string();
        let (brackets, port) = (brackets.as_str(), UrlError::Port.to_string());
        let port = port.as_str();
        let no_address = "the URL has no IPv6 address between the brackets";
        let spaces = "the URL's host name holds a space or a control character";
        for (text, expected) in [
            ("", "the URL names no host"),
            ("u:secret@", "the URL names no host"),
            (":7", "the URL names no host"),
            ("u:secret@::1", brackets),
            ("u:secret@[::1", brackets),
            ("[::1]7", brackets),
            ("[b]", no_address),
            ("u:secret@b:0", port),
            ("u:secret", port),
            ("b:+7", port),
            ("b:65536", port),
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
