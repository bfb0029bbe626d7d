//! Packet identifiers that are held.

use std::num::NonZeroU16;

use rusqlite::Connection;

use super::fixture::Fixture;
use crate::sqlite::held::{Change, SessionKey};

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
