//! Documents that are there already under a reading's id.

use mongodb::bson::{Document, doc};
use testkit::Mongo;

use super::fixture::{Fixture, reading, runtime, stored};
use crate::contract::Source;
use crate::entry::Entry;
use crate::mongodb::{Options, document};
use crate::reading_id::ReadingId;
use crate::store::{SameId, Stored};
use crate::value::Value;

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

/// A store whose ids are made of the messages.
fn with_ids_of_messages(mongo: &Mongo) -> Fixture {
    let use_as = Options {
        same_id: SameId::Conflict,
        ..Options::default()
    };
    Fixture::used_as(use_as, &mongo.url(), "sensors", runtime())
}

fn with_id(source: &mut Source, id: ReadingId, value: &str) -> Entry {
    let entry = source.entry("iot/a", value);
    Entry::Reading(reading(&entry).with_id(id))
}

#[test]
fn where_ids_are_made_of_the_message_the_same_is_a_duplicate_and_another_is_a_conflict() {
    let mongo = Mongo::start();
    let fixture = with_ids_of_messages(&mongo);
    let mut source = Source::new();
    let first = source.entry("iot/a", "1");
    let id = reading(&first).id;
    let mut with_same_id = |value| with_id(&mut source, id, value);
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
    assert_eq!(payloads, [b"2", b"3"]);
    assert_eq!(
        rejected[0].get_str("reason").unwrap(),
        format!("another document has its _id {id}")
    );
}

#[test]
fn readings_of_one_batch_that_have_the_same_id_are_compared_each_by_itself() {
    let mongo = Mongo::start();
    let fixture = with_ids_of_messages(&mongo);
    let mut source = Source::new();
    let first = source.entry("iot/a", "1");
    let id = reading(&first).id;
    let mut with_same_id = |value| with_id(&mut source, id, value);
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
