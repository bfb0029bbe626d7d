//! The options of the connection, and the configuration that they mean.

use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args};
use iot_core::Protocol;
use iot_core::config::ClientConfig;

use crate::address::AddressArgs;
use crate::credentials::CredentialArgs;
use crate::error::UsageError;
use crate::generate::GenerateArgs;
use crate::host::Hosts;
use crate::mosquitto::MosquittoArgs;
use crate::option_file::OptionFileArgs;
use crate::origin::Origins;
use crate::property::{PacketKind, PacketProperties, PropertyArgs};
use crate::session::SessionArgs;
use crate::several_brokers::SeveralBrokersArgs;
use crate::tls::TlsArgs;
use crate::transport::{TransportArgs, WebSocketArgs};
use crate::url::UrlArgs;
use crate::verbosity::{Verbosity, VerbosityArgs};
use crate::will::WillArgs;

/// The options of the connection, with mosquitto's names and letters.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectArgs {
    #[command(flatten)]
    address: AddressArgs,

    #[command(flatten)]
    url: UrlArgs,

    #[command(flatten)]
    several_brokers: SeveralBrokersArgs,

    /// Use client identifier ID [default: a random one]
    #[arg(short, long, env = "IOT_ID", hide_env_values = true, value_name = "ID")]
    pub id: Option<String>,

    /// Ask the broker to keep the session when the connection ends (needs --id)
    #[arg(
        short = 'c',
        long,
        env = "IOT_DISABLE_CLEAN_SESSION",
        hide_env_values = true
    )]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    pub disable_clean_session: bool,

    /// Send a ping after SECONDS without traffic: 1 to 65535, or 0 for never
    #[arg(short, long, env = "IOT_KEEPALIVE", hide_env_values = true)]
    #[arg(default_value = "60", value_name = "SECONDS", value_parser = keep_alive)]
    #[arg(hide_short_help = true)]
    pub keepalive: u16,

    /// Use protocol version VERSION: mqttv31, mqttv311, mqttv5
    #[arg(
        short = 'V',
        long,
        env = "IOT_PROTOCOL_VERSION",
        hide_env_values = true
    )]
    #[arg(
        default_value = "mqttv311",
        value_name = "VERSION",
        hide_possible_values = true
    )]
    #[arg(value_parser = PossibleValuesParser::new(VERSIONS)
        .map(|version| protocol(&version)))]
    pub protocol_version: Protocol,

    #[command(flatten)]
    credentials: CredentialArgs,

    /// Exit with 1 if the broker or the store is away, instead of waiting for it
    #[arg(long, env = "IOT_FAIL_FAST", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    pub fail_fast: bool,

    #[command(flatten)]
    transport: TransportArgs,

    #[command(flatten)]
    websocket: WebSocketArgs,

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
    verbosity: VerbosityArgs,

    #[command(flatten)]
    option_file: OptionFileArgs,

    #[command(flatten)]
    mosquitto: MosquittoArgs,

    #[command(flatten)]
    generate: GenerateArgs,

    /// Print the version
    #[arg(long, action = ArgAction::Version, help_heading = "Program")]
    version: Option<bool>,

    /// Print this help
    #[arg(long, action = ArgAction::HelpShort, help_heading = "Program")]
    help: Option<bool>,

    /// Print all options, with their variables
    #[arg(long, action = ArgAction::HelpShort, help_heading = "Program")]
    help_all: Option<bool>,
}

pub(crate) const VERSIONS: [&str; 6] = ["mqttv31", "mqttv311", "mqttv5", "31", "311", "5"];

pub(crate) fn protocol(version: &str) -> Protocol {
    match version {
        "mqttv31" | "31" => Protocol::V31,
        "mqttv5" | "5" => Protocol::V5,
        _ => Protocol::V311,
    }
}

pub(crate) fn keep_alive(text: &str) -> Result<u16, String> {
    text.parse()
        .map_err(|_| "a keep alive is 0 to 65535 seconds".into())
}

impl ConnectArgs {
    /// Lets the properties decide the protocol version unless a higher layer, or the same, does.
    ///
    /// # Errors
    /// [`UsageError`] for properties that the version doesn't have.
    pub fn resolve(&mut self, origins: &Origins) -> Result<(), UsageError> {
        if self.properties.is_empty() || self.protocol_version == Protocol::V5 {
            return Ok(());
        }
        if origins.layer("protocol_version") >= origins.layer("property") {
            return Err(UsageError::new(format!(
                "{} needs MQTT 5, not {} (give -V mqttv5)",
                origins.name("property"),
                self.protocol_version
            )));
        }
        // As mosquitto's programs do.
        self.protocol_version = Protocol::V5;
        Ok(())
    }

