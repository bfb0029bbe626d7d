//! What is written, and the contract of all stores.

use std::sync::Arc;

use mongodb::bson::{Bson, doc};
use testkit::Mongo;

use super::fixture::{Fixture, runtime, stored, text};
use crate::contract::{Source, contract};
use crate::mongodb::Options;

#[test]
fn mongodb_keeps_the_contract() {
    let mongo = Mongo::start();
    let runtime = runtime();
    let mut number = 0;
    contract(|same_id| {
        number += 1;
        let use_as = Options {
            same_id,
            ..Options::default()
        };
        let collection = format!("sensors{number}");
        Fixture::used_as(use_as, &mongo.url(), &collection, Arc::clone(&runtime))
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
