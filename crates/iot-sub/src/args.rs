//! The command line options, and the plan that they give.

mod alert;
mod decode;
mod embedded;
mod fields;
mod filter;
mod local_files;
mod mongodb;
mod output;
mod page;
mod plan;
mod selection;
mod session;
mod share;
mod store;
mod watch;

use anyhow::Result;
use clap::Parser;
use iot_cli::{ConnectArgs, Origins, PacketKind, StoreUrl, UsageError, Verbosity};
use iot_core::{ClientConfig, PayloadLimit, Protocol};
use iot_store::REJECTED_PAYLOAD_LIMIT;

use crate::decode::{Keys, payload_hash};
use crate::output::OutputPlan;
use crate::size::Size;
use crate::watch::health::HealthUrl;
use alert::AlertArgs;
use decode::DecodeArgs;
use embedded::EmbeddedArgs;
use fields::FieldsArgs;
use filter::FilterArgs;
use mongodb::MongoArgs;
use output::OutputArgs;
use page::PageOptions;
pub(crate) use plan::{DecodePlan, FailFast, IntakePlan, Plan, StorePlan};
use selection::SelectionArgs;
use session::DurableArgs;
pub(crate) use store::SpoolPlan;
use store::StoreArgs;
#[cfg(not(feature = "mongodb"))]
pub(crate) use store::WITHOUT_MONGODB;
use watch::WatchArgs;

const EXAMPLES: &str = "\
Examples:
  iot-sub --store none -v -t 'sensors/#'
  iot-sub -h broker.local --store sqlite:iot.db
  iot-sub --embedded --page
";

const WITHOUT_OPTIONS: &str = "Without options: subscribes to iot/# at the broker on localhost, prints each \
    reading, and stores it in MongoDB on localhost, as {topic, value, reg_date} in the collection sensors of \
    the database iot_service.";

/// Receive sensor readings over MQTT and store them
#[derive(Debug, Parser)]
#[command(
    name = "iot-sub",
    version,
    disable_help_flag = true,
    disable_version_flag = true
)]
#[command(args_override_self = true, max_term_width = 100, before_help = EXAMPLES, after_help = WITHOUT_OPTIONS)]
pub(crate) struct Args {
    #[command(flatten)]
    filters: FilterArgs,

    /// Limit payloads to SIZE: a larger one is rejected without being held in memory [default:
    /// 16MiB; without a store no limit]
    #[arg(
        long,
        env = "IOT_MAX_PAYLOAD",
        hide_env_values = true,
        help_heading = "Subscriptions",
        value_name = "SIZE"
    )]
    #[arg(hide_short_help = true)]
    max_payload: Option<Size>,

    #[command(flatten)]
    decode: DecodeArgs,

    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    embedded: EmbeddedArgs,

    #[command(flatten)]
    fields: FieldsArgs,

    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    mongodb: MongoArgs,

    #[command(flatten)]
    watch: WatchArgs,

    #[command(flatten)]
    page: PageOptions,

    #[command(flatten)]
    alerts: AlertArgs,

    #[command(flatten)]
    session: DurableArgs,

    #[command(flatten)]
    connect: ConnectArgs,

    #[arg(skip)]
    origins: Origins,
}

/// The packets that take properties.
const SENT: [PacketKind; 5] = [
    PacketKind::Connect,
    PacketKind::Subscribe,
    PacketKind::Unsubscribe,
    PacketKind::Disconnect,
    PacketKind::Will,
];

impl Args {
    /// Returns the options of this process; exits if they are wrong or ask for help.
    pub(crate) fn read() -> Self {
        let (args, origins): (Self, _) =
            iot_cli::read(std::env::args_os()).unwrap_or_else(|stop| stop.exit());
        Self { origins, ..args }
    }

    /// Returns how much is written to stderr.
    pub(crate) fn verbosity(&self) -> Verbosity {
        self.connect.verbosity()
    }

    /// Returns the page to ask instead of a run.
    pub(crate) fn health(&self) -> Option<&HealthUrl> {
        self.watch.health()
    }

    fn default_store(&self) -> StoreUrl {
        if self.embedded.is_on() {
            StoreUrl::Sqlite("iot.db".into())
        } else if self.connect.is_mosquitto() {
            StoreUrl::Nowhere
        } else {
            StoreUrl::local_mongodb()
        }
    }

    /// Returns where readings are stored: nowhere while messages are explained.
    fn used_store(&self) -> StoreUrl {
        if self.decode.explains() {
            return StoreUrl::Nowhere;
        }
        self.named_store()
    }

    /// Returns the store that the options are for, though `--explain` does not use it.
    fn named_store(&self) -> StoreUrl {
        self.store.store(self.default_store())
    }

    /// Sets options that other options need, and checks values that clap cannot check.
    fn resolve(&mut self) -> Result<(), UsageError> {
        let origins = &self.origins;
        self.connect.resolve(origins)?;
        if self.connect.is_mosquitto() {
            let unsubscribes = self.selection.unsubscribes();
            self.filters.without_default(unsubscribes, origins)?;
        }
        self.filters.share(origins)?;
        if let Some(group) = &self.filters.share {
            self.selection.share(group, origins)?;
        }
        let (connect, qos) = (&mut self.connect, &mut self.filters.qos);
        self.session.resolve(origins, connect, qos)?;
        let store = self.named_store();
        self.store.check(&store, origins)?;
        let is_v5 = self.connect.protocol_version == Protocol::V5;
        let filters = &self.filters.topic;
        self.selection.check(is_v5, filters, origins)?;
        self.output.check(origins)?;
        self.page.check(origins)?;
        self.alerts.add(self.decode.read_rules()?, origins);
        self.alerts.check(origins)?;
        let stores = store != StoreUrl::Nowhere;
        let has_value_key = self.fields.has_value_key();
        self.decode.check(has_value_key, origins)?;
        let reads_times = self.decode.reads_times();
        self.fields.check(stores, reads_times, origins)?;
        let is_mongodb = matches!(store, StoreUrl::MongoDb(_));
        self.mongodb.check(is_mongodb, origins)
    }

