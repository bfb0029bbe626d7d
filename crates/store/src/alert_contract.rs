//! The contract of alerts, run on each store.

use chrono::DateTime;
use serde_json::{Value as Json, json};

use crate::alerts::{AlertState, AlertWriter, CurrentAlert, CurrentState, Event, StateChange};
use crate::read::{SeriesFilter, SeriesKey, TimeRange};
use crate::read_contract::ReadSubject;

/// A store that takes alerts.
pub(crate) trait AlertSubject: ReadSubject {
    /// Opens it for writing alerts.
    fn alerts(&mut self) -> Box<dyn AlertWriter>;
}

/// Runs every rule on a new store.
pub(crate) fn alert_contract<S: AlertSubject>(mut new: impl FnMut() -> S) {
    has_no_alerts_at_first(&mut new());
    keeps_reports_once(&mut new());
    keeps_the_last_state(&mut new());
}

const START: i64 = 1_795_428_000_123;

fn event(number: i64, topic: &str, metric: Option<&str>, value: Option<Json>) -> Event {
    Event {
        id: format!("{number:024x}"),
        name: "hot".to_owned(),
        topic: topic.to_owned(),
        metric: metric.map(str::to_owned),
        state: [AlertState::Firing, AlertState::Ok][usize::from(number % 2 == 0)],
        repeated: number == 3,
        value,
        unit: metric.map(|_| "°C".to_owned()),
        since: START,
        time: START + number * 1000,
        reason: "31 °C (> 30 for 10m)".to_owned(),
    }
}

fn has_no_alerts_at_first(subject: &mut impl AlertSubject) {
    let mut reader = subject.reader();
    let all = SeriesFilter::default();
    assert_eq!(reader.alerts(&all).expect("alerts"), []);
    let history = reader.alert_history(&all, TimeRange::default(), 10);
    assert_eq!(history.expect("a history"), []);
}

fn keeps_reports_once(subject: &mut impl AlertSubject) {
    let events = [
        event(1, "iot/a", None, Some(json!(31.5))),
        event(2, "iot/a", None, Some(json!("true"))),
        event(3, "iot/b", Some("temp"), None),
    ];
    let mut writer = subject.alerts();
    writer.write_events(&events[..2]).expect("written");
    // One that was on its way comes again.
    writer.write_events(&events[1..]).expect("written");
    let mut reader = subject.reader();
    let mut history = |filter: &str, range, limit| {
        let filter = filter.parse().expect("a filter");
        reader
            .alert_history(&filter, range, limit)
            .expect("a history")
    };
    let [first, second, third] = events;
    let all = TimeRange::default();
    assert_eq!(
        history("#", all, 10),
        [third.clone(), second.clone(), first.clone()]
    );
    assert_eq!(history("#", all, 1), std::slice::from_ref(&third));
    assert_eq!(history("iot/a", all, 1), std::slice::from_ref(&second));
    assert_eq!(history("+/+#temp", all, 10), [third]);
    let time = |millis| DateTime::from_timestamp_millis(millis).expect("a time");
    let range = TimeRange {
        since: Some(time(first.time)),
        until: Some(time(second.time)),
    };
    assert_eq!(history("#", range, 10), [first]);
    assert_eq!(history("other", all, 10), []);
}

fn keeps_the_last_state(subject: &mut impl AlertSubject) {
    let change = |topic: &str, metric: Option<&str>, state: Option<CurrentState>| {
        let key = SeriesKey {
            topic: topic.into(),
            metric: metric.map(Into::into),
        };
        let name = "hot".to_owned();
        let current = state.map(|state| CurrentAlert {
            name: name.clone(),
            key: key.clone(),
            state,
            since: START,
            reason: format!("31 ({})", state.name()),
        });
        StateChange { name, key, current }
    };
    let mut writer = subject.alerts();
    let first = [
        change("iot/b", None, Some(CurrentState::Pending)),
        change("iot/b", Some("temp"), Some(CurrentState::Firing)),
        change("iot/c", None, Some(CurrentState::Firing)),
        change("iot/a", None, Some(CurrentState::Pending)),
    ];
    writer.write_states(&first).expect("written");
    let second = [
        change("iot/c", None, None),
        change("iot/a", None, Some(CurrentState::Firing)),
        change("never/there", None, None),
    ];
    writer.write_states(&second).expect("written");
    writer.write_states(&second).expect("written");
    let mut reader = subject.reader();
    let mut alerts = |filter: &str| {
        let alerts = reader.alerts(&filter.parse().expect("a filter"));
        let alerts = alerts.expect("alerts").into_iter();
        alerts
            .map(|alert| format!("{} {} {}", alert.name, alert.key, alert.reason))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        alerts("#"),
        [
            "hot iot/a 31 (firing)",
            "hot iot/b#temp 31 (firing)",
            "hot iot/b 31 (pending)"
        ]
    );
    assert_eq!(alerts("iot/b#"), ["hot iot/b 31 (pending)"]);
    assert_eq!(alerts("x/#"), Vec::<String>::new());
}
