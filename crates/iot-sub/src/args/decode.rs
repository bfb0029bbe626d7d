//! The options of decoding: what payloads mean, and which readings they become.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use iot_cli::{Origins, Timezone, UsageError};
use iot_core::{QoS, TopicFilter};
use iot_decode::{Format, PlainFormat, Settings};

use crate::args::filter::FilterArg;
use crate::args::plan::DecodePlan;
use crate::decode::Rule;
use crate::decode::explain::Explainer;
use crate::decode::routed::{Routed, routed_format, routed_program};
use crate::decode::router::{Router, Routes};
use crate::decode::victron::Portal;
use crate::rules_file::{self, FileAlerts};

#[derive(Debug, Args)]
#[command(next_help_heading = "Decoding")]
pub(super) struct DecodeArgs {
    /// Read payloads as auto, number, json, text, measure, state, leaves, cbor, msgpack, senml,
    /// sparkplug, protobuf or known (devices)
    #[arg(long, env = "IOT_DECODE", hide_env_values = true)]
    #[arg(value_name = "[FILTER=]FORMAT", value_parser = routed_format)]
    decode: Vec<Routed<Format>>,

    /// Use payloads of this kind; the former name of --decode
    #[arg(long, env = "IOT_PAYLOAD", hide_env_values = true, hide = true)]
    #[arg(value_name = "KIND", value_parser = routed_format)]
    payload: Option<Routed<Format>>,

    /// Run the jq program PROGRAM for each message, or those that match FILTER: each output is a
    /// reading (can be repeated: the first match counts)
    #[arg(long, env = "IOT_MAP", hide_env_values = true)]
    #[arg(value_name = "[FILTER=]PROGRAM", value_parser = routed_program, allow_hyphen_values = true)]
    #[arg(hide_short_help = true)]
    map: Vec<Routed<String>>,

    /// Read rules for topics, and alerts, from the TOML file FILE
    #[arg(long, env = "IOT_RULES", hide_env_values = true, value_name = "FILE")]
    #[arg(hide_short_help = true)]
    rules: Option<PathBuf>,

    /// The rules of that file.
    #[arg(skip)]
    read_rules: Vec<Rule>,

    /// Print how each message would be stored, and store nothing
    #[arg(long, env = "IOT_EXPLAIN", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(conflicts_with_all = ["json", "csv", "message_rate", "format", "verbose", "no_newline", "watch"])]
    explain: bool,

    /// Read 23,5 as a number, with --decode measure or known
    #[arg(long, env = "IOT_DECIMAL_COMMA", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    decimal_comma: bool,

    /// Store strings, too, with the formats that store each value of a document
    #[arg(long, env = "IOT_LEAVES_TEXT", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(hide_short_help = true)]
    leaves_text: bool,

    /// Subscribe to Home Assistant's discovery messages below PREFIX, for names and units
    /// [default PREFIX: homeassistant]
    #[arg(
        long,
        env = "IOT_DISCOVER",
        hide_env_values = true,
        value_name = "PREFIX"
    )]
    #[arg(num_args = 0..=1, default_missing_value = "homeassistant", value_parser = prefix)]
    #[arg(hide_short_help = true)]
    discover: Option<TopicFilter>,

    /// Send the keepalive of the Victron device with portal ID PORTAL each 30 seconds (can be
    /// repeated)
    #[arg(long, env = "IOT_VICTRON_KEEPALIVE", hide_env_values = true)]
    #[arg(value_name = "PORTAL")]
    #[arg(hide_short_help = true)]
    victron_keepalive: Vec<Portal>,
}

/// Returns the filter of all topics below a prefix.
fn prefix(text: &str) -> Result<TopicFilter, String> {
    let prefix = text.trim_end_matches('/');
    if prefix.is_empty() || prefix.contains(['+', '#']) {
        return Err("a prefix is a part of a topic, such as homeassistant".into());
    }
    TopicFilter::new(format!("{prefix}/#")).map_err(|error| error.to_string())
}

impl DecodeArgs {
    /// Whether messages are explained and not stored.
    pub(super) fn explains(&self) -> bool {
        self.explain
    }

    /// Reads the file of rules, and returns its alerts.
    ///
    /// # Errors
    /// [`UsageError`]: it cannot be read, or something in it is wrong.
    pub(super) fn read_rules(&mut self) -> Result<FileAlerts, UsageError> {
        let Some(path) = &self.rules else {
            return Ok(FileAlerts::default());
        };
        let file = rules_file::read(path).map_err(UsageError::new)?;
        self.read_rules = file.rules;
        Ok(file.alerts)
    }

