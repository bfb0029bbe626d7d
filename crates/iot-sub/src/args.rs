//! What was typed, and what it means.

mod fields;
mod mongodb;
mod output;
mod selection;
mod session;
mod watch;

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, Parser, ValueEnum};
use iot_cli::{ConnectArgs, Given, PacketProperties, Target};
use iot_core::{ClientConfig, Protocol, QoS, Subscription};
use iot_store::mongodb::Options as MongoOptions;

use self::fields::FieldsArgs;
use self::output::OutputArgs;
use self::selection::{FilterArg, SelectionArgs};
use self::session::DurableArgs;
use crate::decode::PayloadMode;
use crate::decode::downsample::Thinning;
use crate::decode::fields::FieldsPlan;
use crate::decode::select::Selection;
use crate::output::OutputPlan;
use crate::session::durable::Durable;
use crate::size::Size;
use crate::watch::WatchPlan;

const WITHOUT_OPTIONS: &str = "Without options: subscribes to iot/# at the broker on localhost, prints each reading, and \
                               stores it in MongoDB on localhost, as {topic, value, reg_date} in the collection \
                               sensors of the database iot_service.";

#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
/// Receive sensor readings over MQTT and store them
#[derive(Debug, Parser)]
#[command(
    name = "iot-sub",
    version,
    disable_help_flag = true,
    disable_version_flag = true
)]
#[command(args_override_self = true, max_term_width = 100, after_help = WITHOUT_OPTIONS)]
pub(crate) struct Args {
    /// Subscribe to topic filter FILTER, with a QoS of its own as FILTER@1; a filter that ends so is FILTER@@1 (can be
    /// repeated)
    #[arg(short, long, env = "IOT_TOPIC", hide_env_values = true)]
    #[arg(
        default_value = "iot/#",
        value_name = "FILTER",
        allow_hyphen_values = true
    )]
    topic: Vec<FilterArg>,

    /// Receive with QoS 0, 1 or 2 at most
    #[arg(short, long, env = "IOT_QOS", hide_env_values = true)]
    #[arg(default_value_t = QoS::AtMostOnce, value_name = "QOS")]
    qos: QoS,

    /// Store readings in mongodb://…, in the file of sqlite:PATH, or nowhere: none
    /// [default: mongodb://localhost:27017, with --embedded sqlite:iot.db]
    #[arg(long, env = "IOT_STORE", hide_env_values = true, value_name = "STORE")]
    store: Option<StoreUrl>,

    /// Take as a reading: a number or else JSON (auto), one of them only, or other text too (text)
    #[arg(long, env = "IOT_PAYLOAD", hide_env_values = true)]
    #[arg(value_enum, default_value_t, value_name = "KIND")]
    payload: PayloadMode,

    /// Acknowledge a message once it is in the spool, a file on this machine's disk from which MongoDB is supplied, also
    /// when it was away for hours; or only once it is in the store [default: spool with MongoDB, else store]
    #[arg(long, env = "IOT_ACK_AFTER", hide_env_values = true)]
    #[arg(value_enum, value_name = "PLACE")]
    ack_after: Option<AckAfter>,

    /// Have the spool in the file PATH [default: one for this broker, client ID and store in $XDG_STATE_HOME/iot-sub, or
    /// in ~/.local/state/iot-sub]
    #[arg(long, env = "IOT_SPOOL", hide_env_values = true, value_name = "PATH")]
    spool: Option<PathBuf>,

    /// Let the spool take SIZE on the disk, such as 512MiB, and read no more until there is room again
    #[arg(long, env = "IOT_SPOOL_LIMIT", hide_env_values = true)]
    #[arg(default_value = "1GiB", value_name = "SIZE", value_parser = spool_limit)]
    spool_limit: Size,

    /// Run a broker inside this process, and store in a file: nothing else is needed. It acknowledges a message once it is
    /// stored
    #[cfg(feature = "embedded")]
    #[arg(long, env = "IOT_EMBEDDED", hide_env_values = true)]
    #[arg(value_parser = clap::builder::BoolishValueParser::new())]
    embedded: bool,

    /// Let the embedded broker listen on ADDRESS:PORT [default: 127.0.0.1:1883]
    #[cfg(feature = "embedded")]
    #[arg(
        long,
        env = "IOT_LISTEN",
        hide_env_values = true,
        value_name = "ADDRESS:PORT"
    )]
    listen: Option<std::net::SocketAddr>,

    #[command(flatten)]
    connect: ConnectArgs,

    #[command(flatten)]
    fields: FieldsArgs,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    mongodb: mongodb::MongoArgs,

    #[command(flatten)]
    watch: watch::WatchArgs,

    #[command(flatten)]
    session: DurableArgs,
}

