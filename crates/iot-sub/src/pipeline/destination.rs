//! Where readings are committed: a file, a database, or a spool before a database. It is opened
//! before the connection to the broker; a database that is away is waited for.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use iot_cli::{Signals, StoreUrl};
use iot_store::sqlite::SqliteStore;
#[cfg(feature = "embedded")]
use iot_store::sqlite::held::HeldId;
use iot_store::sqlite::held::{Held, SessionKey};
use iot_store::{Failure, Store};

#[cfg(not(feature = "mongodb"))]
use crate::args::WITHOUT_MONGODB;
use crate::args::{Plan, SpoolPlan, StorePlan};
use crate::output::Messages;
use crate::pipeline::store_away::report_away;
use crate::session::state_path;
use crate::size::Size;
use crate::spool::spool_file::Spool;
use crate::watch::{Gauges, StoreMode};

/// Delay between two attempts to reach a store, after the end of the first.
const DELAY: Duration = Duration::from_secs(1);

/// An open store.
pub(crate) enum DirectStore {
    /// A local file.
    SqliteFile {
        file: Box<SqliteStore>,
        /// The store's name in messages.
        name: String,
    },
    /// A database.
    Database(Arc<dyn Store>),
}

impl DirectStore {
    /// Returns the store's name in messages, without a password.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::SqliteFile { name, .. } => name,
            Self::Database(store) => store.name(),
        }
    }
}

/// Where entries go.
pub(crate) enum Destination {
    /// Nowhere: readings are only printed.
    Nowhere,
    /// To the store.
    Direct(DirectStore),
    /// To a local file, from which they are delivered to a database.
    Spooled {
        spool: Box<Spool>,
        limit: Size,
        store: Arc<dyn Store>,
    },
}

impl Destination {
    /// Returns the store's name in messages, without a password.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Nowhere => "none",
            Self::Direct(store) => store.name(),
            Self::Spooled { store, .. } => store.name(),
        }
    }

    /// Returns the packet identifiers that the sessions at a broker hold; `None` if there is no
    /// file for them.
    ///
    /// # Errors
    /// The file cannot be read.
    #[cfg(feature = "embedded")]
    pub(crate) fn held_at(&self, broker: &str) -> Result<Option<Vec<HeldId>>> {
        match self {
            Self::Direct(DirectStore::SqliteFile { file, .. }) => file.held_at(broker).map(Some),
            Self::Spooled { spool, .. } => spool.held_at(broker).map(Some),
            Self::Nowhere | Self::Direct(DirectStore::Database(_)) => Ok(None),
        }
    }

    /// Returns what decoders have learned in earlier runs, by its keys.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn decoder_state(&self) -> Result<Vec<(String, Vec<u8>)>> {
        match self {
            Self::Direct(DirectStore::SqliteFile { file, .. }) => file.decoder_state(),
            Self::Spooled { spool, .. } => spool.decoder_state(),
            Self::Nowhere | Self::Direct(DirectStore::Database(_)) => Ok(Vec::new()),
        }
    }

    /// Returns the packet identifiers that a session holds; `None` if there is no file for them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn held(&self, key: &SessionKey) -> Result<Option<Held>> {
        match self {
            Self::Direct(DirectStore::SqliteFile { file, .. }) => file.held(key).map(Some),
            Self::Spooled { spool, .. } => spool.held(key).map(Some),
            Self::Nowhere | Self::Direct(DirectStore::Database(_)) => Ok(None),
        }
    }
}

/// The result of [`open`].
pub(crate) enum Opened {
    /// The store has answered, or there is a spool before it.
    Open(Destination),
    /// A signal came first.
    Interrupted,
}