    /// Whether an option says what payloads are.
    pub(super) fn is_given(&self) -> bool {
        let is_any = !self.decode.is_empty() || self.payload.is_some() || !self.map.is_empty();
        is_any || !self.read_rules.is_empty() || self.discover.is_some()
    }

    /// Whether local times in payloads are read, so that a time zone means something.
    pub(super) fn reads_times(&self) -> bool {
        self.is_given() || self.explain
    }

    /// Returns what is subscribed to beside the filters of the user.
    pub(super) fn subscriptions(&self) -> Option<FilterArg> {
        { self.discover.clone() }.map(|filter| FilterArg {
            filter,
            qos: Some(QoS::AtMostOnce),
        })
    }

    /// Checks the options against each other.
    ///
    /// # Errors
    /// [`UsageError`] for options that exclude each other.
    pub(super) fn check(&self, has_value_key: bool, origins: &Origins) -> Result<(), UsageError> {
        let name = |id| origins.name(id);
        if !self.decode.is_empty() && self.payload.is_some() {
            let same_layer = origins.layer("decode") == origins.layer("payload");
            if same_layer {
                let (decode, payload) = (name("decode"), name("payload"));
                return Err(UsageError::new(format!(
                    "{decode} cannot be used with {payload}, which is its former name (leave one of them out)"
                )));
            }
        }
        let is_plain = |routed: &Routed<Format>| matches!(routed.what, Format::Plain(_));
        if has_value_key && origins.is_typed("decode") && !self.decode.iter().all(is_plain) {
            let (value_key, decode) = (name("value_key"), name("decode"));
            return Err(UsageError::new(format!(
                "{value_key} names one value, and goes only with {decode} auto, number, json or text (give --map or --rules)"
            )));
        }
        Ok(())
    }

    /// Checks that keys such as `--time-key` point into documents.
    ///
    /// # Errors
    /// [`UsageError`]: payloads of a format are none.
    pub(super) fn check_key(
        key: &str,
        router: &Router,
        origins: &Origins,
    ) -> Result<(), UsageError> {
        let Some(format) = router.without_document() else {
            return Ok(());
        };
        let key = origins.name(key);
        Err(UsageError::new(format!(
            "{key} points into a document, which a payload of format `{format}` is not; JSON, CBOR, MessagePack, SenML and protobuf are (for some topics only, give time-key in --rules)"
        )))
    }

    /// Returns what makes readings of messages; `takes_any` says that text is one where no option
    /// says what payloads are, and `is_shared` that each message goes to one member of a group.
    ///
    /// # Errors
    /// [`UsageError`]: Sparkplug is decoded in a group; the rules, or a file that a format needs,
    /// cannot be read.
    pub(super) fn plan(
        self,
        takes_any: bool,
        is_shared: bool,
        timezone: Option<Timezone>,
        origins: &Origins,
    ) -> Result<DecodePlan, UsageError> {
        let settings = Settings {
            decimal_comma: self.decimal_comma,
            leaves_text: self.leaves_text,
            timezone,
            discovery_prefix: self.discover.as_ref().map_or_else(
                || Settings::default().discovery_prefix,
                |filter| filter.as_str().trim_end_matches("/#").to_owned(),
            ),
        };
        let explainer = self.explain.then(|| Explainer::new(settings.clone()));
        let portals = self.victron_keepalive.clone();
        let fallback = Format::Plain(if takes_any {
            PlainFormat::Text
        } else {
            PlainFormat::Auto
        });
        let routes = self.routes(fallback, origins);
        if is_shared && routes.use_sparkplug() {
            let share = origins.name("share");
            return Err(UsageError::new(format!(
                "{share} cannot be used with Sparkplug: another member would receive the births that explain this \
                 one's messages"
            )));
        }
        Ok(DecodePlan {
            router: Router::new(routes, settings).map_err(UsageError::new)?,
            explainer: explainer.transpose().map_err(UsageError::new)?,
            portals,
        })
    }

    fn routes(self, mut fallback: Format, origins: &Origins) -> Routes {
        let payload_counts = origins.layer("payload") > origins.layer("decode");
        let mut formats = match self.payload {
            Some(payload) if self.decode.is_empty() || payload_counts => vec![payload],
            _ => self.decode,
        };
        if let Some(filter) = self.discover {
            if formats.is_empty() {
                fallback = Format::Known;
            }
            formats.insert(
                0,
                Routed {
                    filter: Some(filter),
                    what: Format::Known,
                },
            );
        }
        Routes {
            rules: self.read_rules,
            maps: self.map,
            formats,
            fallback,
        }
    }
}
