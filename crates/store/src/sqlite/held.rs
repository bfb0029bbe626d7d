//! QoS 2 packet ids that are held: noted in the transaction that commits the message, before PUBREC, and removed in one that
//! is committed before PUBCOMP. They lie beside the readings and outlive their delivery.
//!
//! # What a crash can do
//!
//! One message with QoS 2 passes these points. “We” is this process; the broker keeps the session, and after the crash a new
//! process takes it up with what is on the disk. In each row the message ends up in the store exactly once.
//!
//! | killed after | on the disk | the broker has | what it sends next | what we make of it |
//! |---|---|---|---|---|
//! | PUBLISH was received | nothing | PUBLISH under way | PUBLISH again | the id isn't held: a new message, committed now |
//! | the commit began | nothing: the transaction is rolled back | PUBLISH under way | PUBLISH again | the same |
//! | the commit | reading and id | PUBLISH under way | PUBLISH again, with or without DUP | id held, fingerprint equal: a duplicate; PUBREC, nothing is committed |
//! | PUBREC was handed to the system | reading and id | either: PUBREC may be lost | PUBLISH, or PUBREL | a duplicate as above; or PUBREL for a held id, as below |
//! | PUBREL was received | reading and id | PUBREL under way | PUBREL again | the id's removal is committed, PUBCOMP |
//! | the removal was committed | reading | PUBREL under way | PUBREL again | the id isn't held: PUBCOMP at once, nothing else |
//! | PUBCOMP was handed to the system | reading | either | PUBREL, or a new message under this id | PUBCOMP at once; or a new message, for the id isn't held |
//!
//! With the other order, PUBCOMP before the removal, the last row would lose the new message: its id would still be held, and if
//! its content is the same, it would pass for the old one.
//!
//! What dies beside us:
//!
//! | what happens | what we make of it |
//! |---|---|
//! | the connection breaks at any point, we live | the same rows: what was received is committed in its order, what is acknowledged for an earlier connection is never sent |
//! | the broker has lost the session (session present = 0) | all ids of the session are removed in a commit before we subscribe, so before the new session can bring its first PUBLISH. Killed before that commit, the next process finds a session without subscriptions, and ids that belong to the one before: it suppresses only a message with the same id, topic and payload, which can't come before it has subscribed |
//! | the broker was killed and rolled back | it may use a held id for another message: the fingerprint differs, the message is stored and a line says so. It may send a finished message again as new: the id isn't held any more, it is stored twice, and no client can know |
//! | MQTT 3.1, whose CONNACK doesn't tell whether the session is there | nothing is noted, and nothing held in memory outlives a connection: at least once |
//! | the disk fails | nothing is acknowledged, the program ends |
//!
//! A message with QoS 1 leaves no trace here. Where the connection breaks and we live, one that comes again is told by
//! [`AckToken::is_again`](iot_core::AckToken::is_again): its PUBACK never left, so it waits in the queue or is committed
//! already, and only its acknowledgement is due. Where we die, or the PUBACK may have left, it is stored again.

use iot_core::PacketId;
use rusqlite::{Connection, params};

use super::{Change, SessionKey};

/// The table.
macro_rules! schema {
    () => {
        include_str!("held.sql")
    };
}
pub(super) use schema;

/// What makes a file of version 1 one of version 2: a table that was never used.
pub(super) const UPGRADE: &str = concat!("DROP TABLE IF EXISTS held;", schema!());

/// Returns the ids that a session holds, each with its message's fingerprint.
pub(super) fn read(
    connection: &Connection,
    key: &SessionKey,
) -> rusqlite::Result<Vec<(PacketId, u64)>> {
    let held = "SELECT packet_id, fingerprint FROM held WHERE broker = ? AND client_id = ?";
    let mut held = connection.prepare(held)?;
    let rows = held.query_map((&key.broker, &key.client_id), |row| {
        Ok((row.get::<_, u16>(0)?, row.get::<_, i64>(1)?))
    })?;
    rows.filter_map(|row| match row {
        Ok((id, fingerprint)) => Some(Ok((PacketId::new(id)?, fingerprint.cast_unsigned()))),
        Err(error) => Some(Err(error)),
    })
    .collect()
}

