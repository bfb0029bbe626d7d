//! Addresses to listen on.

use std::io;
use std::net::{IpAddr, SocketAddr};

use iot_core::error::io_reason;

/// Parses the value of an option that listens, such as `127.0.0.1:1883` or `[::1]:1883`.
///
/// # Errors
/// One line that says which form is needed.
pub fn parse_socket_address(text: &str) -> Result<SocketAddr, String> {
    const FORM: &str = "an address to listen on is ADDRESS:PORT";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.rsplit_once(':').map_or(text, |(_, port)| port);
    if text.parse::<IpAddr>().is_ok() {
        let host = if text.contains(':') {
            format!("[{text}]")
        } else {
            text.to_owned()
        };
        return Err(format!(
            "{FORM}, and the port is missing (as in {host}:1883)"
        ));
    }
    if port.parse::<u16>().is_ok() {
        return Err(format!(
            "{FORM}, with an address in digits (127.0.0.1:{port} for this machine alone, 0.0.0.0:{port} for the network)"
        ));
    }
    Err(format!("{FORM}, as in 127.0.0.1:1883"))
}

/// Returns why an address cannot be listened on, and what helps.
pub fn listen_reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there (choose another port; port 0 uses a free one)".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address (127.0.0.1 is this machine alone, 0.0.0.0 all \
             its addresses)"
                .to_owned()
        }
        _ => io_reason(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        assert_eq!(parse_socket_address(text).unwrap_err(), expected, "{text}");
    }

    #[test]
    fn a_missing_part_is_named() {
        assert!(parse_socket_address("127.0.0.1:0").is_ok());
        assert!(parse_socket_address("[::1]:1883").is_ok());
        let digits = "an address to listen on is ADDRESS:PORT, with an address in digits (127.0.0.1:1883 for this machine \
                      alone, 0.0.0.0:1883 for the network)";
        refused("1883", digits);
        refused(":1883", digits);
        refused("localhost:1883", digits);
        let missing = "an address to listen on is ADDRESS:PORT, and the port is missing (as in ";
        refused("127.0.0.1", &format!("{missing}127.0.0.1:1883)"));
        refused("::1", &format!("{missing}[::1]:1883)"));
        let form = "an address to listen on is ADDRESS:PORT, as in 127.0.0.1:1883";
        refused("foo", form);
        refused("", form);
        refused("127.0.0.1:99999", form);
    }
}
