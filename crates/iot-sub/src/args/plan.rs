//! The plan of a run, which the options give.

use std::sync::Arc;
use std::time::Duration;

use iot_cli::{PacketProperties, StoreUrl};
use iot_core::{ClientConfig, Subscription};
use iot_page::PageConfig;
use iot_store::KeepRejected;
use iot_store::mongodb_options::Options as MongoOptions;

use crate::alert::{AlertPlan, Alerts};
use crate::args::store::SpoolPlan;
use crate::decode::decoder::FieldsPlan;
use crate::decode::downsample::Downsampling;
use crate::decode::explain::Explainer;
use crate::decode::router::Router;
use crate::decode::select::Selection;
use crate::decode::victron::Portal;
use crate::output::OutputPlan;
use crate::session::durable::Durable;
use crate::watch::WatchPlan;
use crate::watch::exported::ExportPlan;

/// The plan of a run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: ClientConfig,
    /// Properties of the packets after CONNECT.
    pub(crate) properties: PacketProperties,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) intake: IntakePlan,
    pub(crate) store: StorePlan,
    pub(crate) watch: WatchPlan,
    /// Set if readings are exported as metrics.
    pub(crate) export: Option<ExportPlan>,
    /// Set if a page is served.
    pub(crate) page: Option<PageConfig>,
    /// Set if something is watched.
    pub(crate) alerts: Option<AlertPlan>,
    /// Set if the session outlives this process.
    pub(crate) durable: Option<Durable>,
    /// The address of the embedded broker, with `--embedded`.
    #[cfg(feature = "embedded")]
    pub(crate) embedded: Option<std::net::SocketAddr>,
    pub(crate) fail_fast: FailFast,
}

/// How messages are handled before they are stored.
#[derive(Debug)]
pub(crate) struct IntakePlan {
    pub(crate) output: OutputPlan,
    pub(crate) decode: DecodePlan,
    /// What is no reading is printed as well: nothing is stored.
    pub(crate) prints_any_payload: bool,
    pub(crate) fields: FieldsPlan,
    pub(crate) downsampling: Downsampling,
    pub(crate) selection: Selection,
    /// Set once alerts have started.
    pub(crate) alerts: Option<Arc<Alerts>>,
}

/// What makes readings of messages.
#[derive(Debug)]
pub(crate) struct DecodePlan {
    pub(crate) router: Router,
    /// Set if messages are explained instead of stored.
    pub(crate) explainer: Option<Explainer>,
    /// Victron devices that need a keepalive.
    pub(crate) portals: Vec<Portal>,
}

/// Where readings are stored.
#[derive(Debug)]
pub(crate) struct StorePlan {
    pub(crate) url: StoreUrl,
    pub(crate) collection: String,
    /// The options of that collection.
    #[cfg_attr(not(feature = "mongodb"), expect(dead_code, reason = "for the driver"))]
    pub(crate) mongodb: MongoOptions,
    /// What is kept of rejections.
    pub(crate) rejected: KeepRejected,
    /// Readings that are older are removed.
    pub(crate) keep: Option<Duration>,
    /// An SQLite file gets rollups.
    pub(crate) rollups: bool,
    /// Set if readings go to a spool first.
    pub(crate) spool: Option<SpoolPlan>,
    /// The spool is delivered to the store, and nothing is received.
    pub(crate) drains_spool: bool,
}

impl Plan {
    /// Returns the broker's name for files on this machine: `HOST:PORT`.
    pub(crate) fn broker(&self) -> String {
        #[cfg(feature = "embedded")]
        if let Some(listen) = self.embedded {
            return listen.to_string();
        }
        self.config.address()
    }
}

/// Whether a broker or a store that is away ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailFast {
    Never,
    /// Until the first connection, as `mosquitto_sub` does.
    FirstConnection,
    Always,
}

impl FailFast {
    pub(crate) fn is_on(self) -> bool {
        self != Self::Never
    }

    /// The broker has accepted a connection.
    pub(crate) fn connected(&mut self) {
        if *self == Self::FirstConnection {
            *self = Self::Never;
        }
    }
}
