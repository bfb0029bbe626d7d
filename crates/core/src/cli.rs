//! What both programs share on the command line: the options of the connection, what is told about
//! it, and the signals that end a program.

mod duration;
mod given;
mod notices;
mod printer;
mod report;
mod signals;
mod tls;
mod transport;
mod url;

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args};

use crate::config::{ClientConfig, Protocol};
use crate::error::Error;
use crate::transport::{Tls, Transport};

pub use crate::error::io_reason;
pub use duration::parse_duration;
pub use given::{Given, Rank};
pub use notices::Notices;
pub use printer::Printer;
pub use report::{report, tell};
pub use signals::Signals;
pub use tls::TlsArgs;
pub use transport::TransportArgs;
pub use url::{UrlArgs, UrlTopic};

/// The options of the connection, with mosquitto's names and letters.
#[derive(Debug, Args)]
pub struct ConnectArgs {
    // First, as it sees only what those before it have left.
    #[command(flatten)]
    given: Given,

    #[command(flatten)]
    url: UrlArgs,

    /// Connect to broker HOST
    #[arg(short = 'h', long, env = "IOT_HOST", hide_env_values = true)]
    #[arg(default_value = "localhost", value_name = "HOST")]
    pub host: String,

    /// Connect to TCP port PORT [default: 1883, with TLS 8883]
    #[arg(
        short,
        long,
        env = "IOT_PORT",
        hide_env_values = true,
        value_name = "PORT"
    )]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,

    /// Be client ID to the broker [default: a random one]
    #[arg(short, long, env = "IOT_ID", hide_env_values = true, value_name = "ID")]
    pub id: Option<String>,

    /// Have the broker keep the session when the connection ends (needs --id)
    #[arg(
        short = 'c',
        long,
        env = "IOT_DISABLE_CLEAN_SESSION",
        hide_env_values = true
    )]
    #[arg(value_parser = BoolishValueParser::new())]
    pub disable_clean_session: bool,

    /// Let the connection be silent for SECONDS at most: 5 to 65535, or 0 for no check
    #[arg(short, long, env = "IOT_KEEPALIVE", hide_env_values = true)]
    #[arg(default_value = "60", value_name = "SECONDS", value_parser = keep_alive)]
    pub keepalive: u16,

    /// Speak protocol VERSION
    #[arg(
        short = 'V',
        long,
        env = "IOT_PROTOCOL_VERSION",
        hide_env_values = true
    )]
    #[arg(default_value = "mqttv311", value_name = "VERSION")]
    #[arg(value_parser = PossibleValuesParser::new(VERSIONS)
        .map(|version| protocol(&version)))]
    pub protocol_version: Protocol,

    /// Connect from local ADDRESS
    #[arg(
        short = 'A',
        long,
        env = "IOT_BIND",
        hide_env_values = true,
        value_name = "ADDRESS"
    )]
    pub bind: Option<IpAddr>,

    /// Connect as user NAME
    #[arg(
        short,
        long,
        env = "IOT_USERNAME",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub username: Option<String>,

    /// Prove it with PASSWORD (others on this machine can see it: prefer the variable or the file)
    #[arg(short = 'P', long, env = "IOT_PASSWORD", hide_env_values = true)]
    #[arg(value_name = "PASSWORD", allow_hyphen_values = true)]
    pub pw: Option<String>,

    /// Read the password from the first line of FILE, unless --pw or its variable gives one
    #[arg(
        long,
        env = "IOT_PASSWORD_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub password_file: Option<PathBuf>,

    /// Exit with 1 where a broker or a store is away, instead of waiting for it
    #[arg(long, env = "IOT_FAIL_FAST", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub fail_fast: bool,

    #[command(flatten)]
    transport: TransportArgs,

    #[command(flatten)]
    tls: TlsArgs,

    /// Print the version
    #[arg(long, action = ArgAction::Version)]
    version: Option<bool>,

    /// Print this help
    #[arg(long, action = ArgAction::HelpShort)]
    help: Option<bool>,
}

/// Where the broker is and who connects, from the URL and the options.
struct Place {
    host: String,
    port: u16,
    transport: Transport,
    tls: Option<Tls>,
    username: Option<String>,
    password: Option<String>,
}