/// Where readings are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// Only printed.
    Nowhere,
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A connection string, password and all.
    MongoDb(String),
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        match text.split_once(':') {
            Some(("sqlite", "")) => {
                Err("sqlite: needs the path of a file, as in sqlite:iot.db".into())
            }
            Some(("sqlite", path)) => Ok(Self::Sqlite(path.into())),
            // Whatever else is wrong with it: clap would show it as it is, password and all.
            Some((scheme, _)) if scheme.to_ascii_lowercase().starts_with("mongodb") => {
                Ok(Self::MongoDb(text.into()))
            }
            _ => Err("a store is mongodb://…, sqlite:PATH or none".into()),
        }
    }
}

/// Where a message has to be before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AckAfter {
    /// On this machine's disk, from where MongoDB gets it.
    Spool,
    /// In the store itself: on the disks of MongoDB's majority, or in the SQLite file.
    Store,
}

/// The packets that take properties.
const SENT: [Target; 5] = [
    Target::Connect,
    Target::Subscribe,
    Target::Unsubscribe,
    Target::Disconnect,
    Target::Will,
];

fn spool_limit(text: &str) -> Result<Size, String> {
    let limit: Size = text.parse()?;
    if limit.bytes() < Size::mib(1).bytes() {
        return Err("a spool needs 1MiB at least".into());
    }
    Ok(limit)
}

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: ClientConfig,
    /// Of the packets after CONNECT.
    pub(crate) properties: PacketProperties,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) store: StoreUrl,
    pub(crate) collection: String,
    /// How that collection is used.
    pub(crate) mongodb: MongoOptions,
    pub(crate) watch: WatchPlan,
    pub(crate) payload: PayloadMode,
    /// Set where readings go to a spool first.
    pub(crate) spool: Option<SpoolPlan>,
    /// Set where the session is to outlive this process.
    pub(crate) durable: Option<Durable>,
    /// Where the embedded broker listens, if it is to run.
    #[cfg(feature = "embedded")]
    pub(crate) embedded: Option<std::net::SocketAddr>,
    pub(crate) fail_fast: bool,
    pub(crate) fields: FieldsPlan,
    pub(crate) thinning: Thinning,
    pub(crate) selection: Selection,
    pub(crate) output: OutputPlan,
}

impl Plan {
    /// Returns what files about this broker are known by: `HOST:PORT`.
    pub(crate) fn broker(&self) -> String {
        #[cfg(feature = "embedded")]
        if let Some(listen) = self.embedded {
            return listen.to_string();
        }
        self.config.address()
    }
}

/// Which spool, and how large.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SpoolPlan {
    /// By default the one for broker, client id and store.
    pub(crate) path: Option<PathBuf>,
    pub(crate) limit: Size,
    /// The client id that was given, else empty: the random one is another each time.
    pub(crate) client_id: String,
}

