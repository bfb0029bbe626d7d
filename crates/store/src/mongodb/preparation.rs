//! The collection as the options want it: looked at before the first insert, made where it is a time-series collection,
//! and given an index.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind};

use super::{MongoStore, answer, failure};
use crate::failure::Failure;

/// Delay between two tries to make the index.
const INDEX_DELAY: Duration = Duration::from_secs(5);

/// There is a collection of that name already.
const NAMESPACE_EXISTS: i32 = 48;
/// There is an index of these fields under another name already.
const INDEX_OPTIONS_CONFLICT: i32 = 85;

/// How a time-series collection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSeries {
    /// How far apart readings of one topic usually are.
    pub granularity: Granularity,
    /// Readings older than this are deleted by the server.
    pub expire_after: Option<Duration>,
}

/// How far apart readings of one topic usually are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// Up to about a minute.
    Seconds,
    /// Up to about an hour.
    Minutes,
    /// Up to about a day.
    Hours,
}

impl Granularity {
    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Hours => "hours",
        }
    }
}

/// What is done already.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    collection: AtomicBool,
    index: AtomicBool,
}

impl MongoStore {
    /// Does what is to be done before the first insert, if that isn't done yet.
    pub(super) async fn prepare(&self) -> Result<(), Failure> {
        if self.prepared.collection.load(Ordering::Acquire) {
            return Ok(());
        }
        self.look().await
    }

    /// Asks the server what the collection is, which shows that it answers, and makes what is missing.
    pub(super) async fn look(&self) -> Result<(), Failure> {
        let name = self.readings.name();
        // Unlike the command `ping`, this needs a user where the server has users, and no more than that.
        let mut command = doc! {
            "listCollections": 1,
            "filter": {"name": name},
            "nameOnly": true,
            "authorizedCollections": true,
        };
        if self.options.time_series.is_some() {
            command.remove("nameOnly");
        }
        let found = self.run(command).await;
        let found = found.map_err(|problem| self.failure(problem))?;
        if self.prepared.collection.load(Ordering::Acquire) {
            return Ok(());
        }
        let found = first(&found);
        let kind = found.and_then(|found| found.get_str("type").ok());
        match (self.options.time_series, kind) {
            (Some(options), Some("timeseries")) => self.compare_options(options, found),
            (Some(_), Some(_)) => {
                return Err(Failure::NotAllowed {
                    reason: format!("`{name}` is there already and no time-series collection"),
                    advice: "choose another name with --collection, or leave out --time-series"
                        .to_owned(),
                });
            }
            (Some(options), None) => self.create(options).await?,
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
        self.prepared.collection.store(true, Ordering::Release);
        if self.options.index && !self.prepared.index.swap(true, Ordering::AcqRel) {
            self.start_index();
        }
        Ok(())
    }

    fn failure(&self, problem: Problem) -> Failure {
        match problem {
            Problem::Failure(failure) => failure,
            Problem::Error(error) => self.monitor.failure(&error, self.database.name()),
        }
    }

    async fn create(&self, options: TimeSeries) -> Result<(), Failure> {
        let mut command = doc! {
            "create": self.readings.name(),
            "timeseries": {
                "timeField": "reg_date",
                "metaField": "topic",
                "granularity": options.granularity.name(),
            },
        };
        if let Some(expire_after) = options.expire_after {
            command.insert("expireAfterSeconds", seconds(expire_after));
        }
        let Err(problem) = self.run(command).await else {
            return Ok(());
        };
        match problem {
            Problem::Failure(failure) => Err(failure),
            Problem::Error(error) => match code(&error) {
                // Somebody else was faster: what it is shows the next look.
                Some(NAMESPACE_EXISTS) => Err(Failure::Unknown(
                    "somebody else makes that collection".to_owned(),
                )),
                Some(code) if !failure::may_pass(code) => Err(Failure::NotAllowed {
                    reason: format!(
                        "cannot make time-series collection `{}`: {}",
                        self.readings.name(),
                        self.monitor.failure(&error, self.database.name())
                    ),
                    advice: "MongoDB has them since 5.0; or leave out --time-series".to_owned(),
                }),
                _ => Err(self.monitor.failure(&error, self.database.name())),
            },
        }
    }

    /// Says where a collection that was there has not been made with these options.
    fn compare_options(&self, wanted: TimeSeries, found: Option<&Document>) {
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
        let same =
            granularity == wanted.granularity.name() && expires == wanted.expire_after.map(seconds);
        if !same {
            (self.report)(&format!(
                "`{}` is there already, with granularity {} and {}; that stays as it is",
                self.name,
                granularity,
                match expires {
                    Some(seconds) => format!("expiry after {seconds} s"),
                    None => "no expiry".to_owned(),
                }
            ));
        }
    }

    /// Has the index made, beside the inserts: in a large collection that takes minutes.
    fn start_index(&self) {
        let (database, collection) = (self.database.clone(), self.readings.name().to_owned());
        let (monitor, report) = (self.monitor.clone(), Arc::clone(&self.report));
        let name = self.name.clone();
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
                match code(&error) {
                    Some(INDEX_OPTIONS_CONFLICT) => return,
                    Some(code) if !failure::may_pass(code) => {
                        let failure = monitor.failure(&error, database.name());
                        report(&format!(
                            "cannot make an index for topic and reg_date in `{name}`: {failure}; storing goes on without"
                        ));
                        return;
                    }
                    _ => tokio::time::sleep(INDEX_DELAY).await,
                }
            }
        });
    }

    async fn run(&self, command: Document) -> Result<Document, Problem> {
        let database = self.database.clone();
        let run = tokio::spawn(async move { database.run_command(command).await });
        match answer(run).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(Problem::Error(error)),
            Err(failure) => Err(Problem::Failure(failure)),
        }
    }
}

enum Problem {
    /// There was no answer.
    Failure(Failure),
    Error(Error),
}

/// Returns the first document that a command has found.
fn first(reply: &Document) -> Option<&Document> {
    let batch = reply.get_document("cursor").ok()?.get_array("firstBatch");
    batch.ok()?.first()?.as_document()
}

fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(error) => Some(error.code),
        _ => None,
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
