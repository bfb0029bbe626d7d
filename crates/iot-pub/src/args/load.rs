//! The options of many devices and connections, of rates, and of the report at the end.

use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use iot_cli::{ConnectArgs, Origins, UsageError, notify, parse_duration};

use crate::args::message::MessageArgs;
use crate::device::Device;
use crate::name::NAME;
use crate::plan::{Load, ReportFormat};
use crate::schedule::rate::Rate;

/// The options of many devices and load.
#[derive(Debug, Args)]
#[command(next_help_heading = "Many devices and load")]
pub(crate) struct LoadArgs {
    /// Simulate COUNT devices; {device} in the topic becomes 1 to COUNT [default: one for each
    /// connection]
    #[arg(long, env = "IOT_DEVICES", hide_env_values = true)]
    #[arg(value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) devices: Option<u32>,

    /// Open COUNT connections for the devices; --id-prefix PREFIX names them PREFIX1, PREFIX2, …
    #[arg(long, env = "IOT_CONNECTIONS", hide_env_values = true)]
    #[arg(default_value_t = 1, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) connections: u32,

    /// Open connections at RATE
    #[arg(long, env = "IOT_CONNECT_RATE", hide_env_values = true)]
    #[arg(
        default_value = "500/s",
        value_name = "RATE",
        allow_hyphen_values = true
    )]
    #[arg(hide_short_help = true)]
    pub(crate) connect_rate: Rate,

    /// Publish at RATE in total: 5000/s, 300/m (instead of --interval)
    #[arg(long, env = "IOT_RATE", hide_env_values = true)]
    #[arg(value_name = "RATE", allow_hyphen_values = true)]
    pub(crate) rate: Option<Rate>,

    /// Exit after DURATION: 30s, 5m [default: publish until Ctrl-C]
    #[arg(id = "for", long = "for", env = "IOT_FOR", hide_env_values = true)]
    #[arg(value_name = "DURATION", value_parser = parse_duration, allow_hyphen_values = true)]
    pub(crate) duration: Option<Duration>,

    /// Print counts, rates and latencies at the end, instead of each message
    #[arg(long, env = "IOT_REPORT", hide_env_values = true)]
    #[arg(value_name = "FORMAT")]
    pub(crate) report: Option<ReportFormat>,

    /// Subscribe to the same topics, and exit with 1 if a message is lost, duplicated, out of order
    /// or corrupted
    #[arg(long, env = "IOT_VERIFY", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(conflicts_with_all = ["given", "payload_template", "scenario", "replay"])]
    pub(crate) verify: bool,
}

impl LoadArgs {
    /// Checks what goes together with many connections, and makes client identifiers from the
    /// prefix.
    ///
    /// # Errors
    /// [`UsageError`] for options that do not go together.
    pub(crate) fn resolve(
        &self,
        connect: &mut ConnectArgs,
        message: &MessageArgs,
        origins: &Origins,
    ) -> Result<(), UsageError> {
        if self.connections == 1 {
            return Ok(());
        }
        let name = |id| origins.name(id);
        let single = [
            ("repeat", message.repeat().is_some()),
            ("stdin_line", message.is_lines()),
        ];
        if let Some((id, _)) = single.into_iter().find(|(_, is_given)| *is_given) {
            let (single, connections) = (name(id), name("connections"));
            return Err(UsageError::new(format!(
                "{single} cannot be used with {connections}: it is for one device on one connection"
            )));
        }
        if origins.layer("id") < origins.layer("connections") {
            connect.id = None;
        }
        if connect.id.is_some() {
            let id = name("id");
            return Err(UsageError::new(format!(
                "{id} names one client (give --id-prefix PREFIX for clients PREFIX1, PREFIX2 and so on)"
            )));
        }
        if let Some(prefix) = &connect.session.id_prefix {
            connect.id = Some(format!("{prefix}1"));
        } else if connect.disable_clean_session {
            let clean = name("disable_clean_session");
            return Err(UsageError::new(format!(
                "{clean} needs client identifiers, by which the broker finds the sessions (give --id-prefix PREFIX)"
            )));
        }
        Ok(())
    }

    /// Returns how many connections the devices share that are not of an edge node.
    pub(crate) fn shared_connections(&self, devices: &[Device]) -> usize {
        if devices.iter().all(|device| device.edge.is_some()) {
            return 0;
        }
        usize::try_from(self.connections).unwrap_or(usize::MAX)
    }

    /// Checks what goes together with edge nodes, each of which has a connection with a will, of
    /// `connections` in all.
    ///
    /// # Errors
    /// [`UsageError`] for a client identifier of several clients, and a will.
    pub(crate) fn check_edge_nodes(
        connect: &mut ConnectArgs,
        connections: usize,
        origins: &Origins,
    ) -> Result<(), UsageError> {
        if origins.is_set("will_topic") {
            let will = origins.name("will_topic");
            return Err(UsageError::new(format!(
                "{will} cannot be used with Sparkplug, where the will is the DEATH of the edge node"
            )));
        }
        if connections > 1 && connect.id.is_some() && connect.session.id_prefix.is_none() {
            if origins.is_typed("id") {
                let id = origins.name("id");
                return Err(UsageError::new(format!(
                    "{id} names one client, and each edge node is one (give --id-prefix PREFIX for clients PREFIX1, PREFIX2 and so on)"
                )));
            }
            connect.id = None;
        }
        Ok(())
    }

    /// Returns how many devices are wanted.
    pub(crate) fn device_count(&self) -> usize {
        let count = self.devices.unwrap_or(self.connections);
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// Reports devices that cannot be told apart: `{device}` may have been forgotten.
    pub(crate) fn report_shared_topic(&self, devices: &[Device]) {
        let Some((first, others)) = devices.split_first() else {
            return;
        };
        let is_one_topic = others.iter().all(|device| device.topic == first.topic);
        if self.devices.is_some() && !others.is_empty() && is_one_topic {
            let (count, topic) = (devices.len(), &first.topic);
            let line = format!(
                "all {count} devices publish to `{topic}` (for a topic each, put {{device}} into -t, as in 'iot/home{{device}}/temp')"
            );
            notify(NAME, &line);
        }
    }

    /// Returns whether no option here repeats a message.
    pub(crate) fn repeats_nothing(&self) -> bool {
        self.rate.is_none() && self.duration.is_none()
    }

    /// Returns what the options mean, with this many shared connections, and all connections.
    pub(crate) fn load(
        self,
        id_prefix: Option<String>,
        (shared, connections): (usize, usize),
    ) -> Load {
        Load {
            connections: shared,
            id_prefix: id_prefix.filter(|_| connections > 1),
            connect_rate: self.connect_rate,
            rate: self.rate,
            duration: self.duration,
            // A verdict is reported.
            report: self.report.or(self.verify.then_some(ReportFormat::Text)),
            verify: self.verify,
        }
    }
}