impl Args {
    /// Returns what was typed; ends the program where that is wrong or asks for help.
    pub(crate) fn read() -> Self {
        let (mut args, given): (Self, Given) =
            iot_cli::read(std::env::args_os()).unwrap_or_else(|error| iot_cli::exit(&error));
        let settled = args.connect.settle(&given);
        let settled = settled.and_then(|()| args.take_url_topic());
        let settled = settled.and_then(|()| {
            args.session
                .settle(&given, &mut args.connect, &mut args.qos)
        });
        let settled = settled.err();
        match settled.or_else(|| args.contradictions(given.matches())) {
            Some(line) => iot_cli::exit(&Self::command().error(ErrorKind::ArgumentConflict, line)),
            None => args,
        }
    }

    /// Takes the topic at the end of a URL: beside those of --topic, or instead.
    fn take_url_topic(&mut self) -> Result<(), String> {
        let Some(topic) = self.connect.url_topic() else {
            return Ok(());
        };
        let filter = topic
            .text
            .parse()
            .map_err(|error| format!("--url: {error}"))?;
        if !topic.beside {
            self.topic.clear();
        }
        self.topic.push(filter);
        Ok(())
    }

    /// What excludes what. Not left to clap, for which a value from the environment counts as typed.
    fn contradictions(&self, matches: &ArgMatches) -> Option<String> {
        let typed = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        if typed("spool") && typed("ack_after") && self.ack_after == Some(AckAfter::Store) {
            return Some(
                "--spool can't be used with --ack-after store, which goes without a spool".into(),
            );
        }
        let spool = match self.ack_after {
            Some(AckAfter::Spool) if typed("ack_after") => Some("--ack-after spool"),
            _ if typed("spool") => Some("--spool"),
            _ => None,
        };
        if let Some(spool) = spool
            && !matches!(self.store(), StoreUrl::MongoDb(_))
        {
            return Some(format!(
                "{spool} needs a MongoDB store; what goes into a file is on this disk already"
            ));
        }
        if typed("spool_limit") && !self.spools() {
            return Some(
                "--spool-limit needs a spool: a MongoDB store, and no --ack-after store".into(),
            );
        }
        let is_v5 = self.connect.protocol_version == Protocol::V5;
        let is_mongodb = matches!(self.store(), StoreUrl::MongoDb(_));
        self.selection
            .contradiction(is_v5, &self.topic)
            .or_else(|| self.output.contradiction())
            .or_else(|| {
                let stores = self.store() != StoreUrl::Nowhere;
                self.fields.contradiction(stores, &typed)
            })
            .or_else(|| {
                let same_id = self.fields.same_id();
                self.mongodb.contradiction(is_mongodb, same_id, &typed)
            })
            .or_else(|| self.contradiction(matches))
    }

    /// Where to store: as told, or what fits.
    fn store(&self) -> StoreUrl {
        #[cfg(feature = "embedded")]
        let embedded = self.embedded;
        #[cfg(not(feature = "embedded"))]
        let embedded = false;
        match &self.store {
            Some(store) => store.clone(),
            None if embedded => StoreUrl::Sqlite("iot.db".into()),
            None => StoreUrl::MongoDb("mongodb://localhost:27017".into()),
        }
    }

    /// Whether readings go to a spool first.
    fn spools(&self) -> bool {
        self.ack_after != Some(AckAfter::Store) && matches!(self.store(), StoreUrl::MongoDb(_))
    }

    #[cfg(feature = "embedded")]
    fn contradiction(&self, matches: &ArgMatches) -> Option<String> {
        use clap::parser::ValueSource::CommandLine;
        let typed = |name: &&str| matches.value_source(name) == Some(CommandLine);
        if self.embedded {
            let name = ConnectArgs::PLACE.into_iter().find(typed)?;
            let name = name.replace('_', "-");
            return Some(format!(
                "--{name} can't be used with --embedded, which brings its own broker; --listen ADDRESS:PORT says where"
            ));
        }
        typed(&"listen")
            .then(|| "--listen needs --embedded: it says where that broker listens".into())
    }

