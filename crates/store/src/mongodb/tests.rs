//! On a real server.

use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mongodb::bson::{Bson, Document, doc};
use serde_json::Value as Json;
use testkit::Mongo;
use tokio::runtime::Runtime;

use super::*;
use crate::contract::{Source, StoredRejection, Subject, contract, shown};
use crate::value::Value;

/// A store on a server, and a client that looks at what is in there.
struct Fixture {
    runtime: Arc<Runtime>,
    store: MongoStore,
    database: Database,
    collection: String,
}

impl Fixture {
    fn new(mongo: &Mongo) -> Self {
        Self::with(&mongo.url(), "sensors", runtime())
    }

    fn with(url: &str, collection: &str, runtime: Arc<Runtime>) -> Self {
        Self::used_as(Options::default(), url, collection, runtime)
    }

    fn used_as(use_as: Options, url: &str, collection: &str, runtime: Arc<Runtime>) -> Self {
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

    fn insert(&self, entries: &[Entry]) -> Result<Stored, Failure> {
        self.runtime.block_on(self.store.insert(entries, true))
    }

    fn insert_first(&self, entries: &[Entry]) -> Result<Stored, Failure> {
        self.runtime.block_on(self.store.insert(entries, false))
    }

    fn ping(&self) -> Result<(), Failure> {
        self.runtime.block_on(self.store.ping())
    }

    fn command(&self, command: Document) -> Document {
        self.runtime
            .block_on(async { self.database.run_command(command).await.unwrap() })
    }

    /// Everything in a collection, in order of its ids; unlike the store itself it waits for a server as long as it takes.
    fn documents(&self, collection: &str) -> Vec<Document> {
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

    fn stored(&self) -> Vec<Document> {
        self.documents(&self.collection)
    }

    fn rejected(&self) -> Vec<Document> {
        self.documents(&format!("{}_rejected", self.collection))
    }
}

fn runtime() -> Arc<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    Arc::new(runtime.unwrap())
}

const fn stored(stored: u64, rejected: u64) -> Stored {
    Stored {
        stored,
        rejected,
        skipped: 0,
        duplicates: 0,
    }
}

/// A reading that no payload makes, with a text of `length` bytes.
fn text(source: &mut Source, length: usize) -> Entry {
    let Entry::Reading(mut reading) = source.entry("iot/text", "x") else {
        unreachable!("it is text");
    };
    reading.value = Value::Text("x".repeat(length));
    Entry::Reading(reading)
}

impl Subject for Fixture {
    fn insert(&mut self, entries: &[Entry]) -> Stored {
        Fixture::insert(self, entries).unwrap()
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

#[test]
fn mongodb_keeps_the_contract() {
    let mongo = Mongo::start();
    let runtime = runtime();
    let mut number = 0;
    contract(|| {
        number += 1;
        Fixture::with(
            &mongo.url(),
            &format!("sensors{number}"),
            Arc::clone(&runtime),
        )
    });
}

#[test]
fn a_document_has_the_four_fields_and_the_id_given_before() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let entry = Source::new().entry("iot/home2/temp", "10");
    let id = entry.id();
    assert_eq!(fixture.insert(&[entry]), Ok(stored(1, 0)));
    let stored = fixture.stored();
    assert_eq!(stored.len(), 1);
    let fields: Vec<_> = stored[0].iter().collect();
    let name = |field: &(&String, &Bson)| field.0.clone();
    assert_eq!(
        fields.iter().map(name).collect::<Vec<_>>(),
        ["_id", "topic", "value", "reg_date"]
    );
    let Bson::ObjectId(found) = fields[0].1 else {
        panic!("no ObjectId: {:?}", fields[0]);
    };
    assert_eq!(found.bytes(), id.bytes());
    assert_eq!(found.to_hex(), id.to_string());
    assert_eq!(fields[1].1, &Bson::String("iot/home2/temp".into()));
    assert_eq!(fields[2].1, &Bson::Double(10.0));
    assert!(matches!(fields[3].1, Bson::DateTime(_)));
}

#[test]
fn every_write_waits_for_majority_and_journal() {
    let mongo = Mongo::start();
    let fixture = Fixture::with(
        &format!("{}/?wtimeoutMS=1", mongo.url()),
        "sensors",
        runtime(),
    );
    fixture.command(doc! {"profile": 2});
    let mut source = Source::new();
    let entries = [source.entry("iot/a", "1"), source.entry("iot/a", "")];
    assert_eq!(fixture.insert(&entries), Ok(stored(1, 1)));
    let inserts: Vec<_> = fixture
        .documents("system.profile")
        .into_iter()
        .filter(|operation| operation.get_str("op").is_ok_and(|op| op == "insert"))
        .collect();
    assert_eq!(inserts.len(), 2);
    for insert in inserts {
        let concern = insert
            .get_document("command")
            .unwrap()
            .get_document("writeConcern")
            .unwrap();
        assert_eq!(
            concern,
            &doc! {"w": "majority", "j": true, "wtimeout": 20_000}
        );
    }
}

#[test]
fn what_a_validator_refuses_is_kept_as_rejected_once() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    fixture.command(doc! {"create": "sensors", "validator": {"value": {"$lt": 100}}});
    let mut source = Source::new();
    let entries = [
        source.entry("iot/a", "1"),
        source.entry("iot/a", "123"),
        source.entry("iot/b", "{\"t\": 200}"),
        source.entry("iot/a", "2"),
    ];
    for _ in 0..2 {
        assert_eq!(fixture.insert(&entries), Ok(stored(2, 2)));
    }
    assert_eq!(fixture.stored().len(), 2);
    let rejected = fixture.rejected();
    assert_eq!(rejected.len(), 2);
    assert_eq!(
        rejected[0].get_object_id("_id").unwrap().bytes(),
        entries[1].id().bytes()
    );
    assert_eq!(rejected[0].get_binary_generic("payload").unwrap(), b"123.0");
    assert_eq!(
        rejected[0].get_str("reason").unwrap(),
        "Document failed validation"
    );
    assert_eq!(
        rejected[1].get_binary_generic("payload").unwrap(),
        b"{\"t\":200}"
    );
}

#[test]
fn a_unique_index_of_the_user_is_no_retry_of_ours() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let index = doc! {"key": {"topic": 1}, "name": "mine", "unique": true};
    fixture.command(doc! {"createIndexes": "sensors", "indexes": [index]});
    let mut source = Source::new();
    // The topic reads like the message of a duplicate id.
    let topic = "E11000 index: _id_ dup key: { _id: 1 }";
    let entries = [source.entry(topic, "1"), source.entry(topic, "2")];
    for _ in 0..2 {
        assert_eq!(fixture.insert(&entries), Ok(stored(1, 1)));
    }
    let rejected = fixture.rejected();
    assert_eq!(rejected.len(), 1);
    let reason = rejected[0].get_str("reason").unwrap();
    assert!(reason.contains(" index: mine dup key: "), "{reason}");
}

