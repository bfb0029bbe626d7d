//! Packet identifiers that are held.

use std::num::NonZeroU16;
use std::sync::Arc;

use rusqlite::Connection;

use super::fixture::Fixture;
use crate::sqlite::held::{Change, SessionChange, SessionKey};

fn packet_id(id: u16) -> NonZeroU16 {
    NonZeroU16::new(id).unwrap()
}

fn session(client_id: &str) -> SessionKey {
    SessionKey {
        broker: "b:1883".into(),
        client_id: client_id.into(),
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
    assert_eq!(store.held(&session("a")).unwrap(), []);
    store.commit_with(&[], &of("a", &changes)).unwrap();
    drop(store);
    let mut store = open();
    assert_eq!(store.held(&session("b")).unwrap(), []);
    let changes = [
        Change::Hold(packet_id(1), 5),
        Change::Forget,
        Change::Hold(packet_id(3), 4),
    ];
    store.commit_with(&[], &of("b", &changes)).unwrap();
    drop(store);
    let all = open().held_at("b:1883").unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.contains(&("b".to_owned(), packet_id(3), 4)), "{all:?}");
    assert_eq!(open().held_at("b").unwrap(), []);
    assert_eq!(open().held(&session("b")).unwrap(), [(packet_id(3), 4)]);
    assert_eq!(
        open().held(&session("a")).unwrap(),
        [(packet_id(1), u64::MAX), (packet_id(65_535), 8)]
    );
    let mut store = open();
    store.commit_with(&[], &of("a", &[Change::Forget])).unwrap();
    drop(store);
    assert_eq!(open().held(&session("a")).unwrap(), []);
}

#[test]
fn a_file_of_version_1_is_taken_over() {
    let fixture = Fixture::new();
    let connection = Connection::open(fixture.path()).unwrap();
    let old = include_str!("version_2.sql");
    connection.execute_batch(old).unwrap();
    let version_1 = format!(
        "PRAGMA application_id = {}; PRAGMA user_version = 1",
        0x69_6f_74_73
    );
    connection.execute_batch(&version_1).unwrap();
    drop(connection);
    assert_eq!(fixture.open().held(&session("a")).unwrap(), []);
}