/// Does the changes in their order, within the transaction that `connection` is in.
pub(super) fn apply(
    connection: &Connection,
    key: &SessionKey,
    changes: &[Change],
) -> rusqlite::Result<()> {
    let SessionKey { broker, client_id } = key;
    for change in changes {
        match *change {
            Change::Hold(id, fingerprint) => connection
                .prepare_cached("INSERT OR REPLACE INTO held VALUES (?, ?, ?, ?)")?
                .execute(params![
                    broker,
                    client_id,
                    id.get(),
                    fingerprint.cast_signed()
                ])?,
            Change::Release(id) => connection
                .prepare_cached(
                    "DELETE FROM held WHERE broker = ? AND client_id = ? AND packet_id = ?",
                )?
                .execute(params![broker, client_id, id.get()])?,
            Change::Forget => connection
                .prepare_cached("DELETE FROM held WHERE broker = ? AND client_id = ?")?
                .execute(params![broker, client_id])?,
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::journal::Journal;
    use crate::journal::spool::Spool;
    use crate::journal::sqlite::SqliteStore;

    fn id(id: u16) -> PacketId {
        PacketId::new(id).unwrap()
    }

    fn key(client_id: &str) -> SessionKey {
        SessionKey {
            broker: "b:1883".into(),
            client_id: client_id.into(),
        }
    }

    fn spool(path: &Path) -> Spool {
        Spool::open(path, &|_| ()).unwrap()
    }

    /// The same in both files: what is committed, and what the next process finds.
    fn case(open: impl Fn() -> Box<dyn Journal>) {
        let changes = [
            Change::Hold(id(1), u64::MAX),
            Change::Hold(id(65_535), 7),
            Change::Hold(id(2), 1),
            Change::Release(id(2)),
            // The broker has rolled back.
            Change::Hold(id(65_535), 8),
        ];
        let mut journal = open();
        assert_eq!(journal.resume(&key("a")).unwrap(), []);
        journal.commit_with(&[], &changes).unwrap();
        drop(journal);
        let mut journal = open();
        assert_eq!(journal.resume(&key("b")).unwrap(), []);
        journal
            .commit_with(
                &[],
                &[
                    Change::Hold(id(1), 5),
                    Change::Forget,
                    Change::Hold(id(3), 4),
                ],
            )
            .unwrap();
        drop(journal);
        assert_eq!(open().resume(&key("b")).unwrap(), [(id(3), 4)]);
        assert_eq!(
            open().resume(&key("a")).unwrap(),
            [(id(1), u64::MAX), (id(65_535), 8)]
        );
        let mut journal = open();
        journal.resume(&key("a")).unwrap();
        journal.commit_with(&[], &[Change::Forget]).unwrap();
        drop(journal);
        assert_eq!(open().resume(&key("a")).unwrap(), []);
    }

    /// A spool, without the delivery.
    struct Alone(Spool);

    impl Journal for Alone {
        fn resume(&mut self, key: &SessionKey) -> anyhow::Result<crate::journal::Held> {
            self.0.resume(key)
        }

        fn commit_with(
            &mut self,
            entries: &[crate::reading::Entry],
            changes: &[Change],
        ) -> anyhow::Result<crate::journal::Committed> {
            let everything = i64::MAX;
            self.0.commit_with(entries, changes, everything)?;
            Ok(crate::journal::Committed::default())
        }
    }

    #[test]
    fn ids_are_found_again_by_the_process_that_takes_up_the_session() {
        let folder = TempDir::new().unwrap();
        let (store, path) = (folder.path().join("iot.db"), folder.path().join("s"));
        case(|| Box::new(SqliteStore::open(&store).unwrap()));
        case(|| Box::new(Alone(spool(&path))));
    }

    #[test]
    fn without_a_session_nothing_is_noted() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        spool(&path)
            .commit_with(&[], &[Change::Hold(id(1), 1)], 0)
            .unwrap();
        assert_eq!(spool(&path).resume(&key("")).unwrap(), []);
    }

    #[test]
    fn a_file_of_version_1_is_taken_over() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        drop(spool(&path));
        let old = "DROP TABLE held; CREATE TABLE held (packet_id INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
                   PRAGMA user_version = 1";
        Connection::open(&path).unwrap().execute_batch(old).unwrap();
        let mut new = spool(&path);
        assert_eq!(new.resume(&key("a")).unwrap(), []);
        new.commit_with(&[], &[Change::Hold(id(1), 1)], 0).unwrap();
        drop(new);
        assert_eq!(spool(&path).resume(&key("a")).unwrap(), [(id(1), 1)]);

        let path = folder.path().join("iot.db");
        drop(SqliteStore::open(&path).unwrap());
        let old = "DROP TABLE held; PRAGMA user_version = 1";
        Connection::open(&path).unwrap().execute_batch(old).unwrap();
        assert_eq!(
            SqliteStore::open(&path).unwrap().resume(&key("a")).unwrap(),
            []
        );
    }
}