#[test]
fn a_rejection_that_cannot_be_kept_is_an_alarm_and_never_dropped() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    fixture.command(doc! {"create": "sensors_rejected", "validator": {"mine": true}});
    let entry = Source::new().entry("iot/a", "");
    assert_eq!(
        fixture.insert(&[entry]).unwrap_err().to_string(),
        "`sensors_rejected` refuses a rejection: Document failed validation (remove the validator or the unique index of that collection)"
    );
}

#[test]
fn a_value_above_the_size_of_a_document_is_rejected_and_large_ones_are_not() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let mut source = Source::new();
    let mut entries = vec![
        source.entry("iot/a", "1"),
        text(&mut source, 17 << 20),
        text(&mut source, (16 << 20) - 200),
    ];
    entries.extend((0..20).map(|_| text(&mut source, 1 << 20)));
    assert_eq!(fixture.insert(&entries), Ok(stored(22, 1)));
    assert_eq!(fixture.stored().len(), 22);
    let rejected = fixture.rejected();
    assert_eq!(rejected.len(), 1);
    assert_eq!(
        rejected[0].get_binary_generic("payload").unwrap().len(),
        1 << 20
    );
    assert_eq!(rejected[0].get_i64("length").unwrap(), 17 << 20);
    let reason = rejected[0].get_str("reason").unwrap();
    assert!(
        reason.ends_with("is above MongoDB's limit of 16777216"),
        "{reason}"
    );
}

