//! The commands that shard a collection, against a scripted mongos: no real one was used.

use std::sync::{Arc, Mutex};

use mongodb::bson::{Document, doc};
use testkit::{Mongo, MongosCommand, ScriptedMongos};

use super::fixture::{Fixture, runtime};
use crate::contract::Source;
use crate::mongodb::{MongoStore, Options, Report};
use crate::store::Store;

fn sharded() -> Options {
    Options {
        shards_by_topic: true,
        ..Options::default()
    }
}

/// Stores a reading twice, and returns what was reported and asked.
fn store(mongos: &ScriptedMongos) -> (Vec<String>, Vec<MongosCommand>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let report: Report = Arc::new(move |line: &str| sink.lock().unwrap().push(line.to_owned()));
    runtime().block_on(async {
        let url = mongos.url();
        let store = MongoStore::open(&url, "sensors", sharded(), report)
            .await
            .unwrap();
        let mut source = Source::new();
        for _ in 0..2 {
            let entry = source.entry("iot/a", "1.5");
            assert_eq!(store.insert(&[entry], false).await.unwrap().stored, 1);
        }
    });
    let lines = lines.lock().unwrap().clone();
    (lines, mongos.commands())
}

fn parsed(bson: &[u8]) -> Document {
    Document::from_reader(bson).unwrap()
}

fn named<'a>(asked: &'a [MongosCommand], name: &str) -> Vec<&'a MongosCommand> {
    asked
        .iter()
        .filter(|command| command.name == name)
        .collect()
}

#[test]
fn a_mongos_shards_the_collection_once_before_the_first_insert() {
    let (lines, asked) = store(&ScriptedMongos::start());
    assert_eq!(lines, Vec::<String>::new());
    let names: Vec<_> = asked.iter().map(|command| &*command.name).collect();
    let at = |name| names.iter().position(|it| *it == name).unwrap();
    assert!(at("enableSharding") < at("createIndexes"), "{names:?}");
    assert!(at("createIndexes") < at("shardCollection"), "{names:?}");
    assert!(at("shardCollection") < at("insert"), "{names:?}");
    let [command] = named(&asked, "shardCollection")[..] else {
        panic!("{names:?}");
    };
    let command = parsed(&command.body);
    assert_eq!(
        command.get_str("shardCollection").unwrap(),
        "iot_service.sensors"
    );
    assert_eq!(command.get_str("$db").unwrap(), "admin");
    let key = doc! {"topic": "hashed", "_id": 1};
    assert_eq!(command.get_document("key").unwrap(), &key);
    let inserts = named(&asked, "insert");
    assert_eq!(inserts.len(), 2);
    for insert in inserts {
        for document in &insert.documents {
            let document = parsed(document);
            assert!(
                key.keys().all(|field| document.contains_key(field)),
                "{document}"
            );
        }
    }
}

#[test]
fn what_cannot_be_sharded_is_stored_all_the_same() {
    for (mongos, expected) in [
        (
            ScriptedMongos::single_server(),
            "is not sharded: the server is not the mongos of a sharded cluster",
        ),
        (
            ScriptedMongos::refusing("shardCollection", 23),
            "is sharded by another key already; that stays as it is",
        ),
        (
            ScriptedMongos::refusing("shardCollection", 72),
            "it is scripted; storing continues without it",
        ),
    ] {
        let (lines, asked) = store(&mongos);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(expected), "{lines:?}");
        assert_eq!(named(&asked, "insert").len(), 2);
    }
}

/// A real server has this index, which shows at least that the key is one.
#[test]
fn a_server_accepts_an_index_of_the_shard_key() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let index = doc! {"key": {"topic": "hashed", "_id": 1}, "name": "topic_hashed__id_1"};
    let reply = fixture.command(doc! {"createIndexes": "sensors", "indexes": [index]});
    assert!(reply.get_f64("ok").unwrap() > 0.5);
}
