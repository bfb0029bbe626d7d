//! The collection as the options want it: looked at before the first insert, made where it is a
//! time-series collection, sharded, and given an index.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;

use super::collections::Collections;
use super::{failure, sharding};
use crate::failure::Failure;
use crate::mongodb_options::{Options, Report, TimeSeries};

/// Delay between two tries to make the index.
const INDEX_DELAY: Duration = Duration::from_secs(5);

/// There is a collection of that name already.
const NAMESPACE_EXISTS: i32 = 48;

/// What is done already.
#[derive(Debug, Default)]
pub(super) struct Preparation {
    collection: AtomicBool,
    index: AtomicBool,
}

/// What there is on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// The collection, as the options want it.
    AsWanted,
    /// A collection that was made since we looked: of what kind, the next look shows.
    JustMade,
}

impl Preparation {
    /// Does what is to be done before the first insert, if that isn't done yet.
    pub(super) async fn prepare(
        &self,
        collections: &Collections,
        options: &Options,
        report: &Report,
    ) -> Result<(), Failure> {
        if self.collection.load(Ordering::Acquire) {
            return Ok(());
        }
        self.look(collections, options, report).await
    }

    /// Asks the server what the collection is, which shows that it answers, and makes what is
    /// missing.
    pub(super) async fn look(
        &self,
        collections: &Collections,
        options: &Options,
        report: &Report,
    ) -> Result<(), Failure> {
        if self.check(collections, options, report).await? == Found::JustMade {
            // Another task of ours or another process made it between our two requests.
            if self.check(collections, options, report).await? == Found::JustMade {
                return Err(Failure::Unknown(format!(
                    "collection `{}` exists, but the server does not list it",
                    collections.readings.name()
                )));
            }
        }
        Ok(())
    }

    async fn check(
        &self,
        collections: &Collections,
        options: &Options,
        report: &Report,
    ) -> Result<Found, Failure> {
        let name = collections.readings.name();
        // Unlike the command `ping`, this needs a user where the server has users, and no more than
        // that.
        let mut command = doc! {
            "listCollections": 1,
            "filter": {"name": name},
            "nameOnly": true,
            "authorizedCollections": true,
        };
        if options.time_series.is_some() {
            command.remove("nameOnly");
        }
        let found = collections.request(run(collections, command)).await?;
        if self.collection.load(Ordering::Acquire) {
            return Ok(Found::AsWanted);
        }
        let found = first(&found);
        let kind = found.and_then(|found| found.get_str("type").ok());
        match (options.time_series, kind) {
            (Some(wanted), Some("timeseries")) => {
                if options.keep.is_some() {
                    set_expiry(collections, wanted).await?;
                }
                compare_options(collections, wanted, found, options.keep.is_some(), report);
            }
            (Some(_), Some(_)) => {
                return Err(Failure::NotAllowed {
                    reason: format!("`{name}` is there already and no time-series collection"),
                    advice: "choose another name with --collection, or leave out --time-series"
                        .to_owned(),
                });
            }
            (Some(wanted), None) => {
                if create(collections, wanted).await? == Found::JustMade {
                    return Ok(Found::JustMade);
                }
            }
            (None, Some("timeseries")) => {
                return Err(Failure::NotAllowed {
                    reason: format!(
                        "`{name}` is a time-series collection, in which a retry may store twice"
                    ),
                    advice:
                        "allow that with --time-series, or choose another name with --collection"
                            .to_owned(),
                });
            }
            (None, _) => {}
        }
        if options.shards_by_topic {
            sharding::shard_by_topic(collections, report).await?;
        }
        self.collection.store(true, Ordering::Release);
        if options.index && !self.index.swap(true, Ordering::AcqRel) {
            start_index(collections, report);
        }
        Ok(Found::AsWanted)
    }
}