/// Repeats an insert until it succeeds.
#[track_caller]
fn insert_in_the_end(fixture: &Fixture, entries: &[Entry]) -> Stored {
    testkit::eventually(Duration::from_mins(1), "the insert succeeds", || {
        fixture.insert(entries).ok()
    })
}

#[test]
fn thousands_refused_at_once_are_counted_each() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let index = doc! {"key": {"topic": 1}, "name": "mine", "unique": true};
    fixture.command(doc! {"createIndexes": "sensors", "indexes": [index]});
    // Each refusal holds the topic twice: 8 MB of documents, and at least as much of reply.
    let topic = "t".repeat(1_500);
    let mut source = Source::new();
    let entries: Vec<_> = (0..5_000).map(|_| source.entry(&topic, "1")).collect();
    assert_eq!(fixture.insert(&entries), Ok(stored(1, 4_999)));
    assert_eq!(fixture.stored().len(), 1);
    assert_eq!(fixture.rejected().len(), 4_999);
}

#[test]
fn a_frozen_server_is_noticed_within_seconds_and_nothing_is_stored_twice() {
    let mut mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let entries = Source::new().numbers(1_000);
    fixture.insert(&entries[..10]).unwrap();
    mongo.freeze();
    for _ in 0..2 {
        let started = Instant::now();
        let failure = fixture.insert(&entries).unwrap_err();
        assert!(
            started.elapsed() < Duration::from_secs(12),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(failure, Failure::Unknown("no answer in time".into()));
    }
    assert_eq!(
        fixture.ping().unwrap_err(),
        Failure::Unknown("no answer in time".into())
    );
    mongo.thaw();
    assert_eq!(insert_in_the_end(&fixture, &entries), stored(1_000, 0));
    assert_eq!(fixture.stored().len(), 1_000);
    assert_eq!(fixture.ping(), Ok(()));
}

#[test]
fn a_server_that_is_away_comes_back_with_what_it_had_acknowledged() {
    let mut mongo = Mongo::reserve();
    let fixture = Fixture::new(&mongo);
    let refused = Failure::Unknown("connection refused".into());
    assert_eq!(fixture.ping().unwrap_err(), refused);
    mongo.start_again();
    let entries = Source::new().numbers(2_000);
    insert_in_the_end(&fixture, &entries[..1_000]);
    mongo.kill();
    assert!(matches!(fixture.insert(&entries), Err(Failure::Unknown(_))));
    assert_eq!(fixture.insert(&entries).unwrap_err(), refused);
    assert!(fixture.store.limit() < BATCH_DOCUMENTS);
    mongo.start_again();
    assert_eq!(fixture.stored().len(), 1_000);
    assert_eq!(insert_in_the_end(&fixture, &entries), stored(2_000, 0));
    assert_eq!(fixture.stored().len(), 2_000);
}

#[test]
fn a_server_that_knows_us_not_is_an_alarm_that_shows_no_password() {
    let mongo = Mongo::builder().args(["--auth"]).start();
    let entry = [Source::new().entry("iot/a", "1")];
    let address = mongo.url().replace("mongodb://", "");
    let runtime = runtime();
    let fixture = |user: &str, options: &str| {
        let url = format!("mongodb://{user}{address}/?{options}");
        Fixture::with(&url, "sensors", Arc::clone(&runtime))
    };

    // The first user can be made without one.
    let first = fixture("", "");
    runtime.block_on(async {
        let admin = Client::with_uri_str(mongo.url())
            .await
            .unwrap()
            .database("admin");
        let user = doc! {"createUser": "root", "pwd": "s%cret:@/", "roles": ["root"]};
        admin.run_command(user).await.unwrap();
    });
    assert_eq!(
        first.insert(&entry).unwrap_err().to_string(),
        "not authorized to write to database `iot_service` (give a user in the URL, one with the role readWrite on that database)"
    );

    let root = fixture("root:s%25cret%3A%40%2F@", "");
    assert_eq!(root.insert(&entry), Ok(stored(1, 0)));
    assert_eq!(
        root.store.name(),
        format!("mongodb://root@{address}/iot_service.sensors")
    );

    for (user, options) in [
        ("root:WRONG@", ""),
        ("root:WRONG@", "authMechanism=SCRAM-SHA-1"),
        ("nobody:WRONG@", ""),
        ("root:s%25cret%3A%40%2F@", "authSource=elsewhere"),
    ] {
        let fixture = fixture(user, options);
        for failure in [
            fixture.insert(&entry).unwrap_err(),
            fixture.ping().unwrap_err(),
        ] {
            assert_eq!(
                failure.to_string(),
                "authentication failed (check user, password and authSource in the URL)",
                "{user} {options}"
            );
        }
    }
}

#[test]
fn tls_that_fails_is_an_alarm() {
    // A server that answers, but not in TLS.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    thread::spawn(move || {
        for stream in server.incoming() {
            // Fails where the client is gone already.
            let _ = stream
                .unwrap()
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let fixture = Fixture::with(
        &format!("mongodb://{address}/?tls=true"),
        "sensors",
        runtime(),
    );
    assert_eq!(
        fixture.ping().unwrap_err().to_string(),
        "TLS failed: received corrupt message of type InvalidContentType (check tls, tlsCAFile and tlsCertificateKeyFile in the URL)"
    );
}

#[test]
fn a_view_is_no_place_to_write_to() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    fixture.command(doc! {"create": "sensors", "viewOn": "others", "pipeline": []});
    let entry = Source::new().entry("iot/a", "1");
    let failure = fixture.insert(&[entry]).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "Namespace iot_service.sensors is a view, not a collection (choose another collection with --collection, or another database in the URL)"
    );
}

