//! Documents that the server refuses for their own sake.

use mongodb::bson::doc;
use testkit::Mongo;

use super::fixture::{Fixture, stored};
use crate::contract::Source;

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
    assert_eq!(rejected[0].get_binary_generic("payload").unwrap(), b"123");
    assert_eq!(
        rejected[0].get_str("reason").unwrap(),
        "Document failed validation"
    );
    assert_eq!(
        rejected[1].get_binary_generic("payload").unwrap(),
        b"{\"t\": 200}"
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