const VERSIONS: [&str; 6] = ["mqttv31", "mqttv311", "mqttv5", "31", "311", "5"];

fn protocol(version: &str) -> Protocol {
    match version {
        "mqttv31" | "31" => Protocol::V31,
        "mqttv5" | "5" => Protocol::V5,
        _ => Protocol::V311,
    }
}

/// mosquitto's range: less than 5 s would be lost in the round trip.
fn keep_alive(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(seconds @ (0 | 5..=65_535)) => Ok(seconds),
        _ => Err("a keep alive is 0, or 5 to 65535 seconds".into()),
    }
}

impl ConnectArgs {
    /// The options that say where the broker is and how it is reached, as clap names them: they have
    /// no meaning for a program that brings its own broker.
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

    /// Returns the configuration that the options mean, and reads the password file.
    ///
    /// # Errors
    /// [`Error::Config`] and what else [`ClientConfig::checked`] finds, for options that don't go
    /// together; the system's for a file that can't be read.
    pub fn config(&self) -> anyhow::Result<ClientConfig> {
        if self.disable_clean_session && self.id.as_deref().unwrap_or("").is_empty() {
            return Err(Error::Config(
                "--disable-clean-session needs a client id, for the broker to find the session by: give --id ID".into(),
            )
            .into());
        }
        let place = self.place()?;
        let config = ClientConfig {
            host: place.host,
            port: place.port,
            bind_address: self.bind,
            transport: place.transport,
            tls: place.tls,
            proxy: self.transport.proxy()?,
            nodelay: self.transport.nodelay,
            client_id: self.id.clone().unwrap_or_default(),
            clean_session: !self.disable_clean_session,
            protocol: self.protocol_version,
            keep_alive: Duration::from_secs(self.keepalive.into()),
            username: place.username,
            password: match place.password {
                Some(password) => Some(password),
                None => self.password()?,
            },
            ..ClientConfig::default()
        };
        if config.password.is_some() && config.username.is_none() && config.protocol != Protocol::V5
        {
            return Err(Error::Config(format!(
                "a password needs a user name on {}: give --username NAME",
                config.protocol
            ))
            .into());
        }
        Ok(config.checked()?)
    }

    /// Returns the topic that the URL ends with; `given` is what the program was given.
    ///
    /// # Errors
    /// [`Error::Config`] for a URL that is none.
    pub fn url_topic(&self, given: &Given) -> Result<Option<UrlTopic>, Error> {
        self.url.topic(given)
    }

    /// Merges the URL with the options that say the same.
    fn place(&self) -> Result<Place, Error> {
        let url = self.url.read()?;
        let scheme = url.as_ref().map(|url| url.scheme);
        let transport = self.transport.transport(&self.given, scheme)?;
        let over_tls = matches!(scheme, Some("mqtts" | "wss"));
        if let (Some(option), Some(scheme @ ("mqtt" | "ws"))) = (self.tls.asked_by(), scheme) {
            return Err(Error::Config(format!(
                "{option} asks for TLS, and {scheme}:// is without: write {scheme}s://, or leave out {option}"
            )));
        }
        let tls = (over_tls || self.tls.asked_by().is_some())
            .then(|| self.tls.load())
            .transpose()?;
        // What the URL doesn't name is left to the options, however weak.
        let from_url = |id, named: bool| {
            let (url, option) = (self.given.rank("url"), self.given.rank(id));
            named && option.is_none_or(|option| url > Some(option))
        };
        let url = url.map(|url| url.authority).unwrap_or_default();
        let port = if from_url("port", url.port.is_some()) {
            url.port
        } else {
            self.port
        };
        let host = if from_url("host", !url.host.is_empty()) {
            url.host
        } else {
            self.host.clone()
        };
        let username = if from_url("username", url.username.is_some()) {
            url.username
        } else {
            self.username.clone()
        };
        Ok(Place {
            host,
            port: port.unwrap_or(if tls.is_some() { 8883 } else { 1883 }),
            transport,
            tls,
            username,
            password: url
                .password
                .filter(|password| from_url("pw", !password.is_empty())),
        })
    }

