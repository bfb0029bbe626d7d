//! The embedded store: one SQLite file, which is the journal and the store at once.
//!
//! `sqlite3 iot.db 'select topic, value, reg_date from sensors'` shows the readings in order of arrival: a number as
//! REAL (`25.5`), JSON as JSON text (so a JSON string has its quotes: `"open"`), text as it is (`open`), the time as
//! `2026-11-23T10:00:00.123Z`. A query for one topic, with a range of times or without, follows the primary key. One
//! over all topics sorts what it reads: about a second for each million readings. To count them all, ask the table
//! `readings`, which nothing sorts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, ToSql, TransactionBehavior};

use super::disk::{self, Place};
use super::file::{self, Format, explain};
use super::{Change, Committed, Held, Journal, SessionKey, columns, held, keyed};
use crate::reading::{Entry, Reading, Rejection, Value};

const FORMAT: Format = Format {
    // `iots`
    application_id: 0x69_6f_74_73,
    version: 2,
    schema: concat!(include_str!("schema.sql"), held::schema!()),
    settings: &[
        // Few and large checkpoints are fast; the limit gives the log's room back after a burst.
        ("wal_autocheckpoint", 10_000),
        ("journal_size_limit", 64 << 20),
        // In KiB; filled only as far as it is used. One page for each of some thousand topics stays in memory.
        ("cache_size", -16_384),
    ],
};

/// Most topics whose row ids are remembered; beyond it all are looked up again.
const TOPICS_REMEMBERED: usize = 100_000;

/// The embedded store, open.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    connection: Connection,
    file: PathBuf,
    /// Name shown in errors.
    path: String,
    /// Row ids of topics that are committed.
    topics: HashMap<Arc<str>, i64>,
    /// Readings have more than the four fields, in a column of their own.
    has_fields: bool,
    /// Messages make the ids, so that two with the same one mean something.
    keyed: bool,
    /// Whose changes are kept.
    session: Option<SessionKey>,
    /// Where the system has the file.
    place: Option<Place>,
}

impl SqliteStore {
    #[cfg(test)]
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        Self::open_with(path, &[])
    }

    /// Opens the store at `path`, or makes it; readings are to have these fields beside the four.
    ///
    /// # Errors
    ///
    /// A file that can't be opened, isn't an SQLite database, is somebody else's, or was made by a newer version. None
    /// of these files is changed.
    pub(crate) fn open_with(path: &Path, fields: &[Arc<str>]) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let mut connection =
            file::connect(path, &FORMAT).with_context(|| format!("cannot open store `{name}`"))?;
        let has_fields = columns::add(&mut connection, fields)
            .map_err(explain)
            .with_context(|| format!("cannot add fields to store `{name}`"))?;
        Ok(Self {
            connection,
            file: path.to_owned(),
            path: name,
            topics: HashMap::new(),
            has_fields,
            keyed: false,
            session: None,
            place: disk::place(path),
        })
    }

    /// Stores a reading once, whenever it comes again with the same id, and rejects another one with that id.
    ///
    /// # Errors
    ///
    /// The file can't be written.
    pub(crate) fn know_ids(&mut self) -> anyhow::Result<()> {
        self.connection
            .execute_batch(keyed::INDEX)
            .map_err(explain)
            .with_context(|| format!("cannot make ids unique in store `{}`", self.path))?;
        self.keyed = true;
        Ok(())
    }

    fn commit_all(&mut self, entries: &[Entry], changes: &[Change]) -> rusqlite::Result<Committed> {
        if self.topics.len() > TOPICS_REMEMBERED {
            self.topics.clear();
        }
        // Without IMMEDIATE, a second writer would make the first INSERT fail at once instead of waiting.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Topics first seen here: their ids count only once they are committed.
        let mut new_topics = HashMap::new();
        let mut committed = Committed::default();
        {
            // Only a file that was ever asked for fields has that column.
            let mut insert_reading = transaction.prepare_cached(if self.has_fields {
                "INSERT INTO readings (topic_id, reg_date, uid, value, fields) VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT DO NOTHING"
            } else {
                "INSERT INTO readings (topic_id, reg_date, uid, value) VALUES (?, ?, ?, ?)
                 ON CONFLICT DO NOTHING"
            })?;
            let mut insert_rejection = transaction.prepare_cached(
                "INSERT INTO sensors_rejected (topic, payload, length, sha256, reason, reg_date, uid)
                 VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?;
            let mut reject = |rejection: &Rejection, date: &mut Date| {
                insert_rejection.execute((
                    &*rejection.topic,
                    &*rejection.payload,
                    i64::try_from(rejection.length).unwrap_or(i64::MAX),
                    rejection.sha256_hex(),
                    &rejection.reason,
                    date.text(rejection.reg_date),
                    rejection.id.bytes(),
                ))
            };
            let mut date = Date::default();
            for entry in entries {
                let (inserted, count) = match entry {
                    Entry::Reading(reading) => {
                        let known = self.topics.get(&reading.topic);
                        let known = known.or_else(|| new_topics.get(&reading.topic));
                        let topic_id = if let Some(&id) = known {
                            id
                        } else {
                            let id = topic_id(&transaction, &reading.topic)?;
                            new_topics.insert(Arc::clone(&reading.topic), id);
                            id
                        };
                        let once = reading.extra.as_ref().is_some_and(|extra| extra.once);
                        if once && repeats(&transaction, topic_id, reading)? {
                            committed.skipped += 1;
                            continue;
                        }
                        let at = date.text(reading.reg_date);
                        let id = reading.id.bytes();
                        let inserted = if self.has_fields {
                            let fields = columns::text(reading);
                            insert_reading.execute((topic_id, at, id, &reading.value, fields))?
                        } else {
                            insert_reading.execute((topic_id, at, id, &reading.value))?
                        };
                        let there = self.keyed && inserted == 0;
                        if there && keyed::is_other(&transaction, topic_id, reading)? {
                            let conflict = keyed::conflict(reading);
                            (reject(&conflict, &mut date)?, &mut committed.rejected)
                        } else {
                            (inserted, &mut committed.stored)
                        }
                    }
                    Entry::Rejection(rejection) => {
                        if rejection.once && is_rejected(&transaction, rejection)? {
                            committed.skipped += 1;
                            continue;
                        }
                        (reject(rejection, &mut date)?, &mut committed.rejected)
                    }
                };
                if inserted == 0 {
                    committed.duplicates += 1;
                } else {
                    *count += 1;
                }
            }
        }
        if let Some(key) = &self.session {
            held::apply(&transaction, key, changes)?;
        }
        transaction.commit()?;
        self.topics.extend(new_topics);
        Ok(committed)
    }
}