#[test]
fn a_host_nobody_knows_is_told_in_few_words() {
    let fixture = Fixture::with("mongodb://u:secret@nowhere.invalid", "sensors", runtime());
    assert_eq!(
        fixture.ping().unwrap_err(),
        Failure::Unknown("host not found".into())
    );
}

#[test]
fn an_error_of_opening_names_the_store_and_the_cause_once() {
    let open = |url: &str, collection: &str| {
        let opened = runtime().block_on(MongoStore::open(
            url,
            collection,
            Options::default(),
            Arc::new(|_: &str| ()),
        ));
        format!("{:#}", opened.err().unwrap())
    };
    assert_eq!(
        check_collection("a$b").unwrap_err().to_string(),
        "`a$b` can't be a collection: no `$`, no NUL, not beginning with `system.`"
    );
    assert_eq!(
        open("mongodb://u:secret@h/?tls=true&tlsCAFile=/none", "s"),
        "cannot use store `mongodb://u@h:27017/iot_service.s`: TLS failed: Unable to parse PEM-encoded root certificate from /none: I/O error: No such file or directory (os error 2) (check tls, tlsCAFile and tlsCertificateKeyFile in the URL)"
    );
    assert_eq!(
        open("mongodb://u:secret@h/?heartbeatFrequencyMS=1", "s"),
        "cannot use store `mongodb://u@h:27017/iot_service.s`: 'heartbeat_freq' must be at least 500ms, but 1ms was given"
    );
}

fn reading(entry: &Entry) -> &Reading {
    entry.as_reading().expect("a reading")
}

/// Puts a document with this reading's id, topic and another value into the collection.
fn occupy(fixture: &Fixture, entry: &Entry) {
    let mut other = reading(entry).clone();
    other.value = Value::Text("theirs".to_owned());
    let other: Document = document::reading(&other).unwrap().try_into().unwrap();
    fixture.command(doc! {"insert": "sensors", "documents": [other]});
}

#[test]
fn another_document_with_a_reading_s_id_is_left_alone_and_the_reading_gets_a_new_one() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let entries = Source::new().numbers(3);
    occupy(&fixture, &entries[1]);
    // A second time, as where the first has not come back.
    for _ in 0..2 {
        assert_eq!(fixture.insert_first(&entries), Ok(stored(3, 0)));
        let found = fixture.stored();
        assert_eq!(found.len(), 4);
        let values: Vec<_> = found
            .iter()
            .map(|document| document.get("value").unwrap().to_string())
            .collect();
        for value in ["0", "1", "2", "\"theirs\""] {
            assert!(values.iter().any(|found| found == value), "{values:?}");
        }
    }
    assert_eq!(fixture.rejected().len(), 0);
}

