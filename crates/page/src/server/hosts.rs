//! Checks the header `Host`.
//!
//! A site on the internet may let its own name resolve to 127.0.0.1 (DNS rebinding), and then its
//! scripts could read what is served. The browser sends that name as `Host`, so only names of this
//! machine are accepted.

use std::net::IpAddr;

/// The names that a server on this machine answers to.
#[derive(Debug)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// Accepts `names`, `localhost`, the machine's own name, and all IP addresses, which no site
    /// can have as its name.
    pub fn new(names: &[String]) -> Self {
        let mut names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
        names.push("localhost".into());
        if let Some(own) = machine_name() {
            names.push(format!("{own}.local"));
            names.push(own);
        }
        Self(names)
    }

    /// Whether `host`, the header's value, names this machine. The port may be any: another one may
    /// be forwarded here.
    pub fn accepts(&self, host: &str) -> bool {
        let host = without_port(host);
        if let Some(address) = host.strip_prefix('[') {
            let address = address.strip_suffix(']').map(str::parse::<IpAddr>);
            return matches!(address, Some(Ok(IpAddr::V6(_))));
        }
        if host.parse::<IpAddr>().is_ok() {
            return true;
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        self.0.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn machine_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_lowercase();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_and_addresses_are_accepted() {
        let hosts = Hosts::new(&["iot.Example.com".into()]);
        for good in [
            "localhost",
            "localhost:8188",
            "LOCALHOST.",
            "127.0.0.1:8188",
            "192.168.1.7",
            "[::1]:8188",
            "[fe80::1]",
            "iot.example.com",
            "iot.example.com:443",
        ] {
            assert!(hosts.accepts(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example:8188",
            "127.0.0.1.evil.example",
            "evil.example:localhost",
            "[localhost]",
            "[::1",
            "a@localhost",
        ] {
            assert!(!hosts.accepts(bad), "{bad}");
        }
    }
}