impl Journal for SqliteStore {
    fn resume(&mut self, key: &SessionKey) -> anyhow::Result<Held> {
        let held = held::read(&self.connection, key)
            .map_err(explain)
            .with_context(|| format!("cannot read `{}`", self.path))?;
        self.session = Some(key.clone());
        Ok(held)
    }

    fn commit_with(&mut self, entries: &[Entry], changes: &[Change]) -> anyhow::Result<Committed> {
        if entries.is_empty() && (changes.is_empty() || self.session.is_none()) {
            return Ok(Committed::default());
        }
        // What is written into a file without a name nobody would ever find.
        if disk::place(&self.file) != self.place {
            bail!("`{}` was removed while it was in use", self.path);
        }
        self.commit_all(entries, changes)
            .map_err(explain)
            .with_context(|| format!("cannot store in `{}`", self.path))
    }
}

/// Returns whether the topic's last reading has the same value, and is not this one.
fn repeats(connection: &Connection, topic: i64, reading: &Reading) -> rusqlite::Result<bool> {
    let last = "SELECT value = ?2 AND typeof(value) = typeof(?2) AND uid <> ?3 FROM readings WHERE topic_id = ?1
                ORDER BY reg_date DESC, uid DESC LIMIT 1";
    let same = connection
        .prepare_cached(last)?
        .query_row((topic, &reading.value, reading.id.bytes()), |row| {
            row.get(0)
        })
        .optional()?;
    Ok(same.unwrap_or(false))
}

/// Returns whether the topic's last rejection, if it is among the latest of all, is of the same payload.
fn is_rejected(connection: &Connection, rejection: &Rejection) -> rusqlite::Result<bool> {
    let last =
        "SELECT sha256 = ?2 FROM (SELECT * FROM sensors_rejected ORDER BY rowid DESC LIMIT 10000)
                WHERE topic = ?1 AND uid <> ?3 LIMIT 1";
    let id = rejection.id.bytes();
    let same = connection
        .prepare_cached(last)?
        .query_row((&*rejection.topic, rejection.sha256_hex(), id), |row| {
            row.get(0)
        })
        .optional()?;
    Ok(same.unwrap_or(false))
}

/// Returns the row id of `topic`, which gets one if it has none.
fn topic_id(connection: &Connection, topic: &str) -> rusqlite::Result<i64> {
    let found = connection
        .prepare_cached("SELECT id FROM topics WHERE name = ?")?
        .query_row([topic], |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO topics (name) VALUES (?)")?
        .insert([topic])
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Number(number) => ToSqlOutput::from(*number),
            Self::Json(json) => ToSqlOutput::from(json.to_string()),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

/// Dates as text; those of one batch are mostly the same.
#[derive(Default)]
struct Date {
    of: Option<DateTime<Utc>>,
    text: String,
}

impl Date {
    fn text(&mut self, date: DateTime<Utc>) -> &str {
        if self.of != Some(date) {
            self.text = date.to_rfc3339_opts(SecondsFormat::Millis, true);
            self.of = Some(date);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use bytes::Bytes;
    use tempfile::TempDir;

    use super::*;
    use crate::journal::Retryable;
    use crate::reading::{IdGenerator, PayloadMode, read};

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
            let payload = Bytes::copy_from_slice(payload);
            read(PayloadMode::Text, topic, &payload, now, &mut self.ids)
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

    fn committed(stored: u64, rejected: u64, duplicates: u64) -> Committed {
        Committed {
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
            fixture
                .rows("select topic, hex(payload), length, reason, reg_date from sensors_rejected"),
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
}