/// Opens the store. Waits for a database that is away, and reports that once.
///
/// # Errors
/// The store cannot be used; with `--fail-fast` also if it is away.
pub(crate) async fn open(
    plan: &Plan,
    signals: &mut Signals,
    gauges: &Gauges,
    messages: &Messages,
) -> Result<Opened> {
    let destination = match &plan.store.url {
        StoreUrl::Nowhere => Destination::Nowhere,
        StoreUrl::Sqlite(path) => {
            let report = |line| messages.report(&line);
            let fields = plan.intake.fields.names();
            let mut store = SqliteStore::open_reporting(path, &fields, &report)?;
            store.keep_rejected(plan.store.rejected);
            store.keep_rollups(plan.store.rollups)?;
            if let Some(keep) = plan.store.keep {
                store.keep_for(keep);
            }
            if !plan.intake.fields.keys.id.is_empty() {
                store.make_ids_unique()?;
            }
            Destination::Direct(DirectStore::SqliteFile {
                file: Box::new(store),
                name: path.display().to_string(),
            })
        }
        StoreUrl::MongoDb(url) => {
            let store = open_mongodb(url, &plan.store, messages).await?;
            let spool = match &plan.store.spool {
                Some(spool) => tokio::select! {
                    open = open_spool(spool, plan, store.name(), gauges, messages) => Some((open?, spool.limit)),
                    () = signals.next() => return Ok(Opened::Interrupted),
                },
                None => None,
            };
            // With a spool the database may be away while messages are received.
            if spool.is_none() || plan.fail_fast.is_on() || plan.store.drains_spool {
                gauges.set_store_mode(StoreMode::Direct);
                tokio::select! {
                    answered = wait_for(&*store, plan.fail_fast.is_on(), messages) => answered?,
                    () = signals.next() => return Ok(Opened::Interrupted),
                }
            }
            match spool {
                Some((spool, limit)) => Destination::Spooled {
                    spool: Box::new(spool),
                    limit,
                    store,
                },
                None => Destination::Direct(DirectStore::Database(store)),
            }
        }
    };
    Ok(Opened::Open(destination))
}

/// Prepares for the database at `url`, whether it is there or not.
#[cfg(feature = "mongodb")]
async fn open_mongodb(url: &str, plan: &StorePlan, messages: &Messages) -> Result<Arc<dyn Store>> {
    let (collection, options) = (&plan.collection, plan.mongodb.clone());
    let lines = messages.clone();
    let report: iot_store::mongodb_options::Report =
        Arc::new(move |line: &str| lines.report(&line));
    let store = iot_store::mongodb::MongoStore::open(url, collection, options, report).await?;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "mongodb"))]
#[expect(clippy::unused_async, reason = "the other build waits")]
async fn open_mongodb(_: &str, _: &StorePlan, _: &Messages) -> Result<Arc<dyn Store>> {
    bail!(WITHOUT_MONGODB)
}

/// Opens the spool on a thread of its own: checking a large file takes seconds, and salvaging a
/// damaged one takes longer.
async fn open_spool(
    spool: &SpoolPlan,
    plan: &Plan,
    store: &str,
    gauges: &Gauges,
    messages: &Messages,
) -> Result<Spool> {
    let path = match &spool.path {
        Some(path) => path.clone(),
        None => state_path::spool(&plan.broker(), &spool.client_id, store)?,
    };
    let (store, messages) = (store.to_owned(), messages.clone());
    let advice = if plan.store.drains_spool {
        "end it first"
    } else {
        "give this one an --id of its own, or another --spool"
    };
    let open = move || {
        let spool = Spool::open(&path, advice, &|line| messages.report(&line))?;
        spool.supply(&store)?;
        Ok(spool)
    };
    gauges.set_opening(true);
    let spool = tokio::task::spawn_blocking(open).await?;
    gauges.set_opening(false);
    spool
}

/// Waits until the store answers.
async fn wait_for(store: &dyn Store, fail_fast: bool, messages: &Messages) -> Result<()> {
    let mut reported: Vec<Failure> = Vec::new();
    let mut report = |failure: Failure| {
        if !reported.contains(&failure) {
            messages.report(&format_args!(
                "waiting for store `{}`: {failure}",
                store.name()
            ));
            reported.push(failure);
        }
    };
    loop {
        let known = |failure| {
            if !fail_fast {
                report(failure);
            }
        };
        let Err(failure) = report_away(store, store.ping(), known).await else {
            return Ok(());
        };
        let away = matches!(failure, Failure::Unknown(_));
        if !away || fail_fast {
            bail!("cannot use store `{}`: {failure}", store.name());
        }
        report(failure);
        tokio::time::sleep(DELAY).await;
    }
}
