//! What the programs share on the command line: the options of the connection, what is told about
//! it, and the signals that end a program.

mod duration;
mod error;
mod generate;
mod given;
mod notices;
mod option_file;
mod place;
mod printer;
mod property;
mod read;
mod report;
mod session;
mod signals;
mod talk;
mod terminal;
mod tls;
mod transport;
mod url;
mod usage;
mod who;
mod will;
mod words;

use std::cmp::Ordering;
use std::net::IpAddr;
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args};

use iot_core::Protocol;
use iot_core::config::ClientConfig;
use iot_core::connection::Handle;
use iot_core::reason::ReasonCode;
use iot_core::request::DisconnectRequest;

pub use duration::parse_duration;
pub use error::UsageError;
pub use given::{Given, Rank};
pub use iot_core::error::io_reason;
pub use notices::Notices;
pub use printer::Printer;
pub use property::{PacketProperties, Target};
pub use read::read;
pub use report::{report, tell};
pub use session::SessionArgs;
pub use signals::Signals;
pub use talk::{debug, debug_line, is_quiet, tell_debug};
pub use tls::TlsArgs;
pub use transport::TransportArgs;
pub use url::{UrlArgs, UrlTopic};
pub use usage::exit;
pub use who::WhoArgs;

use generate::GenerateArgs;
use option_file::OptionFileArgs;
use property::PropertyArgs;
use talk::TalkArgs;
use will::WillArgs;