    /// Returns whether the program takes the place of `mosquitto_sub` or `mosquitto_pub`.
    pub fn is_mosquitto(&self) -> bool {
        self.mosquitto.is_on()
    }

    /// Returns how much the program writes to stderr.
    pub fn verbosity(&self) -> Verbosity {
        match self.verbosity.verbosity() {
            Verbosity::Normal if self.is_mosquitto() => Verbosity::Quiet,
            verbosity => verbosity,
        }
    }

    /// Returns the configuration that the options mean; reads the password file, or asks for the
    /// password.
    ///
    /// # Errors
    /// [`UsageError`] and what [`ClientConfig::checked`] finds, for options that do not go
    /// together; the system's for a file that cannot be read.
    pub fn config(&self, origins: &Origins) -> anyhow::Result<ClientConfig> {
        let has_id = self.id.as_ref().is_some_and(|id| !id.is_empty());
        if self.disable_clean_session && !has_id {
            let name = origins.name("disable_clean_session");
            return Err(UsageError::new(format!(
                "{name} needs a client identifier, by which the broker finds the session (give --id ID)"
            ))
            .into());
        }
        let is_empty = self.id.as_deref() == Some("");
        if is_empty && self.protocol_version == Protocol::V31 {
            let name = origins.name("id");
            return Err(UsageError::new(format!(
                "{name} is empty, which MQTT 3.1 forbids (give an identifier, or -V mqttv311)"
            ))
            .into());
        }
        let tls = self.tls.load(origins)?;
        let port = self.address.port;
        let Hosts { first, further } = &self.address.host;
        let mut config = ClientConfig {
            host: first.name.clone(),
            port: first.port_or(port, tls.is_some()),
            bind_address: self.address.bind,
            transport: self.transport.transport(&self.websocket, origins)?,
            tls,
            proxy: self.transport.proxy(origins)?,
            nodelay: self.transport.nodelay,
            client_id: self
                .id
                .clone()
                .or_else(|| self.session.id())
                .unwrap_or_default(),
            // mosquitto's programs let the broker choose the identifier.
            sends_empty_client_id: is_empty || self.is_mosquitto(),
            clean_session: !self.disable_clean_session,
            protocol: self.protocol_version,
            keep_alive: Duration::from_secs(self.keepalive.into()),
            username: self.credentials.username.clone(),
            will: self.will.will(self.properties.will(), origins)?,
            ..ClientConfig::default()
        };
        let load_tls = || self.tls.load_options();
        let several = &self.several_brokers;
        several.apply(&mut config, further, port, load_tls, origins)?;
        self.properties.apply(&mut config);
        self.session.apply(&mut config, has_id, origins)?;
        // Last: the user is asked for a password only if the rest is right.
        let config = config.checked()?;
        let password = self.credentials.password(origins)?;
        if password.is_some() && config.username.is_none() && config.protocol != Protocol::V5 {
            return Err(UsageError::new(format!(
                "a password needs a user name on {} (give --username NAME)",
                config.protocol
            ))
            .into());
        }
        let config = ClientConfig { password, ..config };
        Ok(config.checked()?)
    }

    /// Returns how many unacknowledged messages the broker may send: `--max-inflight` if it is
    /// given, unless `--property` gives the receive maximum.
    pub fn receive_maximum(&self, config: &ClientConfig) -> u16 {
        match self.session.max_inflight {
            Some(count) if config.receive_maximum == ClientConfig::default().receive_maximum => {
                count
            }
            _ => config.receive_maximum,
        }
    }

