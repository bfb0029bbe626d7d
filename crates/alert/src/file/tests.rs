//! States and reports survive a restart.

use super::*;
use crate::seen::Tag;
use iot_store::alerts::{AlertState, CurrentState};

const DOOR: &str = "mqtt";

fn change(number: i64, phase: Phase, with_event: bool) -> Change {
    let event = Event {
        id: format!("{number:024x}"),
        name: "freezer".into(),
        topic: "a".into(),
        metric: None,
        state: AlertState::Firing,
        repeated: false,
        value: Some(serde_json::json!(-8.5)),
        unit: Some("°C".into()),
        since: 1,
        time: number,
        reason: "because".into(),
    };
    Change {
        name: event.name.clone(),
        topic: event.topic.clone(),
        metric: None,
        phase,
        reason: "why".into(),
        event: with_event.then_some(event),
    }
}

fn firing(number: i64) -> Change {
    let phase = Phase::Firing {
        since: 1,
        reported: number,
    };
    change(number, phase, true)
}

fn open(path: &Path, limit: u64) -> AlertFile {
    AlertFile::open(path, vec![DOOR.into(), "exec".into()], limit).unwrap()
}

#[test]
fn states_and_undelivered_reports_survive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts");
    let mut file = open(&path, 100);
    file.commit(&[change(1, Phase::Pending { since: 1 }, false)], &[])
        .unwrap();
    let mut seen = Seen::new(10);
    seen.add(Tag {
        packet_id: 7,
        fingerprint: 9,
    });
    file.commit(&[firing(2)], &seen.to_bytes()).unwrap();
    file.delivered("exec", &firing(2).event.unwrap().id)
        .unwrap();
    drop(file);

    let mut file = open(&path, 100);
    let found = file.seen(Seen::new(10)).unwrap();
    assert_eq!(found.to_bytes(), seen.to_bytes());
    let states = file.states().unwrap();
    assert_eq!(
        states,
        [Change {
            event: None,
            ..firing(2)
        }]
    );
    let pending = file.next(DOOR).unwrap().unwrap();
    assert_eq!(Some(&pending), firing(2).event.as_ref());
    assert_eq!(file.waiting(DOOR).unwrap(), 1);
    assert_eq!(file.next("exec").unwrap(), None);
    file.commit(&[change(3, Phase::Ok, false)], &[]).unwrap();
    assert_eq!(file.states().unwrap(), []);
    let id = &pending.id;
    file.delivered(DOOR, id).unwrap();
    let events = "SELECT count(*) FROM events";
    let left = |file: &AlertFile| file.connection.query_row(events, [], |row| row.get(0));
    assert_eq!(left(&file), Ok(0));
}

#[test]
fn the_oldest_reports_beyond_the_limit_are_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = open(&folder.path().join("alerts"), 3);
    for number in 1..=5 {
        file.commit(&[firing(number)], &[]).unwrap();
    }
    let next = file.next(DOOR).unwrap().unwrap();
    assert_eq!((next.time, file.waiting(DOOR).unwrap()), (3, 3));
    assert_eq!(file.dropped(DOOR).unwrap(), 2);
    file.give_up(DOOR, &next.id).unwrap();
    assert_eq!(file.dropped(DOOR).unwrap(), 3);
    assert_eq!(file.next(DOOR).unwrap().unwrap().time, 4);
}

#[test]
fn a_newer_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts");
    drop(open(&path, 3));
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 3).unwrap();
    drop(connection);
    let error = AlertFile::open(&path, Vec::new(), 3).unwrap_err();
    assert!(error.to_string().contains("format 3"), "{error}");
}

#[test]
fn the_store_gets_each_state_that_it_does_not_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts");
    let open = || AlertFile::open(&path, vec![STORE.into()], 10).unwrap();
    let mut file = open();
    file.commit(&[change(1, Phase::Pending { since: 1 }, false)], &[])
        .unwrap();
    let (changes, first) = file.changed(10).unwrap();
    let current = changes[0].current.as_ref().unwrap();
    assert_eq!((&*current.reason, current.since), ("why", 1));
    assert_eq!(current.state, CurrentState::Pending);
    // It changes again before the store has it.
    file.commit(&[firing(2)], &[]).unwrap();
    file.stored(first).unwrap();
    drop(file);
    let mut file = open();
    let (changes, second) = file.changed(10).unwrap();
    assert_eq!(changes.len(), 1);
    let current = changes[0].current.as_ref().unwrap();
    assert_eq!(current.state, CurrentState::Firing);
    file.stored(second).unwrap();
    assert_eq!(file.changed(10).unwrap(), (vec![], 0));
    file.commit(&[change(3, Phase::Ok, false)], &[]).unwrap();
    assert_eq!(file.changed(10).unwrap().0[0].current, None);
}

#[test]
fn a_file_of_format_1_is_used_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts");
    let connection = Connection::open(&path).unwrap();
    let schema = SCHEMA.replace(",\n    reason TEXT NOT NULL DEFAULT ''", "");
    connection.execute_batch(&schema).unwrap();
    connection
        .execute_batch("INSERT INTO states VALUES ('hot', 'a', NULL, 1, 2)")
        .unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    let mut file = open(&path, 3);
    assert_eq!(file.states().unwrap().len(), 1);
    file.commit(&[firing(3)], &[]).unwrap();
    assert_eq!(file.waiting(DOOR).unwrap(), 1);
}
