//! What is the embedded store's own, and the contract.

use std::num::NonZeroU16;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::*;
use crate::contract::{self, StoredRejection, Subject};
use crate::reading_id::IdGenerator;
use crate::testing;

struct Fixture {
    directory: TempDir,
    ids: IdGenerator,
}

impl Fixture {
    fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            ids: IdGenerator::new(),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("iot.db")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path()).unwrap()
    }

    fn entry(&mut self, millis: i64, topic: &str, payload: &[u8]) -> Entry {
        let now = DateTime::from_timestamp_millis(1_795_428_000_000 + millis).unwrap();
        testing::entry(topic, payload, now, &mut self.ids)
    }

    /// Rows of `query`, with columns joined by `|` as the sqlite3 program does.
    fn rows(&self, query: &str) -> Vec<String> {
        let connection = Connection::open(self.path()).unwrap();
        let mut query = connection.prepare(query).unwrap();
        let columns = query.column_count();
        query
            .query_map([], |row| {
                (0..columns)
                    .map(|column| {
                        Ok(match row.get_ref(column)? {
                            ValueRef::Null => String::new(),
                            ValueRef::Integer(number) => number.to_string(),
                            ValueRef::Real(number) => format!("{number:?}"),
                            ValueRef::Text(text) | ValueRef::Blob(text) => {
                                String::from_utf8_lossy(text).into_owned()
                            }
                        })
                    })
                    .collect::<rusqlite::Result<Vec<_>>>()
                    .map(|row| row.join("|"))
            })
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap()
    }

    /// The error of opening the store, as a person sees it.
    fn refusal(&self) -> String {
        let error = SqliteStore::open(&self.path()).unwrap_err();
        format!("{error:#}").replace(&*self.path().to_string_lossy(), "PATH")
    }
}

fn committed(stored: u64, rejected: u64, duplicates: u64) -> Stored {
    Stored {
        stored,
        rejected,
        duplicates,
        skipped: 0,
    }
}

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
            "a|text|true|2026-11-23T10:00:00.005Z",
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
            "topic = 'a' AND reg_date > '2026-11-23' LIMIT 9",
            "(topic_id=? AND reg_date>?)",
        ),
        ("topic = 'a' ORDER BY reg_date DESC LIMIT 1", "(topic_id=?)"),
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
fn closed_it_is_one_file() {
    let fixture = Fixture::new();
    drop(fixture.open());
    let files: Vec<_> = fixture.directory.path().read_dir().unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[test]
fn a_full_disk_keeps_what_was_there_and_a_later_commit_works() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let first = fixture.entry(0, "a", b"1");
    store.commit(&[first]).unwrap();
    let set_limit = |store: &SqliteStore, pages: i32| {
        let set = |row: &rusqlite::Row<'_>| row.get::<_, i32>(0);
        store
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, set)
            .unwrap();
    };
    set_limit(&store, 30);
    // The topic is new: its id must not be remembered from a transaction that came to nothing.
    let many: Vec<_> = (1..10_000).map(|i| fixture.entry(i, "b", b"2")).collect();
    for _ in 0..2 {
        let error = store.commit(&many).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Retryable::Full));
        assert!(
            format!("{error:#}").ends_with("`: the disk is full"),
            "{error:#}"
        );
    }
    assert_eq!(fixture.rows("select topic, value from sensors"), ["a|1.0"]);
    let third = fixture.entry(1, "a", b"3");
    assert_eq!(store.commit(&[third]).unwrap(), committed(1, 0, 0));
    set_limit(&store, 100_000);
    assert_eq!(store.commit(&many).unwrap(), committed(9_999, 0, 0));
    assert_eq!(
        fixture.rows("select count(*) from sensors where topic = 'b'"),
        ["9999"]
    );
    assert_eq!(fixture.rows("pragma integrity_check"), ["ok"]);
}

#[test]
fn a_reader_is_no_hindrance_and_a_writer_is_named() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    store
        .connection
        .busy_timeout(Duration::from_millis(1))
        .unwrap();
    let other = Connection::open(fixture.path()).unwrap();
    other
        .execute_batch("BEGIN; SELECT * FROM sensors;")
        .unwrap();
    let entry = fixture.entry(0, "a", b"1");
    store.commit(&[entry]).unwrap();
    other.execute_batch("COMMIT; BEGIN IMMEDIATE;").unwrap();
    let entry = fixture.entry(1, "a", b"1");
    let error = store.commit(std::slice::from_ref(&entry)).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Retryable::Locked));
    other.execute_batch("COMMIT;").unwrap();
    assert_eq!(store.commit(&[entry]).unwrap(), committed(1, 0, 0));
}

#[test]
fn a_file_that_is_removed_or_replaced_is_written_to_no_more() {
    let mut fixture = Fixture::new();
    let mut store = fixture.open();
    let entry = fixture.entry(0, "a", b"1");
    store.commit(&[entry]).unwrap();
    let moved = fixture.directory.path().join("old.db");
    std::fs::rename(fixture.path(), moved).unwrap();
    let entry = fixture.entry(1, "a", b"2");
    for _ in 0..2 {
        let error = store.commit(std::slice::from_ref(&entry)).unwrap_err();
        let expected = format!(
            "`{}` was removed while it was in use",
            fixture.path().display()
        );
        assert_eq!(error.to_string(), expected);
        assert!(!error.is::<Retryable>());
        std::fs::write(fixture.path(), "another one").unwrap();
    }
}