    /// Returns the properties of the packets after CONNECT, for a program that sends the packets
    /// `sent`.
    ///
    /// # Errors
    /// [`UsageError`] for a packet that the program does not send, and for a session that is to
    /// outlive a connection that began without one (MQTT 5 §3.14.2.2.2).
    pub fn packet_properties(
        &self,
        sent: &[PacketKind],
        config: &ClientConfig,
        origins: &Origins,
    ) -> Result<PacketProperties, UsageError> {
        if let Some(packet) = self.properties.beyond(sent) {
            return Err(UsageError::new(format!(
                "{} names a packet that this program does not send: {packet}",
                origins.name("property")
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
            return Err(UsageError::new(format!(
                "{}: disconnect session-expiry-interval needs a session that outlives the connection (give -x SECONDS)",
                origins.name("property")
            )));
        }
        Ok(properties)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::io::Write;

    use clap::{CommandFactory, FromArgMatches};

    use super::*;
    use crate::merge::merge;
    use crate::parser::Parser;
    use crate::typed;

    #[derive(clap::Parser)]
    #[command(disable_help_flag = true, disable_version_flag = true, version = "1")]
    #[command(args_override_self = true)]
    struct Program {
        #[command(flatten)]
        connect: ConnectArgs,
    }

    fn parse(arguments: &str) -> Result<(Program, Origins), String> {
        let mut parser = Parser::new(Program::command());
        let words = arguments.split_whitespace().map(OsString::from);
        let typed = typed::read(parser.command(), words)?;
        let (matches, origins) = merge(&mut parser, typed, Vec::new(), Vec::new())?;
        let program = Program::from_arg_matches(&matches).unwrap();
        Ok((program, origins))
    }

    fn config(arguments: &str) -> ClientConfig {
        let (program, origins) = parse(arguments).unwrap();
        program.connect.config(&origins).unwrap()
    }

    #[track_caller]
    fn refused(arguments: &str, expected: &str) {
        let message = match parse(arguments) {
            Err(line) => line,
            Ok((mut program, origins)) => {
                let resolved = program.connect.resolve(&origins);
                let config = resolved
                    .map_err(anyhow::Error::from)
                    .and_then(|()| program.connect.config(&origins));
                format!("{:#}", config.unwrap_err())
            }
        };
        assert_eq!(message, expected);
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
    fn a_wrong_value_is_reported_before_anything_connects() {
        refused(
            "-k 65536",
            "invalid value `65536` for `-k`: a keep alive is 0 to 65535 seconds",
        );
        refused(
            "-p 0",
            "invalid value `0` for `-p`: a port is a whole number from 1 to 65535",
        );
        refused(
            "-c",
            "`-c` needs a client identifier, by which the broker finds the session (give --id ID)",
        );
        refused(
            "-P x",
            "a password needs a user name on MQTT 3.1.1 (give --username NAME)",
        );
        refused(
            "-u ada --password-file does-not-exist",
            "cannot read password file `does-not-exist`: no such file or directory",
        );
    }

    #[test]
    fn what_does_not_go_together_is_named_as_it_was_typed() {
        refused(
            "-L mqtt://b --cafile x",
            "the scheme in `-L` cannot be used with `--cafile` (leave one of them out)",
        );
        refused(
            "--url ws://b --unix /s",
            "the host in `--url` cannot be used with `--unix` (leave one of them out)",
        );
        refused("--ws-path /x", "`--ws-path` needs `--ws`");
        refused(
            "-V 31 -D publish content-type x",
            "`-D` needs MQTT 5, not MQTT 3.1 (give -V mqttv5)",
        );
    }

    fn addresses(arguments: &str) -> Vec<String> {
        let config = config(arguments);
        let further = config.brokers.iter().map(iot_core::BrokerAddress::address);
        std::iter::once(config.address()).chain(further).collect()
    }

    #[test]
    fn a_list_of_hosts_and_repeated_urls_are_several_brokers() {
        assert_eq!(addresses("-h a,b:7 -p 8"), ["a:8", "b:7"]);
        assert_eq!(addresses("-h a:9,[::1]"), ["a:9", "[::1]:1883"]);
        assert_eq!(addresses("-h a -h b"), ["b:1883"]);
        let urls = "-L mqtt://ada:x@a -L ws://ada:x@b:7 -L mqtt://c";
        assert_eq!(addresses(urls), ["a:1883", "b:7", "c:1883"]);
        let config = config(urls);
        assert_eq!(config.username.as_deref(), Some("ada"));
        let is_websocket = |it: &iot_core::BrokerAddress| {
            matches!(it.transport, iot_core::transport::Transport::WebSocket(_))
        };
        let of_each: Vec<_> = config.brokers.iter().map(is_websocket).collect();
        assert_eq!(of_each, [true, false]);
        refused(
            "-L mqtt://a -L mqtt://ada:s3cret@b",
            "`-L`: several brokers need the same user name and password (give them in the first URL)",
        );
        refused(
            "-h a --follow-redirects",
            "`--follow-redirects` needs MQTT 5 (give -V 5)",
        );
        assert!(self::config("-h a -V 5 --follow-redirects").follow_redirects);
    }

    #[test]
    fn the_password_file_s_first_line_is_the_password() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"s3cret \r\nsecond line\n").unwrap();
        let config = config(&format!("-u ada --password-file {}", file.path().display()));
        assert_eq!(config.password.as_deref(), Some("s3cret "));
    }
}