async fn create(collections: &Collections, wanted: TimeSeries) -> Result<Found, Failure> {
    let mut command = doc! {
        "create": collections.readings.name(),
        "timeseries": {
            "timeField": "reg_date",
            "metaField": "topic",
            "granularity": wanted.granularity.name(),
        },
    };
    if let Some(expire_after) = wanted.expire_after {
        command.insert("expireAfterSeconds", seconds(expire_after));
    }
    let Err(error) = collections.answer(run(collections, command)).await? else {
        return Ok(Found::AsWanted);
    };
    match failure::command_code(&error) {
        Some(NAMESPACE_EXISTS) => Ok(Found::JustMade),
        Some(code) if !failure::may_pass(code) => Err(Failure::NotAllowed {
            reason: format!(
                "cannot make time-series collection `{}`: {}",
                collections.readings.name(),
                collections.failure(&error)
            ),
            advice: "MongoDB has them since 5.0; or leave out --time-series".to_owned(),
        }),
        _ => Err(collections.failure(&error)),
    }
}

/// Has the server remove readings of a collection that was there when they are as old as is wanted.
async fn set_expiry(collections: &Collections, wanted: TimeSeries) -> Result<(), Failure> {
    let Some(expire_after) = wanted.expire_after else {
        return Ok(());
    };
    let name = collections.readings.name();
    let command = doc! {"collMod": name, "expireAfterSeconds": seconds(expire_after)};
    collections
        .request(run(collections, command))
        .await
        .map(drop)
}

/// Says where a collection that was there has not been made with these options.
fn compare_options(
    collections: &Collections,
    wanted: TimeSeries,
    found: Option<&Document>,
    is_expiry_set: bool,
    report: &Report,
) {
    let options = found.and_then(|found| found.get_document("options").ok());
    let Some(options) = options else { return };
    let granularity = options
        .get_document("timeseries")
        .and_then(|series| series.get_str("granularity"))
        .unwrap_or("of its own");
    let expires = match options.get("expireAfterSeconds") {
        Some(Bson::Int32(seconds)) => Some(i64::from(*seconds)),
        Some(Bson::Int64(seconds)) => Some(*seconds),
        _ => None,
    };
    let wanted_expiry = wanted.expire_after.map(seconds);
    let expires = if is_expiry_set {
        wanted_expiry
    } else {
        expires
    };
    let same = granularity == wanted.granularity.name() && expires == wanted_expiry;
    if !same {
        report(&format!(
            "`{}` is there already, with granularity {} and {}; that stays as it is",
            collections.name,
            granularity,
            match expires {
                Some(seconds) => format!("expiry after {seconds} s"),
                None => "no expiry".to_owned(),
            }
        ));
    }
}

/// Has the index made, beside the inserts: in a large collection that takes minutes.
fn start_index(collections: &Collections, report: &Report) {
    let (database, collection) = (
        collections.database.clone(),
        collections.readings.name().to_owned(),
    );
    let (monitor, report) = (collections.monitor.clone(), Arc::clone(report));
    let name = collections.name.clone();
    tokio::spawn(async move {
        let key = doc! {"topic": 1, "reg_date": 1};
        let command = doc! {
            "createIndexes": collection,
            "indexes": [{"key": key, "name": "topic_1_reg_date_1"}],
        };
        loop {
            let Err(error) = database.run_command(command.clone()).await else {
                return;
            };
            match failure::command_code(&error) {
                Some(failure::INDEX_OPTIONS_CONFLICT) => return,
                Some(code) if !failure::may_pass(code) => {
                    let failure = monitor.failure(&error, database.name());
                    report(&format!(
                        "cannot make an index for topic and reg_date in `{name}`: {failure}; storing continues without it"
                    ));
                    return;
                }
                _ => tokio::time::sleep(INDEX_DELAY).await,
            }
        }
    });
}

fn run(
    collections: &Collections,
    command: Document,
) -> impl Future<Output = Result<Document, Error>> + Send + use<> {
    let database = collections.database.clone();
    async move { database.run_command(command).await }
}

/// Returns the first document that a command has found.
fn first(reply: &Document) -> Option<&Document> {
    let batch = reply.get_document("cursor").ok()?.get_array("firstBatch");
    batch.ok()?.first()?.as_document()
}

fn seconds(duration: Duration) -> i64 {
    // The server's limit is that of a 32-bit number; with 0 it would remove all at once.
    i64::from(i32::try_from(duration.as_secs().max(1)).unwrap_or(i32::MAX))
}