#[test]
fn what_our_earlier_attempt_has_stored_is_stored_also_where_somebody_has_changed_it_since() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let entries = Source::new().numbers(3);
    assert_eq!(fixture.insert_first(&entries), Ok(stored(3, 0)));
    let update = doc! {"q": {}, "u": {"$set": {"value": 7, "unit": "K"}}, "multi": true};
    fixture.command(doc! {"update": "sensors", "updates": [update]});
    assert_eq!(fixture.insert(&entries), Ok(stored(3, 0)));
    assert_eq!(fixture.stored().len(), 3);
}

#[test]
fn where_ids_are_made_of_the_message_the_same_is_a_duplicate_and_another_is_a_conflict() {
    let mongo = Mongo::start();
    let use_as = Options {
        same_id: SameId::Conflict,
        ..Options::default()
    };
    let fixture = Fixture::used_as(use_as, &mongo.url(), "sensors", runtime());
    let mut source = Source::new();
    let first = source.entry("iot/a", "1");
    let id = reading(&first).id;
    let mut with_same_id = |value: &str| {
        let entry = source.entry("iot/a", value);
        Entry::Reading(reading(&entry).with_id(id))
    };
    let again = with_same_id("1");
    let others = [with_same_id("2"), with_same_id("3")];
    assert_eq!(fixture.insert_first(&[first]), Ok(stored(1, 0)));
    let duplicate = Stored {
        duplicates: 1,
        ..Stored::default()
    };
    assert_eq!(
        fixture.insert_first(std::slice::from_ref(&again)),
        Ok(duplicate)
    );
    // Ours, for all we know: there was an attempt.
    assert_eq!(fixture.insert(&[again]), Ok(stored(1, 0)));
    for _ in 0..2 {
        assert_eq!(fixture.insert_first(&others), Ok(stored(0, 2)));
    }
    assert_eq!(fixture.stored().len(), 1);
    let rejected = fixture.rejected();
    assert_eq!(rejected.len(), 2);
    let mut payloads: Vec<_> = rejected
        .iter()
        .map(|document| document.get_binary_generic("payload").unwrap().as_slice())
        .collect();
    payloads.sort_unstable();
    assert_eq!(payloads, [b"2.0", b"3.0"]);
    assert_eq!(
        rejected[0].get_str("reason").unwrap(),
        format!("another document has its _id {id}")
    );
}

#[test]
fn readings_of_one_batch_that_have_the_same_id_are_compared_each_by_itself() {
    let mongo = Mongo::start();
    let use_as = Options {
        same_id: SameId::Conflict,
        ..Options::default()
    };
    let fixture = Fixture::used_as(use_as, &mongo.url(), "sensors", runtime());
    let mut source = Source::new();
    let first = source.entry("iot/a", "1");
    let id = reading(&first).id;
    let mut with_same_id = |value: &str| {
        let entry = source.entry("iot/a", value);
        Entry::Reading(reading(&entry).with_id(id))
    };
    let others = [with_same_id("1"), with_same_id("2"), with_same_id("1")];
    let batch: Vec<_> = std::iter::once(first).chain(others).collect();
    let expected = Stored {
        duplicates: 2,
        ..stored(1, 1)
    };
    assert_eq!(fixture.insert_first(&batch), Ok(expected));
    assert_eq!(fixture.stored().len(), 1);
    assert_eq!(fixture.rejected().len(), 1);
}

fn time_series(expire_after: Option<Duration>) -> Options {
    Options {
        time_series: Some(TimeSeries {
            granularity: Granularity::Minutes,
            expire_after,
        }),
        ..Options::default()
    }
}

