//! The options of the store and of the spool before it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use iot_cli::{Origins, StoreUrl, UsageError, parse_age};
use iot_store::KeepRejected;

use super::local_files::check_file;
use crate::size::Size;

#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct StoreArgs {
    /// Store readings in mongodb://…, in the SQLite file of sqlite:PATH, or nowhere (none)
    /// [default: mongodb://localhost:27017, with --embedded sqlite:iot.db]
    #[arg(long, env = "IOT_STORE", hide_env_values = true, value_name = "STORE")]
    store: Option<StoreUrl>,

    /// Acknowledge a message once PLACE has it on disk: spool (a file on this machine) or store
    /// [default: spool for MongoDB, else store]
    #[arg(long, env = "IOT_ACK_AFTER", hide_env_values = true)]
    #[arg(value_enum, value_name = "PLACE")]
    #[arg(hide_short_help = true)]
    ack_after: Option<AckAfter>,

    /// Use the file PATH as spool [default: one for this broker, client identifier and store in
    /// $XDG_STATE_HOME/iot-sub or ~/.local/state/iot-sub]
    #[arg(long, env = "IOT_SPOOL", hide_env_values = true, value_name = "PATH")]
    #[arg(value_parser = spool_path)]
    #[arg(hide_short_help = true)]
    spool: Option<PathBuf>,

    /// Deliver what is in the spool PATH to the store, and exit: 0 when the spool is empty, else 1.
    /// Nothing is received
    #[arg(
        long,
        env = "IOT_DRAIN_SPOOL",
        hide_env_values = true,
        value_name = "PATH"
    )]
    #[arg(conflicts_with_all = ["spool", "ack_after", "forget"])]
    #[arg(hide_short_help = true)]
    drain_spool: Option<PathBuf>,

    /// Limit the spool to SIZE, such as 512MiB; reading stops until there is room again
    #[arg(long, env = "IOT_SPOOL_LIMIT", hide_env_values = true)]
    #[arg(default_value = "1GiB", value_name = "SIZE", value_parser = spool_limit)]
    #[arg(hide_short_help = true)]
    spool_limit: Size,

    /// Store rejected messages in sensors_rejected (keep), or only count them (count) [default:
    /// keep]
    #[arg(long, env = "IOT_REJECTED", hide_env_values = true)]
    #[arg(value_enum, value_name = "HOW")]
    #[arg(hide_short_help = true)]
    rejected: Option<Rejected>,

    /// Limit what is kept of rejected messages to SIZE, such as 64MiB: the oldest are dropped first
    /// [default: no limit]
    #[arg(long, env = "IOT_REJECTED_LIMIT", hide_env_values = true)]
    #[arg(value_name = "SIZE")]
    #[arg(hide_short_help = true)]
    rejected_limit: Option<Size>,

    /// Remove readings, rejected messages and reports of alerts that are older than AGE, such as
    /// 90d, a few at a time [default: keep all]
    #[arg(long, env = "IOT_KEEP", hide_env_values = true)]
    #[arg(value_name = "AGE", value_parser = parse_age)]
    #[arg(hide_short_help = true)]
    keep: Option<Duration>,

    /// Do not keep rollups by minute, hour and day in the SQLite file; charts of long ranges take
    /// longer
    #[arg(long, env = "IOT_NO_ROLLUPS", hide_env_values = true)]
    #[arg(hide_short_help = true)]
    no_rollups: bool,
}

/// The message for a MongoDB store without the feature `mongodb`.
pub(crate) const WITHOUT_MONGODB: &str = "this iot-sub is built without MongoDB (give --store sqlite:PATH for a file, or --store none to only print)";

/// What becomes of rejected messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Rejected {
    /// They are kept.
    Keep,
    /// They are counted.
    Count,
}

fn spool_path(text: &str) -> Result<PathBuf, String> {
    for scheme in ["sqlite:", "mongodb:", "mongodb+srv:"] {
        if text.starts_with(scheme) {
            return Err("a spool is a file's path (did you mean --store?)".into());
        }
    }
    if text.is_empty() {
        return Err("a spool is a file's path, and it is empty".into());
    }
    Ok(text.into())
}

fn spool_limit(text: &str) -> Result<Size, String> {
    let limit: Size = text.parse()?;
    if limit.bytes() < Size::mib(1).bytes() {
        return Err("a spool needs at least 1MiB".into());
    }
    Ok(limit)
}

/// Where a message is stored before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AckAfter {
    /// On this machine's disk, from which it is delivered to MongoDB.
    Spool,
    /// In the store itself: on the disks of MongoDB's majority, or in the SQLite file.
    Store,
}

/// The spool's path and limit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SpoolPlan {
    /// `None` for the one of this broker, client identifier and store.
    pub(crate) path: Option<PathBuf>,
    pub(crate) limit: Size,
    /// The client identifier that is given, or empty: a random one changes with each run.
    pub(crate) client_id: String,
}

impl StoreArgs {
    /// Returns the store that is given, or else the default.
    pub(crate) fn store(&self, default: StoreUrl) -> StoreUrl {
        self.store.clone().unwrap_or(default)
    }

