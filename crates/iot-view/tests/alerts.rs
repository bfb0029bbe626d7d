//! `iot-view alerts`: what is firing, pending, and was reported.

mod common;

use common::{DAY, Store, current, event, number, view};
use iot_store::alerts::{AlertState, AlertWriter, CurrentState, open};
use serde_json::Value as Json;

fn writer(store: &mut Store) -> Box<dyn AlertWriter> {
    store.insert(&[("iot/a", number(1.0), None, DAY)]);
    open(&store.url(), "sensors").expect("a store")
}

#[test]
fn what_is_firing_comes_first_and_then_the_history() {
    let mut store = Store::new();
    let mut writer = writer(&mut store);
    let states = [
        current("iot/b", CurrentState::Pending),
        current("iot/\u{1b}[2J", CurrentState::Firing),
    ];
    writer.write_states(&states).unwrap();
    let events = [
        event(1, "iot/b", AlertState::Firing),
        event(2, "iot/b", AlertState::Ok),
    ];
    writer.write_events(&events).unwrap();
    let done = view(&store, &["alerts"]);
    assert_eq!((done.code, &*done.stderr), (0, ""));
    let lines: Vec<_> = done.stdout.lines().collect();
    assert!(
        lines[0].starts_with("now      alert  series"),
        "{}",
        lines[0]
    );
    assert!(
        lines[1].starts_with("firing   hot    iot/\\u{1b}[2J"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].starts_with("pending  hot    iot/b"),
        "{}",
        lines[2]
    );
    assert_eq!(lines[3], "");
    assert_eq!(
        lines[5..],
        [
            "2026-06-21 02:00:00  ok      hot    iot/b   31.5 °C (> 30)",
            "2026-06-21 01:00:00  firing  hot    iot/b   31.5 °C (> 30)",
        ]
    );
    let other = view(&store, &["alerts", "iot/c"]);
    assert_eq!(other.stdout, "");
    let since = view(
        &store,
        &["alerts", "iot/b", "--since", "2026-06-21T01:30:00Z"],
    )
    .stdout;
    assert!(
        since.contains("02:00:00  ok") && !since.contains("01:00:00"),
        "{since}"
    );
    let last = view(&store, &["alerts", "--last", "1"]).stdout;
    assert!(
        last.contains("02:00:00  ok") && !last.contains("01:00:00"),
        "{last}"
    );
}

#[test]
fn as_json_each_line_is_an_object() {
    let mut store = Store::new();
    let mut writer = writer(&mut store);
    writer
        .write_states(&[current("iot/b", CurrentState::Firing)])
        .unwrap();
    writer
        .write_events(&[event(1, "iot/b", AlertState::Firing)])
        .unwrap();
    let done = view(&store, &["alerts", "--json"]);
    let lines: Vec<Json> = { done.stdout.lines() }
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&lines[0]["kind"], &lines[0]["state"]),
        (&"current".into(), &"firing".into())
    );
    assert_eq!(lines[0]["since"], "2026-06-21T00:00:00.000Z");
    assert_eq!(
        (&lines[1]["kind"], &lines[1]["value"]),
        (&"report".into(), &31.5.into())
    );
    assert_eq!(lines[1]["time"], "2026-06-21T01:00:00.000Z");
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_store_without_alerts_says_so() {
    let mut store = Store::new();
    store.insert(&[("iot/a", number(1.0), None, DAY)]);
    let done = view(&store, &["alerts"]);
    assert_eq!((done.code, &*done.stdout), (0, ""));
    assert!(
        done.stderr.starts_with("iot-view: no alerts in "),
        "{}",
        done.stderr
    );
}
