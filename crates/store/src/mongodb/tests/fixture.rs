//! A store on a real server, and a client that looks at what is in there.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::{Client, Database};
use serde_json::Value as Json;
use testkit::Mongo;
use tokio::runtime::Runtime;

use crate::contract::{Source, StoredRejection, Subject, shown};
use crate::entry::Entry;
use crate::failure::Failure;
use crate::mongodb::{MongoStore, Options, Report};
use crate::reading::Reading;
use crate::received_payload::ReceivedPayload;
use crate::store::{Store, Stored};
use crate::value::Value;

/// A store on a server, and a client that looks at what is in there.
pub(crate) struct Fixture {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) store: MongoStore,
    pub(crate) database: Database,
    pub(crate) collection: String,
}

impl Fixture {
    pub(crate) fn new(mongo: &Mongo) -> Self {
        Self::with(&mongo.url(), "sensors", runtime())
    }

    pub(crate) fn with(url: &str, collection: &str, runtime: Arc<Runtime>) -> Self {
        Self::used_as(Options::default(), url, collection, runtime)
    }

    pub(crate) fn used_as(
        use_as: Options,
        url: &str,
        collection: &str,
        runtime: Arc<Runtime>,
    ) -> Self {
        let report: Report = Arc::new(|_: &str| ());
        let (store, client) = runtime.block_on(async {
            let store = MongoStore::open(url, collection, use_as, report)
                .await
                .unwrap();
            (store, Client::with_uri_str(url).await.unwrap())
        });
        Self {
            runtime,
            store,
            database: client.database("iot_service"),
            collection: collection.to_owned(),
        }
    }

    pub(crate) fn insert(&self, entries: &[Entry]) -> Result<Stored, Failure> {
        self.runtime.block_on(self.store.insert(entries, true))
    }

    pub(crate) fn insert_first(&self, entries: &[Entry]) -> Result<Stored, Failure> {
        self.runtime.block_on(self.store.insert(entries, false))
    }

    pub(crate) fn ping(&self) -> Result<(), Failure> {
        self.runtime.block_on(self.store.ping())
    }

    pub(crate) fn command(&self, command: Document) -> Document {
        self.runtime
            .block_on(async { self.database.run_command(command).await.unwrap() })
    }

    /// Everything in a collection, in order of its ids; unlike the store itself it waits for a
    /// server as long as it takes.
    pub(crate) fn documents(&self, collection: &str) -> Vec<Document> {
        self.runtime.block_on(async {
            let collection = self.database.collection::<Document>(collection);
            let mut found = collection
                .find(doc! {})
                .sort(doc! {"_id": 1})
                .await
                .unwrap();
            let mut documents = Vec::new();
            while found.advance().await.unwrap() {
                documents.push(found.deserialize_current().unwrap());
            }
            documents
        })
    }

    pub(crate) fn stored(&self) -> Vec<Document> {
        self.documents(&self.collection)
    }

    pub(crate) fn rejected(&self) -> Vec<Document> {
        self.documents(&format!("{}_rejected", self.collection))
    }
}

pub(crate) fn runtime() -> Arc<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    Arc::new(runtime.unwrap())
}

pub(crate) const fn stored(stored: u64, rejected: u64) -> Stored {
    Stored {
        stored,
        rejected,
        skipped: 0,
        duplicates: 0,
        readings: stored,
    }
}

/// A reading that no payload makes, with a text of `length` bytes.
pub(crate) fn text(source: &mut Source, length: usize) -> Entry {
    let Entry::Reading(mut reading) = source.entry("iot/text", "x") else {
        unreachable!("it is text");
    };
    reading.value = Value::Text("x".repeat(length));
    reading.payload = ReceivedPayload::default();
    Entry::Reading(reading)
}

/// Repeats an insert until it succeeds.
#[track_caller]
pub(crate) fn insert_in_the_end(fixture: &Fixture, entries: &[Entry]) -> Stored {
    testkit::eventually(Duration::from_mins(1), "the insert succeeds", || {
        fixture.insert(entries).ok()
    })
}

pub(crate) fn reading(entry: &Entry) -> &Reading {
    entry.as_reading().expect("a reading")
}

impl Subject for Fixture {
    fn insert(&mut self, entries: &[Entry]) -> Stored {
        Fixture::insert(self, entries).unwrap()
    }

    fn insert_first(&mut self, entries: &[Entry]) -> Stored {
        Fixture::insert_first(self, entries).unwrap()
    }

    fn readings(&mut self) -> Vec<(String, Json, String)> {
        let row = |document: Document| {
            (
                document.get_str("topic").unwrap().to_owned(),
                serde_json::to_value(document.get("value").unwrap()).unwrap(),
                shown(
                    document
                        .get_datetime("reg_date")
                        .unwrap()
                        .timestamp_millis(),
                ),
            )
        };
        self.stored().into_iter().map(row).collect()
    }

    fn rejections(&mut self) -> Vec<StoredRejection> {
        let row = |document: Document| StoredRejection {
            topic: document.get_str("topic").unwrap().to_owned(),
            payload: document.get_binary_generic("payload").unwrap().clone(),
            length: document.get_i64("length").unwrap(),
            sha256: document.get_str("sha256").unwrap().to_owned(),
            reason: document.get_str("reason").unwrap().to_owned(),
            reg_date: shown(
                document
                    .get_datetime("reg_date")
                    .unwrap()
                    .timestamp_millis(),
            ),
        };
        self.rejected().into_iter().map(row).collect()
    }
}
