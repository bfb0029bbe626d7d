//! Removing what is old, and making rollups.

use testkit::Mongo;

use super::fixture::Fixture;
use crate::alerts::{AlertState, AlertWriter, Event};
use crate::contract::Source;
use crate::expiry::Expiry;
use crate::mongodb::{AlertCollections, prune, reindex};

fn all() -> Expiry {
    Expiry {
        before: chrono::Utc::now(),
        keep_rollups: false,
    }
}

#[test]
fn reports_of_alerts_are_removed_in_steps() {
    const REPORTS: u64 = 2_500;
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let event = |number: u64| Event {
        id: format!("{number:024x}"),
        name: "hot".to_owned(),
        topic: "iot/a".to_owned(),
        metric: None,
        state: AlertState::Ok,
        repeated: false,
        value: None,
        unit: None,
        since: 0,
        time: 0,
        reason: String::new(),
    };
    let events: Vec<Event> = (0..REPORTS).map(event).collect();
    let mut writer = AlertCollections::open(&mongo.url(), "sensors").unwrap();
    writer.write_events(&events).unwrap();
    let left = || fixture.documents("sensors_alerts").len();
    assert_eq!(left(), events.len());
    prune(&mongo.url(), "sensors", all(), &mut |_| false).unwrap();
    assert!(left() >= 500, "{}", left());
    prune(&mongo.url(), "sensors", all(), &mut |_| true).unwrap();
    assert_eq!(left(), 0);
}

#[test]
fn the_advice_is_for_a_program_that_does_not_store() {
    let url = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500";
    let pruned = prune(url, "sensors", all(), &mut |_| true);
    let error = format!("{:#}", pruned.unwrap_err());
    assert!(error.ends_with("(is MongoDB running there? --store sqlite:PATH reads a file)"));
}

#[test]
fn making_rollups_can_be_ended_before_a_series_is_done() {
    let mongo = Mongo::start();
    let fixture = Fixture::new(&mongo);
    let mut source = Source::new();
    fixture.insert(&[source.entry("iot/a", "1")]).unwrap();
    let mut first = None;
    reindex(&mongo.url(), "sensors", false, &mut |done| {
        first.get_or_insert(done.series);
        false
    })
    .unwrap();
    assert_eq!(first, Some(0));
    let done = reindex(&mongo.url(), "sensors", false, &mut |_| true).unwrap();
    assert_eq!((done.series, done.all_series, done.readings), (1, 1, 1));
}