/// The options of the connection, with mosquitto's names and letters.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectArgs {
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

    #[command(flatten)]
    url: UrlArgs,

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

    /// Who connects.
    #[command(flatten)]
    pub who: WhoArgs,

    /// Exit with 1 where a broker or a store is away, instead of waiting for it
    #[arg(long, env = "IOT_FAIL_FAST", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub fail_fast: bool,

    #[command(flatten)]
    transport: TransportArgs,

    #[command(flatten)]
    tls: TlsArgs,

    /// The session.
    #[command(flatten)]
    pub session: SessionArgs,

    #[command(flatten)]
    will: WillArgs,

    #[command(flatten)]
    properties: PropertyArgs,

    #[command(flatten)]
    talk: TalkArgs,

    #[command(flatten)]
    option_file: OptionFileArgs,

    #[command(flatten)]
    generate: GenerateArgs,

    /// Print the version
    #[arg(long, action = ArgAction::Version, help_heading = "Program")]
    version: Option<bool>,

    /// Print this help
    #[arg(long, action = ArgAction::HelpShort, help_heading = "Program")]
    help: Option<bool>,
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
    /// Judges what excludes what among these options, and forgets what a higher place overrules.
    ///
    /// # Errors
    /// One line, for options that don't go together.
    pub fn settle(&mut self, given: &Given) -> Result<(), String> {
        self.who.settle(given)?;
        self.settle_place(given)?;
        self.talk.settle(given)?;
        if !self.properties.is_empty() && self.protocol_version != Protocol::V5 {
            if given.rank("protocol_version") >= given.rank("property") {
                return Err(format!(
                    "--property sends a property, which {} doesn't know: give -V mqttv5",
                    self.protocol_version
                ));
            }
            // As mosquitto's programs do.
            self.protocol_version = Protocol::V5;
        }
        match given.rank("id").cmp(&given.rank("id_prefix")) {
            _ if self.session.id_prefix.is_none() || self.id.is_none() => {}
            Ordering::Greater => self.session.id_prefix = None,
            Ordering::Less => self.id = None,
            Ordering::Equal => {
                return Err("--id and --id-prefix both say the client id: give one of them".into());
            }
        }
        Ok(())
    }

    /// Returns the configuration that the options mean; reads the password file, or asks for the
    /// password.
    ///
    /// # Errors
    /// [`UsageError`] and what else [`ClientConfig::checked`] finds, for options that don't go
    /// together; the system's for a file that can't be read.
    pub fn config(&self) -> anyhow::Result<ClientConfig> {
        let has_id = self.id.as_ref().is_some_and(|id| !id.is_empty());
        if self.disable_clean_session && !has_id {
            return Err(UsageError::new(
                "--disable-clean-session needs a client id, for the broker to find the session by: give --id ID",
            )
            .into());
        }
        let tls = self.tls.load()?;
        let default_port = if tls.is_some() { 8883 } else { 1883 };
        let mut config = ClientConfig {
            host: self.host.clone(),
            port: self.port.unwrap_or(default_port),
            bind_address: self.bind,
            transport: self.transport.transport()?,
            tls,
            proxy: self.transport.proxy()?,
            nodelay: self.transport.nodelay,
            client_id: self
                .id
                .clone()
                .or_else(|| self.session.id())
                .unwrap_or_default(),
            clean_session: !self.disable_clean_session,
            protocol: self.protocol_version,
            keep_alive: Duration::from_secs(self.keepalive.into()),
            username: self.who.username.clone(),
            will: self.will.will(self.properties.will())?,
            ..ClientConfig::default()
        };
        self.properties.apply(&mut config);
        self.session.apply(&mut config, has_id)?;
        // Last: nobody is asked for a password before the rest is known to be right.
        let config = config.checked()?;
        let password = self.who.password()?;
        if password.is_some() && config.username.is_none() && config.protocol != Protocol::V5 {
            return Err(UsageError::new(format!(
                "a password needs a user name on {}: give --username NAME",
                config.protocol
            ))
            .into());
        }
        let config = ClientConfig { password, ..config };
        Ok(config.checked()?)
    }

    /// Returns how many unacknowledged messages the broker may send: as many as may be on their way,
    /// where that is said, and `--property` doesn't say it.
    pub fn receive_maximum(&self, config: &ClientConfig) -> u16 {
        match self.session.max_inflight {
            Some(count) if config.receive_maximum == ClientConfig::default().receive_maximum => {
                count
            }
            _ => config.receive_maximum,
        }
    }

    /// Returns the properties of the packets after CONNECT, for a program that sends those of `sent`
    /// with them.
    ///
    /// # Errors
    /// [`UsageError`] for a packet that the program doesn't send, and for a session that is to
    /// outlive a connection and was not begun so (MQTT 5 §3.14.2.2.2).
    pub fn packet_properties(
        &self,
        sent: &[Target],
        config: &ClientConfig,
    ) -> Result<PacketProperties, UsageError> {
        if let Some(target) = self.properties.beyond(sent) {
            return Err(UsageError::new(format!(
                "--property {target} makes no sense here: this program sends no {}",
                target.to_string().to_uppercase()
            )));
        }
        let properties = self.properties.packets();
        let expiry = |seconds: Option<u32>| seconds.unwrap_or(0);
        let begun = match config.session_expiry_interval {
            None if !config.clean_session => u32::MAX,
            seconds => expiry(seconds),
        };
        let end = properties.disconnect.as_ref();
        if begun == 0 && expiry(end.and_then(|p| p.session_expiry_interval)) > 0 {
            return Err(UsageError::new(
                "--property disconnect session-expiry-interval needs a session that outlives the connection: give -x SECONDS",
            ));
        }
        Ok(properties)
    }
}

impl PacketProperties {
    /// Ends the connection cleanly, with DISCONNECT's properties.
    pub fn disconnect(&self, handle: &Handle) {
        let plain = DisconnectRequest::from(ReasonCode::SUCCESS);
        let request = match &self.disconnect {
            Some(properties) => plain.clone().with_properties(properties.clone()),
            None => plain.clone(),
        };
        // Properties that the session refuses are left out.
        if handle.disconnect(request).is_err() {
            let _ = handle.disconnect(plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
            "the client identifier has 24 characters, MQTT 3.1 allows at most 23",
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
