//! A store in a file of its own.

use std::path::PathBuf;

use chrono::DateTime;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

use crate::entry::Entry;
use crate::reading_id::IdGenerator;
use crate::sqlite::SqliteStore;
use crate::store::Stored;
use crate::testing;

pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    pub(crate) ids: IdGenerator,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            ids: IdGenerator::new(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("iot.db")
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path()).unwrap()
    }

    pub(crate) fn entry(&mut self, millis: i64, topic: &str, payload: &[u8]) -> Entry {
        let now = DateTime::from_timestamp_millis(1_795_428_000_000 + millis).unwrap();
        testing::entry(topic, payload, now, &mut self.ids)
    }

    /// Rows of `query`, with columns joined by `|` as the sqlite3 program does.
    pub(crate) fn rows(&self, query: &str) -> Vec<String> {
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
    pub(crate) fn refusal(&self) -> String {
        let error = SqliteStore::open(&self.path()).unwrap_err();
        format!("{error:#}").replace(&*self.path().to_string_lossy(), "PATH")
    }
}

pub(crate) fn committed(stored: u64, rejected: u64, duplicates: u64) -> Stored {
    Stored {
        stored,
        rejected,
        duplicates,
        skipped: 0,
        readings: stored,
    }
}
