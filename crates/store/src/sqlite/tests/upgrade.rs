//! Files of version 2, and messages with several readings.

use std::sync::Arc;

use rusqlite::Connection;

use super::fixture::{Fixture, committed};
use crate::contract::several;
use crate::entry::Entry;
use crate::sqlite::SqliteStore;
use crate::store::Stored;

/// Makes a file of version 2 with a number and a boolean, and fields if `has_fields`.
fn make(fixture: &Fixture, has_fields: bool) {
    let connection = Connection::open(fixture.path()).unwrap();
    let old = include_str!("version_2.sql");
    connection.execute_batch(old).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE held (broker TEXT NOT NULL, client_id TEXT NOT NULL, packet_id INTEGER NOT NULL,
                                fingerprint INTEGER NOT NULL, PRIMARY KEY (broker, client_id, packet_id))
             STRICT, WITHOUT ROWID;
             INSERT INTO topics VALUES (7, 'old');
             INSERT INTO readings VALUES (7, '2026-11-23T09:00:00.000Z', x'000000000000000000000001', 25.5),
                                         (7, '2026-11-23T09:00:01.000Z', x'000000000000000000000002', 'true');
             PRAGMA application_id = 1768911987;
             PRAGMA user_version = 2;",
        )
        .unwrap();
    if has_fields {
        connection
            .execute_batch(
                "ALTER TABLE readings ADD COLUMN fields TEXT;
                 UPDATE readings SET fields = '{\"home\":\"x\"}';
                 DROP VIEW sensors;
                 CREATE VIEW sensors AS
                 SELECT topics.name AS topic, readings.value AS value, readings.reg_date AS reg_date,
                        json_extract(readings.fields, '$.\"home\"') AS \"home\"
                 FROM readings JOIN topics ON topics.id = readings.topic_id
                 ORDER BY readings.reg_date, readings.uid",
            )
            .unwrap();
    }
}

#[test]
fn a_file_of_version_2_continues_and_keeps_its_columns() {
    let mut fixture = Fixture::new();
    make(&fixture, false);
    let before = fixture.rows("SELECT * FROM sensors");
    let mut store = fixture.open();
    assert_eq!(fixture.rows("SELECT * FROM sensors"), before);
    let entries = [
        fixture.entry(0, "old", b"1"),
        fixture.entry(1, "new", b"false"),
    ];
    assert_eq!(store.commit(&entries).unwrap(), committed(2, 0, 0));
    assert_eq!(
        fixture.rows("SELECT * FROM sensors"),
        [
            "old|25.5|2026-11-23T09:00:00.000Z",
            "old|true|2026-11-23T09:00:01.000Z",
            "old|1.0|2026-11-23T10:00:00.000Z",
            "new|0|2026-11-23T10:00:00.001Z"
        ]
    );
    assert_eq!(
        fixture.rows("SELECT id, topic FROM series ORDER BY id"),
        ["7|old", "8|new"]
    );
    assert_eq!(fixture.rows("PRAGMA foreign_key_check"), [""; 0]);
    assert_eq!(fixture.rows("PRAGMA integrity_check"), ["ok"]);

    // The first reading with a metric brings the columns.
    let entry = several(&mut fixture.ids, "old", &[("temp", "1", Some("°C"))]);
    assert_eq!(store.commit(&[entry]).unwrap(), committed(1, 0, 0));
    assert_eq!(
        fixture.rows("SELECT * FROM sensors WHERE topic = 'old'")[2..],
        [
            "old|1.0|2026-11-23T10:00:00.000Z||",
            "old|1.0|2026-11-23T10:00:00.123Z|temp|°C"
        ]
    );
}

#[test]
fn a_file_of_version_2_keeps_its_fields() {
    let mut fixture = Fixture::new();
    make(&fixture, true);
    let before = fixture.rows("SELECT * FROM sensors");
    let fields: [Arc<str>; 1] = ["unit".into()];
    let mut store = SqliteStore::open_with(&fixture.path(), &fields).unwrap();
    let names = "SELECT group_concat(name) FROM pragma_table_info('sensors')";
    assert_eq!(fixture.rows(names), ["topic,value,reg_date,home,unit"]);
    assert_eq!(
        fixture.rows("SELECT topic, value, reg_date, home FROM sensors"),
        before
    );
    let mut entry = fixture.entry(0, "old", b"1");
    if let Entry::Reading(reading) = &mut entry {
        let extra = reading.extra.get_or_insert_default();
        let field = crate::extra::FieldValue::Json("of the topic".into());
        extra.fields.push(("unit".into(), field));
    }
    let more = several(&mut fixture.ids, "old", &[("temp", "1", Some("°C"))]);
    assert_eq!(store.commit(&[entry, more]).unwrap(), committed(2, 0, 0));
    assert_eq!(
        fixture.rows(names),
        ["topic,value,reg_date,metric,unit,home"]
    );
    assert_eq!(
        fixture.rows("SELECT * FROM sensors")[2..],
        [
            "old|1.0|2026-11-23T10:00:00.000Z||of the topic|",
            "old|1.0|2026-11-23T10:00:00.123Z|temp|°C|"
        ]
    );
    // Nothing changes when it is opened again.
    drop(store);
    drop(SqliteStore::open_with(&fixture.path(), &fields).unwrap());
    assert_eq!(
        fixture.rows(names),
        ["topic,value,reg_date,metric,unit,home"]
    );
}

#[test]
fn a_unit_that_changes_does_not_change_the_readings_before() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let mut commit = |store: &mut SqliteStore, unit| {
        let entry = several(&mut fixture.ids, "t", &[("m", "1", unit)]);
        store.commit(&[entry]).unwrap()
    };
    for unit in [None, Some("°C"), Some("°F"), None, Some("°C")] {
        assert_eq!(commit(&mut store, unit), committed(1, 0, 0));
    }
    drop(store);
    let mut store = fixture_open(&fixture);
    let entry = several(&mut fixture.ids, "t", &[("m", "1", Some("K"))]);
    store.commit(&[entry]).unwrap();
    assert_eq!(
        fixture.rows("SELECT unit FROM sensors"),
        ["°C", "°C", "°F", "°F", "°C", "K"]
    );
    assert_eq!(fixture.rows("SELECT unit FROM series"), ["K"]);
}

fn fixture_open(fixture: &Fixture) -> SqliteStore {
    SqliteStore::open(&fixture.path()).unwrap()
}

#[test]
fn one_conflict_rejects_the_message_and_keeps_its_other_readings() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    store.make_ids_unique().unwrap();
    let first = several(&mut fixture.ids, "t", &[("a", "1", None)]);
    let id = first.readings()[0].id;
    store.commit(&[first]).unwrap();
    let mut second = several(&mut fixture.ids, "t", &[("a", "2", None), ("b", "3", None)]);
    if let Entry::Readings(readings) = &mut second {
        readings.readings[0].id = id;
    }
    let expected = Stored {
        rejected: 1,
        readings: 1,
        ..Stored::default()
    };
    assert_eq!(
        store.commit(std::slice::from_ref(&second)).unwrap(),
        expected
    );
    assert_eq!(store.take_refused().len(), 1);
    let rejected = fixture.rows("SELECT cast(payload AS TEXT), length FROM sensors_rejected");
    assert_eq!(rejected, ["{\"a\":2,\"b\":3}|13"]);
    assert_eq!(fixture.rows("SELECT value FROM sensors"), ["1.0", "3.0"]);
    assert_eq!(store.commit(&[second]).unwrap().duplicates, 1);
}