#[test]
fn every_commit_is_synced() {
    let fixture = Fixture::new();
    let store = fixture.open();
    let pragma = |name: &str| {
        let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
        store
            .connection
            .pragma_query_value(None, name, value)
            .unwrap()
    };
    assert_eq!(pragma("synchronous"), 2.into());
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("wal_autocheckpoint"), 10_000.into());
}

#[test]
fn a_file_of_somebody_else_is_refused_and_left_alone() {
    let fixture = Fixture::new();
    std::fs::write(
        fixture.path(),
        "no database, but long enough to be read as one",
    )
    .unwrap();
    assert_eq!(
        fixture.refusal(),
        "cannot open store `PATH`: it is not an SQLite database (give another path)"
    );

    std::fs::remove_file(fixture.path()).unwrap();
    let other = Connection::open(fixture.path()).unwrap();
    other.execute_batch("CREATE TABLE sensors (a)").unwrap();
    drop(other);
    let before = std::fs::read(fixture.path()).unwrap();
    assert_eq!(
        fixture.refusal(),
        "cannot open store `PATH`: it is an SQLite database, but not one of iot-sub's (give another path)"
    );
    assert_eq!(std::fs::read(fixture.path()).unwrap(), before);
}

#[test]
fn a_newer_schema_is_refused() {
    let fixture = Fixture::new();
    let store = fixture.open();
    store
        .connection
        .pragma_update(None, "user_version", 7)
        .unwrap();
    drop(store);
    assert_eq!(
        fixture.refusal(),
        "cannot open store `PATH`: its schema is version 7, this iot-sub knows version 2 (use a newer iot-sub)"
    );
}

#[test]
fn a_path_that_cannot_be_opened_is_told_with_the_reason() {
    #[track_caller]
    fn case(path: &Path, expected: &str) {
        let error = SqliteStore::open(path).unwrap_err();
        let shown = format!("cannot open store `{}`: {expected}", path.display());
        assert_eq!(format!("{error:#}"), shown);
    }
    let directory = TempDir::new().unwrap();
    case(&directory.path().join("none/iot.db"), "no such directory");
    case(directory.path(), "is a directory");
    let no_log = "SQLite can't keep a write-ahead log for it (give a file on a local disk)";
    case(Path::new(":memory:"), no_log);
    case(Path::new(""), no_log);
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

fn packet_id(id: u16) -> NonZeroU16 {
    NonZeroU16::new(id).unwrap()
}

fn session(client_id: &str) -> SessionKey {
    SessionKey {
        broker: "b:1883".into(),
        client_id: client_id.into(),
    }
}

#[test]
fn packet_ids_are_found_again_by_the_process_that_takes_up_the_session() {
    let fixture = Fixture::new();
    let open = || fixture.open();
    let changes = [
        Change::Hold(packet_id(1), u64::MAX),
        Change::Hold(packet_id(65_535), 7),
        Change::Hold(packet_id(2), 1),
        Change::Release(packet_id(2)),
        // The broker has rolled back.
        Change::Hold(packet_id(65_535), 8),
    ];
    let mut store = open();
    assert_eq!(store.resume(&session("a")).unwrap(), []);
    store.commit_with(&[], &changes).unwrap();
    drop(store);
    let mut store = open();
    assert_eq!(store.resume(&session("b")).unwrap(), []);
    let changes = [
        Change::Hold(packet_id(1), 5),
        Change::Forget,
        Change::Hold(packet_id(3), 4),
    ];
    store.commit_with(&[], &changes).unwrap();
    drop(store);
    assert_eq!(open().resume(&session("b")).unwrap(), [(packet_id(3), 4)]);
    assert_eq!(
        open().resume(&session("a")).unwrap(),
        [(packet_id(1), u64::MAX), (packet_id(65_535), 8)]
    );
    let mut store = open();
    store.resume(&session("a")).unwrap();
    store.commit_with(&[], &[Change::Forget]).unwrap();
    drop(store);
    assert_eq!(open().resume(&session("a")).unwrap(), []);
}

#[test]
fn a_file_of_version_1_is_taken_over() {
    let fixture = Fixture::new();
    drop(fixture.open());
    let old = "DROP TABLE held; PRAGMA user_version = 1";
    let connection = Connection::open(fixture.path()).unwrap();
    connection.execute_batch(old).unwrap();
    drop(connection);
    assert_eq!(fixture.open().resume(&session("a")).unwrap(), []);
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
                ..Stored::default()
            }
        }

        fn readings(&mut self) -> Vec<(String, Json, String)> {
            self.rows("SELECT topic, value, reg_date FROM sensors", |row| {
                let value = match row.get_ref(1)? {
                    ValueRef::Real(number) => json!(number),
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

    contract::contract(|| {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("iot.db");
        Sqlite {
            store: SqliteStore::open(&path).unwrap(),
            path,
            _folder: folder,
        }
    });
}