    /// Returns the plan for these options.
    pub(crate) fn plan(mut self) -> Result<Plan> {
        self.resolve()?;
        let origins = &self.origins;
        let store = self.used_store();
        let spool = self.store.spool(&store, self.connect.id.as_deref());
        let drains_spool = self.store.drains_spool();
        let stores = store != StoreUrl::Nowhere;
        let as_published = self.selection.retain_as_published();
        let rejected = self.store.keep_rejected();
        let keep = self.store.keep();
        let mongodb = self.mongodb.options(self.fields.same_id(), rejected, keep);
        let (fields, downsampling) = self.fields.plan(stores, as_published);
        let export = self.watch.export(&fields.patterns);
        let mut config = self.connect.config(origins)?;
        let durable = self.session.plan(&self.connect, &mut config);
        let page = self.page.plan(origins)?;
        let is_mosquitto = self.connect.is_mosquitto();
        // Without a store, nothing has to be a reading.
        let explains = self.decode.explains();
        let takes_any = !stores && !explains && !self.decode.is_given();
        let FilterArgs {
            mut topic,
            qos,
            share,
        } = self.filters;
        topic.extend(self.decode.subscriptions());
        let timezone = fields.keys.timezone.clone();
        let decode = self
            .decode
            .plan(takes_any, share.is_some(), timezone, origins)?;
        if let Some(key) = fields.keys.option() {
            DecodeArgs::check_key(key, &decode.router, origins)?;
        }
        let output = OutputPlan {
            named: decode.router.names_readings(),
            ..self.output.plan(is_mosquitto, explains)
        };
        Ok(Plan {
            properties: self.connect.packet_properties(&SENT, &config, origins)?,
            config: self.selection.configure(ClientConfig {
                manual_ack: true,
                payload_limit: payload_limit(self.max_payload, stores),
                receive_maximum: self.connect.receive_maximum(&config),
                ..config
            }),
            subscriptions: self.selection.subscriptions(topic, qos),
            store: StorePlan {
                url: store,
                collection: self.mongodb.collection(),
                mongodb,
                rejected,
                keep,
                rollups: self.store.rollups(),
                spool,
                drains_spool,
            },
            intake: IntakePlan {
                decode,
                prints_any_payload: takes_any && fields.keys == Keys::default(),
                fields,
                downsampling,
                selection: self.selection.plan(),
                output,
                alerts: None,
            },
            export,
            watch: self.watch.plan(),
            page,
            alerts: self.alerts.plan(),
            durable,
            #[cfg(feature = "embedded")]
            embedded: self.embedded.listen(),
            fail_fast: match (self.connect.fail_fast, is_mosquitto) {
                (true, _) => FailFast::Always,
                (false, true) => FailFast::FirstConnection,
                (false, false) => FailFast::Never,
            },
        })
    }
}

/// Returns how long a payload may be that is held in memory.
fn payload_limit(given: Option<Size>, stores: bool) -> Option<PayloadLimit> {
    const DEFAULT: Size = Size::mib(16);
    let limit = given.or(stores.then_some(DEFAULT))?;
    Some(PayloadLimit {
        bytes: usize::try_from(limit.bytes()).unwrap_or(usize::MAX),
        kept_bytes: REJECTED_PAYLOAD_LIMIT,
        hasher: Some(payload_hash::new),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

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
    fn each_option_has_a_short_help_that_begins_with_a_verb_and_a_variable() {
        assert_eq!(iot_cli::help_faults(Args::command()), Vec::<String>::new());
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    #[cfg(feature = "mongodb")]
    fn without_options_the_plan_is_the_tutorial_s_subscriber() {
        let plan = plan(&[]);
        assert_eq!(plan.config.address(), "localhost:1883");
        assert_eq!(plan.subscriptions.len(), 1);
        assert_eq!(plan.subscriptions[0].filter.as_str(), "iot/#");
        assert_eq!(
            plan.store.url,
            StoreUrl::MongoDb("mongodb://localhost:27017".into())
        );
        assert_eq!(plan.store.collection, "sensors");
    }

    #[test]
    #[cfg(feature = "embedded")]
    fn embedded_stores_in_a_file_by_default() {
        let plan = plan(&["--embedded"]);
        assert_eq!(plan.store.url, StoreUrl::Sqlite("iot.db".into()));
        assert_eq!(plan.embedded, Some(([127, 0, 0, 1], 1883).into()));
        let plan = super::tests::plan(&["--embedded", "--store", "none", "--listen", "[::1]:0"]);
        assert_eq!(plan.store.url, StoreUrl::Nowhere);
        assert_eq!(plan.embedded.unwrap().to_string(), "[::1]:0");
    }

    #[test]
    fn a_wrong_value_is_explained() {
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
