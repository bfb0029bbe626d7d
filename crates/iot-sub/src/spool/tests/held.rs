//! Packet identifiers that are held.

use std::io::SeekFrom;
use std::num::NonZeroU16;
use std::sync::Arc;

use iot_store::sqlite::held::{Change, SessionChange, SessionKey};
use rusqlite::Connection;

use super::fixture::Fixture;
use crate::spool::spool_file::Content;

fn packet_id(id: u16) -> NonZeroU16 {
    NonZeroU16::new(id).unwrap()
}

fn session(client_id: &str) -> SessionKey {
    SessionKey {
        broker: "b:1883".to_owned(),
        client_id: client_id.to_owned(),
    }
}

fn of(client_id: &str, changes: &[Change]) -> Vec<SessionChange> {
    let session = Arc::new(session(client_id));
    let change = |change: &Change| SessionChange {
        session: Arc::clone(&session),
        change: *change,
    };
    changes.iter().map(change).collect()
}

#[test]
fn packet_ids_that_are_held_are_found_again() {
    let fixture = Fixture::new();
    let changes = [
        Change::Hold(packet_id(1), u64::MAX),
        Change::Hold(packet_id(2), 1),
        Change::Release(packet_id(2)),
    ];
    let mut spool = fixture.open();
    assert_eq!(spool.held(&session("a")).unwrap(), []);
    spool.commit_changes(&of("a", &changes)).unwrap();
    drop(spool);
    let mut spool = fixture.open();
    assert_eq!(
        spool.held_at("b:1883").unwrap(),
        [("a".to_owned(), packet_id(1), u64::MAX)]
    );
    assert_eq!(spool.held(&session("b")).unwrap(), []);
    assert_eq!(
        spool.held(&session("a")).unwrap(),
        [(packet_id(1), u64::MAX)]
    );
    spool.commit_changes(&of("a", &[Change::Forget])).unwrap();
    drop(spool);
    assert_eq!(fixture.open().held(&session("a")).unwrap(), []);
}

#[test]
fn a_file_of_version_1_is_taken_over() {
    let fixture = Fixture::new();
    drop(fixture.open());
    let old = "DROP TABLE held; CREATE TABLE held (packet_id INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
               PRAGMA user_version = 1";
    let connection = Connection::open(fixture.path()).unwrap();
    connection.execute_batch(old).unwrap();
    drop(connection);
    let mut spool = fixture.open();
    assert_eq!(spool.held(&session("a")).unwrap(), []);
    let changes = [Change::Hold(packet_id(1), 1)];
    spool.commit_changes(&of("a", &changes)).unwrap();
    drop(spool);
    assert_eq!(
        fixture.open().held(&session("a")).unwrap(),
        [(packet_id(1), 1)]
    );
}

#[test]
fn packet_ids_that_are_held_are_salvaged_and_the_store_s_name() {
    let mut fixture = Fixture::new();
    let key = session("c");
    let entries = fixture.entries(0..2_000, 50);
    let mut spool = fixture.open();
    spool.supply("a").unwrap();
    let held = [(packet_id(7), u64::MAX), (packet_id(65_535), 1)];
    let changes = held.map(|(id, fingerprint)| Change::Hold(id, fingerprint));
    let changes = of("c", &changes);
    let content = Content {
        entries: &entries,
        changes: &changes,
        ..Content::default()
    };
    spool.commit_with(content, 0).unwrap();
    spool.fold().unwrap();
    drop(spool);
    fixture.write_at(SeekFrom::Start(20 * 4_096), &[0xa5; 4_096]);
    let spool = fixture.open();
    assert_eq!(fixture.lines.take().len(), 3);
    assert!(spool.len() < 2_000, "{}", spool.len());
    assert_eq!(spool.held(&key).unwrap(), held);
    assert!(spool.supply("b").is_err());
}
