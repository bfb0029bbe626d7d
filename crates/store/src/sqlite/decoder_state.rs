//! What decoders remember beyond the end of a process: a table of keys and bytes, written in the
//! transaction that commits the message which changed it.
//!
//! The table is made when the first key is written, so a file without such decoders does not
//! change.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::Connection;

const CREATE: &str = "CREATE TABLE IF NOT EXISTS decoder_state (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID";

/// Largest value, in bytes. A larger one is not kept.
const VALUE_LIMIT: usize = 1 << 20;

/// A change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateRow {
    /// The key.
    pub key: Arc<str>,
    /// The new value; `None` removes the key.
    pub value: Option<Bytes>,
}

/// Returns all keys and their values.
pub fn read(connection: &Connection) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    if !is_made(connection)? {
        return Ok(Vec::new());
    }
    let mut rows = connection.prepare("SELECT key, value FROM decoder_state ORDER BY key")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// Does the changes, within the transaction that `connection` is in. Of several changes of one key
/// the last counts.
pub fn apply(connection: &Connection, changes: &[StateRow]) -> rusqlite::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    connection.execute_batch(CREATE)?;
    let mut done = HashSet::new();
    for StateRow { key, value } in changes.iter().rev() {
        if !done.insert(&**key) {
            continue;
        }
        match value {
            Some(value) if value.len() <= VALUE_LIMIT => connection
                .prepare_cached("INSERT OR REPLACE INTO decoder_state VALUES (?, ?)")?
                .execute((&**key, &value[..]))?,
            _ => connection
                .prepare_cached("DELETE FROM decoder_state WHERE key = ?")?
                .execute([&**key])?,
        };
    }
    Ok(())
}

fn is_made(connection: &Connection) -> rusqlite::Result<bool> {
    let table = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'decoder_state')";
    connection.query_row(table, [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_change_of_a_key_counts() {
        let connection = Connection::open_in_memory().unwrap();
        assert_eq!(read(&connection).unwrap(), []);
        let set = |key: &str, value: &'static str| StateRow {
            key: key.into(),
            value: Some(Bytes::from_static(value.as_bytes())),
        };
        let remove = |key: &str| StateRow {
            key: key.into(),
            value: None,
        };
        apply(&connection, &[set("a", "1"), set("b", "2"), set("a", "3")]).unwrap();
        let rows = |rows: &[(&str, &str)]| -> Vec<(String, Vec<u8>)> {
            let rows = rows.iter();
            rows.map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
                .collect()
        };
        assert_eq!(read(&connection).unwrap(), rows(&[("a", "3"), ("b", "2")]));
        let large = StateRow {
            key: "b".into(),
            value: Some(vec![0; VALUE_LIMIT + 1].into()),
        };
        apply(
            &connection,
            &[remove("a"), large, set("c", ""), remove("d")],
        )
        .unwrap();
        assert_eq!(read(&connection).unwrap(), rows(&[("c", "")]));
    }
}