    #[cfg(not(feature = "embedded"))]
    #[expect(clippy::unused_self, reason = "the other build has something to check")]
    fn contradiction(&self, _matches: &ArgMatches) -> Option<String> {
        None
    }

    /// Returns what the options mean together.
    pub(crate) fn plan(self) -> Result<Plan> {
        #[cfg(feature = "embedded")]
        let embedded = self
            .embedded
            .then(|| self.listen.unwrap_or(([127, 0, 0, 1], 1883).into()));
        let store = self.store();
        let spool = self.spools().then(|| SpoolPlan {
            path: self.spool.clone(),
            limit: self.spool_limit,
            client_id: self.connect.id.clone().unwrap_or_default(),
        });
        let qos = self.qos;
        let stores = store != StoreUrl::Nowhere;
        let as_published = self.selection.retain_as_published();
        let mongodb = self.mongodb.options(self.fields.same_id());
        let (fields, thinning) = self.fields.plan(stores, as_published);
        let mut config = self.connect.config()?;
        let durable = self.session.plan(&self.connect, &mut config);
        Ok(Plan {
            properties: self.connect.packet_properties(&SENT, &config)?,
            config: self.selection.configure(ClientConfig {
                manual_ack: true,
                receive_maximum: self.connect.receive_maximum(&config),
                ..config
            }),
            subscriptions: self.selection.subscriptions(self.topic, qos),
            store,
            collection: self.mongodb.collection(),
            mongodb,
            watch: self.watch.plan(),
            payload: self.payload,
            spool,
            durable,
            #[cfg(feature = "embedded")]
            embedded,
            fail_fast: self.connect.fail_fast,
            fields,
            thinning,
            selection: self.selection.plan(),
            output: self.output.plan(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> Plan {
        let arguments = ["iot-sub"].iter().chain(arguments);
        Args::try_parse_from(arguments).unwrap().plan().unwrap()
    }

    #[track_caller]
    fn refused(arguments: &[&str], expected: &str) {
        let arguments = ["iot-sub"].iter().chain(arguments);
        let error = Args::try_parse_from(arguments).unwrap_err().to_string();
        assert_eq!(error.lines().next(), Some(expected));
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn without_options_it_is_the_tutorial_s_subscriber() {
        let plan = plan(&[]);
        assert_eq!(plan.config.address(), "localhost:1883");
        assert_eq!(plan.subscriptions.len(), 1);
        assert_eq!(plan.subscriptions[0].filter.as_str(), "iot/#");
        assert_eq!(
            plan.store,
            StoreUrl::MongoDb("mongodb://localhost:27017".into())
        );
        assert_eq!(plan.collection, "sensors");
    }

    #[test]
    #[cfg(feature = "embedded")]
    fn embedded_stores_in_a_file_unless_told_otherwise() {
        let plan = plan(&["--embedded"]);
        assert_eq!(plan.store, StoreUrl::Sqlite("iot.db".into()));
        assert_eq!(plan.embedded, Some(([127, 0, 0, 1], 1883).into()));
        let plan = super::tests::plan(&["--embedded", "--store", "none", "--listen", "[::1]:0"]);
        assert_eq!(plan.store, StoreUrl::Nowhere);
        assert_eq!(plan.embedded.unwrap().to_string(), "[::1]:0");
    }

    #[test]
    fn what_is_wrong_is_said() {
        refused(
            &["-t", "a/#/b"],
            "error: invalid value 'a/#/b' for '--topic <FILTER>': `#` must be the last level of topic filter `a/#/b`",
        );
        refused(
            &["--store", "redis://x"],
            "error: invalid value 'redis://x' for '--store <STORE>': a store is mongodb://…, sqlite:PATH or none",
        );
        refused(
            &["-q", "3"],
            "error: invalid value '3' for '--qos <QOS>': QoS is 0, 1 or 2",
        );
    }
}
