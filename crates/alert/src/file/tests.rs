//! States and reports survive a restart.

use super::*;
use crate::event::AlertState;

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
    file.commit(&[change(1, Phase::Pending { since: 1 }, false)])
        .unwrap();
    file.commit(&[firing(2)]).unwrap();
    file.delivered("exec", &firing(2).event.unwrap().id)
        .unwrap();
    drop(file);

    let mut file = open(&path, 100);
    let states = file.states().unwrap();
    assert_eq!(
        states,
        [Change {
            event: None,
            ..firing(2)
        }]
    );
    let pending = file.next(DOOR).unwrap().unwrap();
    assert_eq!(Some(&pending.event), firing(2).event.as_ref());
    assert_eq!(pending.waiting, 1);
    assert_eq!(file.next("exec").unwrap(), None);
    file.commit(&[change(3, Phase::Ok, false)]).unwrap();
    assert_eq!(file.states().unwrap(), []);
    assert_eq!(file.history(5).unwrap().len(), 1);
}

#[test]
fn the_oldest_reports_beyond_the_limit_are_dropped_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = open(&folder.path().join("alerts"), 3);
    for number in 1..=5 {
        file.commit(&[firing(number)]).unwrap();
    }
    let next = file.next(DOOR).unwrap().unwrap();
    assert_eq!((next.event.time, next.waiting), (3, 3));
    assert_eq!(file.dropped(DOOR).unwrap(), 2);
    file.give_up(DOOR, &next.event.id).unwrap();
    assert_eq!(file.dropped(DOOR).unwrap(), 3);
    assert_eq!(file.next(DOOR).unwrap().unwrap().event.time, 4);
}

#[test]
fn a_newer_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts");
    drop(open(&path, 3));
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    drop(connection);
    let error = AlertFile::open(&path, Vec::new(), 3).unwrap_err();
    assert!(error.to_string().contains("format 2"), "{error}");
}