    fn password(&self) -> anyhow::Result<Option<String>> {
        if self.pw.is_some() {
            return Ok(self.pw.clone());
        }
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        let text = fs::read_to_string(path)
            .map_err(|error| anyhow!(io_reason(&error)))
            .with_context(|| format!("cannot read password file `{}`", path.display()))?;
        Ok(Some(text.lines().next().unwrap_or("").to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    #[command(disable_help_flag = true, disable_version_flag = true, version = "1")]
    #[command(args_override_self = true)]
    struct Program {
        #[command(flatten)]
        connect: ConnectArgs,
    }

    fn config(arguments: &str) -> ClientConfig {
        let arguments = ["program"].into_iter().chain(arguments.split_whitespace());
        Program::try_parse_from(arguments)
            .unwrap()
            .connect
            .config()
            .unwrap()
    }

    #[track_caller]
    fn refused(arguments: &str, expected: &str) {
        let arguments = ["program"].into_iter().chain(arguments.split_whitespace());
        let message = match Program::try_parse_from(arguments) {
            Err(error) => error.to_string(),
            Ok(program) => format!("{:#}", program.connect.config().unwrap_err()),
        };
        let first = message.lines().next().unwrap_or("");
        assert_eq!(first, expected);
    }

    #[test]
    fn the_definition_is_consistent() {
        Program::command().debug_assert();
    }

    #[test]
    fn letters_and_names_are_mosquitto_s() {
        let by_letter = config("-h b -p 7 -i x -c -k 9 -V 5 -A 127.0.0.2 -u ada -P -secret");
        let by_name = config(
            "--host b --port 7 --id x --disable-clean-session --keepalive 9 \
             --protocol-version mqttv5 --bind 127.0.0.2 --username ada --pw -secret",
        );
        assert!(by_letter == by_name);
        assert_eq!(by_letter.address(), "b:7");
        assert_eq!(by_letter.client_id, "x");
        assert!(!by_letter.clean_session);
        assert_eq!(by_letter.keep_alive, Duration::from_secs(9));
        assert_eq!(by_letter.protocol, Protocol::V5);
        assert_eq!(by_letter.bind_address, Some([127, 0, 0, 2].into()));
        assert_eq!(by_letter.username.as_deref(), Some("ada"));
        assert_eq!(by_letter.password.as_deref(), Some("-secret"));
    }

    #[test]
    fn each_version_of_the_protocol_has_two_names() {
        for (name, expected) in [
            ("mqttv31", Protocol::V31),
            ("31", Protocol::V31),
            ("mqttv311", Protocol::V311),
            ("311", Protocol::V311),
            ("mqttv5", Protocol::V5),
            ("5", Protocol::V5),
        ] {
            assert_eq!(config(&format!("-V {name}")).protocol, expected);
        }
        refused(
            "-V 31 -i 123456789012345678901234",
            "the client id has 24 characters, MQTT 3.1 takes at most 23",
        );
    }

    #[test]
    fn the_last_of_a_repeated_option_wins() {
        assert_eq!(config("-p 1 -p 2").port, 2);
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_connects() {
        refused(
            "-k 4",
            "error: invalid value '4' for '--keepalive <SECONDS>': a keep alive is 0, or 5 to 65535 seconds",
        );
        refused(
            "-p 0",
            "error: invalid value '0' for '--port <PORT>': 0 is not in 1..=65535",
        );
        refused(
            "-c",
            "--disable-clean-session needs a client id, for the broker to find the session by: give --id ID",
        );
        refused(
            "-P x",
            "a password needs a user name on MQTT 3.1.1: give --username NAME",
        );
        refused(
            "-u ada --password-file does-not-exist",
            "cannot read password file `does-not-exist`: no such file or directory",
        );
    }

    #[test]
    fn the_password_file_s_first_line_is_the_password() {
        let file = std::env::temp_dir().join(format!("iot-password-{}", std::process::id()));
        fs::write(&file, "s3cret \r\nsecond line\n").unwrap();
        let config = config(&format!("-u ada --password-file {}", file.display()));
        fs::remove_file(&file).unwrap();
        assert_eq!(config.password.as_deref(), Some("s3cret "));
    }
}
