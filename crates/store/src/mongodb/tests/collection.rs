//! The collection as the options want it.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::doc;
use testkit::{Mongo, MongoSet};

use super::fixture::{Fixture, insert_in_the_end, runtime, stored};
use crate::contract::{Source, contract_without_unique_ids};
use crate::mongodb::{Granularity, Options, TimeSeries};
use crate::store::Store;

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
fn a_time_series_collection_keeps_the_contract_but_for_unique_ids() {
    let mongo = Mongo::start();
    let runtime = runtime();
    let mut number = 0;
    contract_without_unique_ids(|| {
        number += 1;
        let collection = format!("ts{number}");
        Fixture::used_as(
            time_series(None),
            &mongo.url(),
            &collection,
            Arc::clone(&runtime),
        )
    });
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
fn several_tasks_may_make_the_collection_at_once() {
    let mongo = Mongo::start();
    let runtime = runtime();
    for round in 0..10 {
        let name = format!("ts{round}");
        let fixture =
            Fixture::used_as(time_series(None), &mongo.url(), &name, Arc::clone(&runtime));
        let results = runtime.block_on(async {
            let (a, b, c, d) = tokio::join!(
                fixture.store.ping(),
                fixture.store.ping(),
                fixture.store.ping(),
                fixture.store.ping()
            );
            [a, b, c, d]
        });
        assert_eq!(results, [Ok(()), Ok(()), Ok(()), Ok(())], "round {round}");
    }
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
fn a_replica_set_recognises_a_repeated_insert_into_a_time_series_collection() {
    let set = MongoSet::start();
    let fixture = Fixture::used_as(time_series(None), &set.url(), "ts", runtime());
    let mut source = Source::new();
    // Makes the collection, so that the next insert is all that is profiled.
    let first = [source.entry("iot/a", "1")];
    assert_eq!(fixture.insert_first(&first), Ok(stored(1, 0)));
    fixture.command(doc! {"profile": 2});
    let second = [source.entry("iot/a", "2")];
    assert_eq!(fixture.insert_first(&second), Ok(stored(1, 0)));
    fixture.command(doc! {"profile": 0});
    let operations = fixture.documents("system.profile");
    let commands = { operations.iter() }.filter_map(|it| it.get_document("command").ok());
    let inserts: Vec<_> = commands
        .filter(|command| command.get_str("insert").is_ok_and(|name| name == "ts"))
        .collect();
    assert!(!inserts.is_empty(), "{operations:?}");
    for insert in inserts {
        assert!(insert.contains_key("txnNumber"), "{insert:?}");
    }
}