#[test]
fn a_time_series_collection_is_made_and_filled() {
    let mongo = Mongo::start();
    let hour = Some(Duration::from_hours(1));
    let runtime = runtime();
    let fixture = Fixture::used_as(time_series(hour), &mongo.url(), "ts", Arc::clone(&runtime));
    let mut source = Source::new();
    let mut entries: Vec<_> = (0..1_000)
        .map(|i| source.entry(&format!("iot/{}", i % 7), i.to_string()))
        .collect();
    entries.push(source.entry("iot/1", ""));
    assert_eq!(fixture.insert_first(&entries), Ok(stored(1_000, 1)));
    // Here already, for a second process.
    let second = Fixture::used_as(time_series(hour), &mongo.url(), "ts", runtime);
    assert_eq!(
        second.insert_first(&[source.entry("iot/1", "1")]),
        Ok(stored(1, 0))
    );

    let found = fixture.command(doc! {"listCollections": 1, "filter": {"name": "ts"}});
    let found = found.get_document("cursor").unwrap();
    let found = found.get_array("firstBatch").unwrap()[0]
        .as_document()
        .unwrap();
    assert_eq!(found.get_str("type").unwrap(), "timeseries");
    let options = found.get_document("options").unwrap();
    assert_eq!(options.get("expireAfterSeconds"), Some(&3_600_i64.into()));
    let series = options.get_document("timeseries").unwrap();
    assert_eq!(series.get_str("timeField").unwrap(), "reg_date");
    assert_eq!(series.get_str("metaField").unwrap(), "topic");
    assert_eq!(series.get_str("granularity").unwrap(), "minutes");

    let stored = fixture.stored();
    assert_eq!(stored.len(), 1_001);
    let mut fields: Vec<_> = stored[0].keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["_id", "reg_date", "topic", "value"]);
    assert_eq!(fixture.rejected().len(), 1);
    // Sorted by topic, so that few buckets hold them.
    assert_eq!(fixture.documents("system.buckets.ts").len(), 7);
}

#[test]
fn a_collection_of_another_kind_is_refused_and_left_alone() {
    let mongo = Mongo::start();
    let runtime = runtime();
    let plain = Fixture::with(&mongo.url(), "one", Arc::clone(&runtime));
    let entries = Source::new().numbers(2);
    assert_eq!(plain.insert(&entries[..1]), Ok(stored(1, 0)));
    let series = Fixture::used_as(time_series(None), &mongo.url(), "one", Arc::clone(&runtime));
    let expected = "`one` is there already and no time-series collection (choose another name with --collection, or leave \
                    out --time-series)";
    assert_eq!(series.ping().unwrap_err().to_string(), expected);
    assert_eq!(series.insert(&entries).unwrap_err().to_string(), expected);
    assert_eq!(plain.stored().len(), 1);

    let series = Fixture::used_as(time_series(None), &mongo.url(), "two", Arc::clone(&runtime));
    assert_eq!(series.ping(), Ok(()));
    let plain = Fixture::with(&mongo.url(), "two", runtime);
    let failure = plain.insert(&entries).unwrap_err().to_string();
    assert!(
        failure.contains("allow that with --time-series"),
        "{failure}"
    );
    assert_eq!(plain.stored().len(), 0);
}

#[test]
fn an_index_is_made_when_the_server_comes_and_only_once() {
    let mut mongo = Mongo::reserve();
    let runtime = runtime();
    let fixture = || {
        let use_as = Options {
            index: true,
            ..Options::default()
        };
        Fixture::used_as(use_as, &mongo.url(), "sensors", Arc::clone(&runtime))
    };
    let first = fixture();
    let second = fixture();
    assert!(first.ping().is_err());
    mongo.start_again();
    let mut source = Source::new();
    for fixture in [&first, &second] {
        insert_in_the_end(fixture, &[source.entry("iot/a", "1")]);
        testkit::eventually(testkit::DEADLINE, "the index is there", || {
            let indexes = fixture.command(doc! {"listIndexes": "sensors"});
            let indexes = indexes.get_document("cursor").unwrap();
            let indexes = indexes.get_array("firstBatch").unwrap();
            let keys: Vec<_> = indexes
                .iter()
                .map(|index| index.as_document().unwrap().get_document("key").unwrap())
                .collect();
            keys == [&doc! {"_id": 1}, &doc! {"topic": 1, "reg_date": 1}]
        });
    }
}

#[test]
fn that_a_server_is_away_is_known_before_a_call_gives_up() {
    let mongo = Mongo::reserve();
    let url = format!("{}/?serverSelectionTimeoutMS=600000", mongo.url());
    let fixture = Fixture::with(&url, "sensors", runtime());
    fixture.runtime.block_on(async {
        let mut ping = fixture.store.ping();
        let away = async {
            loop {
                if let Some(failure) = fixture.store.away() {
                    return failure;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let failure = tokio::select! {
            failure = away => failure,
            result = &mut ping => panic!("it has given up: {result:?}"),
        };
        assert_eq!(failure, Failure::Unknown("connection refused".into()));
    });
}