    /// Returns the spool, if readings go through one on their way to `store`.
    pub(crate) fn spool(&self, store: &StoreUrl, client_id: Option<&str>) -> Option<SpoolPlan> {
        let is_mongodb = matches!(store, StoreUrl::MongoDb(_));
        let acknowledges_late = self.ack_after == Some(AckAfter::Store);
        let is_used = is_mongodb && (self.drains_spool() || !acknowledges_late);
        is_used.then(|| SpoolPlan {
            path: self.drain_spool.clone().or_else(|| self.spool.clone()),
            limit: self.spool_limit,
            client_id: client_id.unwrap_or_default().to_owned(),
        })
    }

    /// Returns whether a spool is delivered, and nothing is received.
    pub(crate) fn drains_spool(&self) -> bool {
        self.drain_spool.is_some()
    }

    /// Returns what is kept of rejections.
    pub(crate) fn keep_rejected(&self) -> KeepRejected {
        match (self.rejected, self.rejected_limit) {
            (Some(Rejected::Count), _) => KeepRejected::Nothing,
            (_, Some(limit)) => KeepRejected::UpTo(limit.bytes()),
            (_, None) => KeepRejected::All,
        }
    }

    /// Returns how long readings are kept, if not for ever.
    pub(crate) fn keep(&self) -> Option<Duration> {
        self.keep
    }

    /// Whether an SQLite file gets rollups.
    pub(crate) fn rollups(&self) -> bool {
        !self.no_rollups
    }

    /// Checks the options of old readings against the store. Only typed options cause an error.
    fn check_keep(store: &StoreUrl, origins: &Origins) -> Result<(), UsageError> {
        let (id, why) = match store {
            StoreUrl::Nowhere if origins.is_typed("keep") => (
                "keep",
                "needs a store, from which it removes readings (give --store)",
            ),
            StoreUrl::Nowhere | StoreUrl::MongoDb(_) if origins.is_typed("no_rollups") => {
                ("no_rollups", "needs an SQLite store (--store sqlite:PATH)")
            }
            _ => return Ok(()),
        };
        Err(UsageError::new(format!("{} {why}", origins.name(id))))
    }

    /// Checks the options of rejections against the store. Only typed options cause an error.
    fn check_rejected(&self, store: &StoreUrl, origins: &Origins) -> Result<(), UsageError> {
        let mut ids = ["rejected", "rejected_limit"].into_iter();
        let typed = ids.find(|id| origins.is_typed(id));
        if let (Some(id), StoreUrl::Nowhere) = (typed, store) {
            let name = origins.name(id);
            return Err(UsageError::new(format!(
                "{name} needs a store: it decides what is stored (give --store)"
            )));
        }
        let counts = self.rejected == Some(Rejected::Count);
        if counts && origins.is_typed("rejected") && origins.is_typed("rejected_limit") {
            let (rejected, limit) = (origins.name("rejected"), origins.name("rejected_limit"));
            return Err(UsageError::new(format!(
                "{limit} cannot be used with {rejected} count, which keeps nothing"
            )));
        }
        Ok(())
    }

    /// Checks the options of the spool against the store. Only typed options cause an error.
    pub(crate) fn check(&self, store: &StoreUrl, origins: &Origins) -> Result<(), UsageError> {
        if cfg!(not(feature = "mongodb")) && matches!(store, StoreUrl::MongoDb(_)) {
            return Err(UsageError::new(WITHOUT_MONGODB.to_owned()));
        }
        #[cfg(feature = "mongodb")]
        if let StoreUrl::MongoDb(url) = store {
            iot_store::mongodb::name(url, "")
                .map_err(|fault| UsageError::new(format!("{fault:#}")))?;
        }
        self.check_rejected(store, origins)?;
        Self::check_keep(store, origins)?;
        let is_typed = |id| origins.is_typed(id);
        let name = |id| origins.name(id);
        let wrong = |line: String| Err(UsageError::new(line));
        let file = match store {
            StoreUrl::Sqlite(path) => Some(("store", path)),
            StoreUrl::MongoDb(_) => self.spool.as_ref().map(|path| ("spool", path)),
            StoreUrl::Nowhere => None,
        };
        if let Some((id, path)) = file {
            check_file(&name(id), path)?;
        }
        let after_store = self.ack_after == Some(AckAfter::Store);
        if is_typed("spool") && is_typed("ack_after") && after_store {
            let (spool, ack_after) = (name("spool"), name("ack_after"));
            return wrong(format!(
                "{spool} cannot be used with {ack_after} store, which uses no spool"
            ));
        }
        let after_spool = is_typed("ack_after") && self.ack_after == Some(AckAfter::Spool);
        let spool = [
            ("ack_after", after_spool),
            ("spool", is_typed("spool")),
            ("drain_spool", self.drains_spool()),
        ];
        let spool = spool.into_iter().find(|(_, is_given)| *is_given);
        if let (Some((id, _)), false) = (spool, matches!(store, StoreUrl::MongoDb(_))) {
            let option = name(id);
            return wrong(format!(
                "{option} needs a MongoDB store (readings for a file are on this disk already)"
            ));
        }
        if is_typed("spool_limit") && self.spool(store, None).is_none() {
            let limit = name("spool_limit");
            return wrong(format!(
                "{limit} needs a spool (a MongoDB store, and not --ack-after store)"
            ));
        }
        Ok(())
    }
}
