//! What is committed, and the contract of all stores.

use std::process::Command;

use rusqlite::types::ValueRef;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::fixture::{Fixture, committed};
use crate::contract::{StoredRejection, Subject, contract};
use crate::entry::Entry;
use crate::sqlite::SqliteStore;
use crate::store::{SameId, Stored};

#[test]
fn the_view_shows_what_was_received_in_order_of_arrival() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let entries = [
        fixture.entry(3, "z", b"10"),
        fixture.entry(4, "a", b"-0.25"),
        fixture.entry(4, "z", b"{\"b\": 1, \"a\": [true, null, 2.0]}"),
        fixture.entry(4, "a", b"\"open\""),
        fixture.entry(5, "a", b"open"),
        fixture.entry(5, "a", b"true"),
        fixture.entry(999, "a", b"1e400"),
        fixture.entry(60_000, "a", "\u{feff}10 °C".as_bytes()),
    ];
    assert_eq!(store.commit(&entries).unwrap(), committed(8, 0, 0));
    assert_eq!(
        fixture.rows("select topic, typeof(value), value, reg_date from sensors"),
        [
            "z|real|10.0|2026-11-23T10:00:00.003Z",
            "a|real|-0.25|2026-11-23T10:00:00.004Z",
            "z|text|{\"b\":1,\"a\":[true,null,2.0]}|2026-11-23T10:00:00.004Z",
            "a|text|\"open\"|2026-11-23T10:00:00.004Z",
            "a|text|open|2026-11-23T10:00:00.005Z",
            "a|integer|1|2026-11-23T10:00:00.005Z",
            "a|text|1e400|2026-11-23T10:00:00.999Z",
            "a|text|\u{feff}10 °C|2026-11-23T10:01:00.000Z",
        ]
    );
}

#[test]
fn a_query_for_a_topic_and_times_follows_the_key_and_sorts_nothing() {
    let mut fixture = Fixture::new();
    let entry = fixture.entry(0, "a", b"1");
    fixture.open().commit(&[entry]).unwrap();
    for (query, expected) in [
        (
            "topic = 'a' AND metric IS NULL AND reg_date > '2026-11-23' LIMIT 9",
            "(series_id=? AND reg_date>?)",
        ),
        (
            "topic = 'a' AND metric IS NULL ORDER BY reg_date DESC LIMIT 1",
            "(series_id=?)",
        ),
    ] {
        let plan = fixture.rows(&format!(
            "EXPLAIN QUERY PLAN SELECT * FROM sensors WHERE {query}"
        ));
        let plan = plan.join("\n");
        assert!(
            plan.contains(&format!("readings USING PRIMARY KEY {expected}")),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn zero_keeps_its_sign() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let entries = [fixture.entry(1, "a", b"-0"), fixture.entry(2, "a", b"0")];
    store.commit(&entries).unwrap();
    assert_eq!(fixture.rows("select value from sensors"), ["-0.0", "0.0"]);
}

#[test]
fn rejections_are_kept_with_their_payload() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let entries = [fixture.entry(0, "a", b"\xff\0"), fixture.entry(1, "b", b"")];
    assert_eq!(store.commit(&entries).unwrap(), committed(0, 2, 0));
    assert_eq!(store.commit(&entries).unwrap(), committed(0, 0, 2));
    assert_eq!(
        fixture.rows("select topic, hex(payload), length, reason, reg_date from sensors_rejected"),
        [
            "a|FF00|2|not UTF-8|2026-11-23T10:00:00.000Z",
            "b||0|empty payload|2026-11-23T10:00:00.001Z"
        ]
    );
    assert_eq!(
        fixture.rows("select sha256 from sensors_rejected where topic = 'b'"),
        ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]
    );
    assert!(fixture.rows("select * from sensors").is_empty());
}

#[test]
fn a_repeated_commit_stores_once_also_after_opening_again() {
    let mut fixture = Fixture::new();
    let mut entries = vec![fixture.entry(0, "a", b"1"), fixture.entry(0, "a", b"1")];
    assert_eq!(fixture.open().commit(&entries).unwrap(), committed(2, 0, 0));
    entries.push(fixture.entry(0, "a", b"1"));
    assert_eq!(fixture.open().commit(&entries).unwrap(), committed(1, 0, 2));
    assert_eq!(fixture.rows("select count(*) from readings"), ["3"]);
}

#[test]
fn the_sqlite3_program_reads_it() {
    let mut fixture = Fixture::new();
    let entry = fixture.entry(123, "iot/home2/temp", b"25");
    fixture.open().commit(&[entry]).unwrap();
    let output = Command::new("sqlite3")
        .arg(fixture.path())
        .arg("select topic, value, reg_date from sensors")
        .output()
        .expect("cannot run sqlite3: install it with `apt-get install sqlite3`");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "iot/home2/temp|25.0|2026-11-23T10:00:00.123Z\n"
    );
}

#[test]
fn sqlite_keeps_the_contract() {
    struct Sqlite {
        store: SqliteStore,
        path: std::path::PathBuf,
        _folder: TempDir,
    }

    impl Sqlite {
        fn rows<T>(
            &self,
            query: &str,
            row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
        ) -> Vec<T> {
            let connection = rusqlite::Connection::open(&self.path).unwrap();
            let mut query = connection.prepare(query).unwrap();
            query
                .query_map([], row)
                .unwrap()
                .map(Result::unwrap)
                .collect()
        }
    }

    impl Subject for Sqlite {
        fn insert(&mut self, entries: &[Entry]) -> Stored {
            let committed = self.store.commit(entries).unwrap();
            let rejected = entries.iter().filter_map(Entry::as_rejection).count() as u64;
            let total = committed.stored + committed.rejected + committed.duplicates;
            assert_eq!(total, entries.len() as u64);
            Stored {
                stored: total - rejected,
                rejected,
                readings: total - rejected,
                ..Stored::default()
            }
        }

        fn insert_first(&mut self, entries: &[Entry]) -> Stored {
            self.store.commit(entries).unwrap()
        }

        fn readings(&mut self) -> Vec<(String, Json, String)> {
            self.rows("SELECT topic, value, reg_date FROM sensors", |row| {
                let value = match row.get_ref(1)? {
                    ValueRef::Real(number) => json!(number),
                    ValueRef::Integer(number) => json!(number == 1),
                    value => {
                        let text = value.as_str()?;
                        serde_json::from_str(text).unwrap_or_else(|_| json!(text))
                    }
                };
                Ok((row.get(0)?, value, row.get(2)?))
            })
        }

        fn rejections(&mut self) -> Vec<StoredRejection> {
            self.rows("SELECT * FROM sensors_rejected ORDER BY uid", |row| {
                Ok(StoredRejection {
                    topic: row.get("topic")?,
                    payload: row.get("payload")?,
                    length: row.get("length")?,
                    sha256: row.get("sha256")?,
                    reason: row.get("reason")?,
                    reg_date: row.get("reg_date")?,
                })
            })
        }
    }

    contract(|same_id| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("iot.db");
        let mut store = SqliteStore::open(&path).unwrap();
        if same_id == SameId::Conflict {
            store.make_ids_unique().unwrap();
        }
        Sqlite {
            store,
            path,
            _folder: folder,
        }
    });
}
