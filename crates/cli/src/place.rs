//! Where the broker is and how it is reached: `-L` and the options that say the same, merged.

use std::cmp::Ordering;

use crate::given::{Given, Rank};
use crate::url::UrlTopic;
use crate::{ConnectArgs, TlsArgs};

impl ConnectArgs {
    /// The options that say where the broker is and how it is reached, by their ids: they have no
    /// meaning for a program that brings its own broker.
    pub const PLACE: [&str; 18] = [
        "url",
        "host",
        "port",
        "bind",
        "unix",
        "proxy",
        "ws",
        "ws_path",
        "ws_header",
        "cafile",
        "capath",
        "tls_use_os_certs",
        "cert",
        "key",
        "insecure",
        "tls_version",
        "tls_alpn",
        "tls_keylog",
    ];

    /// Returns the topic that the URL ends with, if it counts.
    pub fn url_topic(&self) -> Option<&UrlTopic> {
        self.url.topic.as_ref()
    }

    /// Merges the URL into the options, and judges which of them say how.
    pub(crate) fn settle_place(&mut self, given: &Given) -> Result<(), String> {
        self.settle_url(given)?;
        self.settle_unix(given)?;
        self.settle_websocket(given)?;
        self.settle_tls(given)
    }

    fn settle_url(&mut self, given: &Given) -> Result<(), String> {
        let url = self.url.read().map_err(|error| format!("--url: {error}"))?;
        let Some(url) = url else { return Ok(()) };
        if given.rank("unix") > given.rank("url") {
            return Ok(());
        }
        self.url.scheme = Some(url.scheme);
        let wins = |option| later(given, "url", option);
        if wins("host") {
            self.host = url.authority.host;
        }
        if wins("port") && url.authority.port.is_some() {
            self.port = url.authority.port;
        }
        if wins("username") && url.authority.username.is_some() {
            self.who.username = url.authority.username;
        }
        let places = ["pw", "password_file", "ask_password"];
        if places.into_iter().all(wins) && url.authority.password.is_some() {
            self.who.pw = url.authority.password;
            self.who.password_file = None;
            self.who.ask_password = false;
        }
        let beside = given.rank("url") == given.rank("topic");
        self.url.topic = url.topic.map(|text| UrlTopic {
            text,
            wins: wins("topic"),
            beside,
        });
        self.url.topic.take_if(|topic| !topic.wins && !topic.beside);
        Ok(())
    }

    fn settle_unix(&mut self, given: &Given) -> Result<(), String> {
        if self.transport.unix.is_none() {
            return Ok(());
        }
        let unix = given.rank("unix");
        for option in ["url", "host", "port"] {
            match given.rank(option).cmp(&unix) {
                Ordering::Greater => self.transport.unix = None,
                Ordering::Equal => {
                    return Err(format!(
                        "--unix and --{option} both say where the broker is: give one of them"
                    ));
                }
                Ordering::Less => {}
            }
        }
        if self.transport.unix.is_none() {
            return Ok(());
        }
        for (option, what) in [
            ("proxy", "a proxy"),
            ("ws", "WebSocket"),
            ("bind", "a local address"),
        ] {
            if given.rank(option) >= unix {
                return Err(format!("--unix is without {what}: leave out --{option}"));
            }
        }
        self.transport.proxy = None;
        self.transport.ws = false;
        self.bind = None;
        Ok(())
    }

    fn settle_websocket(&mut self, given: &Given) -> Result<(), String> {
        match self.url.scheme {
            Some("ws" | "wss") => self.transport.ws = true,
            Some(scheme) if self.transport.ws => {
                if given.rank("ws") >= given.rank("url") {
                    return Err(format!(
                        "--ws asks for WebSocket, the URL for {scheme}://: write ws:// or wss://, or leave out --ws"
                    ));
                }
                self.transport.ws = false;
            }
            _ => {}
        }
        if self.transport.ws {
            return Ok(());
        }
        for option in ["ws_path", "ws_header"] {
            if given.is_typed(option) {
                let option = option.replace('_', "-");
                return Err(format!(
                    "--{option} needs --ws, or a URL with ws:// or wss://"
                ));
            }
        }
        Ok(())
    }

    fn settle_tls(&mut self, given: &Given) -> Result<(), String> {
        let asked = |than: Rank| TlsArgs::IDS.into_iter().find(|id| given.rank(id) >= than);
        let unix = self.transport.unix.is_some();
        let (place, without, instead) = match self.url.scheme {
            Some("mqtts" | "wss") => {
                self.tls.wanted = true;
                return Ok(());
            }
            Some(scheme) => (
                "url",
                format!("{scheme}:// is"),
                format!("write {scheme}s://, or "),
            ),
            None if unix => ("unix", "a Unix socket is".into(), String::new()),
            None => {
                self.tls.wanted = asked(Rank::File).is_some();
                return Ok(());
            }
        };
        if let Some(option) = asked(given.rank(place)) {
            let option = option.replace('_', "-");
            return Err(format!(
                "--{option} asks for TLS, and {without} without: {instead}leave out --{option}"
            ));
        }
        Ok(())
    }
}

/// Whether option `a` wins over option `b`: it comes from a higher place, or stands behind it.
fn later(given: &Given, a: &str, b: &str) -> bool {
    let index = |option| {
        let indices = given.matches().indices_of(option);
        indices.and_then(|mut indices| indices.next_back())
    };
    match given.rank(a).cmp(&given.rank(b)) {
        Ordering::Equal => index(a) > index(b),
        order => order == Ordering::Greater,
    }
}
