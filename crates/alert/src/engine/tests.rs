//! Alerts by a controlled clock.

mod restart;
mod week;

use super::*;
use iot_store::alerts::{AlertState, Event};

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const START: i64 = 1_795_000_000_000;

/// An engine, the time, and what it reported.
struct Watch {
    engine: Engine,
    now: i64,
    changes: Vec<Change>,
}

impl Watch {
    fn new(rules: &[&str], silence: &[&str]) -> Self {
        Self::with(Settings {
            rules: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
            silence: silence.iter().map(|rule| rule.parse().unwrap()).collect(),
            ..Settings::default()
        })
    }

    fn with(settings: Settings) -> Self {
        let mut engine = Engine::new(settings, START);
        engine.set_connected(true, START);
        Self {
            engine,
            now: START,
            changes: Vec::new(),
        }
    }

    fn observe(&mut self, topic: &str, sample: Sample, time: i64, retained: bool) {
        let reading = Observation {
            topic,
            metric: None,
            unit: None,
            sample: Some(sample),
            time,
            retained,
        };
        self.engine.observe(&reading, self.now, &mut self.changes);
    }

    fn number(&mut self, topic: &str, value: f64) {
        self.observe(topic, Sample::Number(value), self.now, false);
    }

    fn metric(&mut self, topic: &str, metric: &str) {
        let reading = Observation {
            topic,
            metric: Some(metric),
            unit: None,
            sample: Some(Sample::Number(1.0)),
            time: self.now,
            retained: false,
        };
        self.engine.observe(&reading, self.now, &mut self.changes);
    }

    /// Lets time pass, with a tick each second.
    fn pass(&mut self, millis: i64) {
        for _ in 0..millis / SECOND {
            self.now += SECOND;
            let elapsed = Duration::from_secs(1);
            self.engine.tick(self.now, elapsed, &mut self.changes);
        }
    }

    /// Returns the reports since the last call, as `name topic state`.
    fn reports(&mut self) -> Vec<String> {
        let events = self.changes.drain(..).filter_map(|change| change.event);
        let line = |event: Event| {
            let state = match event.state {
                AlertState::Firing if event.repeated => "again",
                AlertState::Firing => "firing",
                AlertState::Ok => "ok",
            };
            format!("{} {} {state}", event.name, event.topic)
        };
        events.map(line).collect()
    }

    #[track_caller]
    fn expect(&mut self, reports: &[&str]) {
        assert_eq!(self.reports(), reports);
    }
}

#[test]
fn a_condition_must_hold_for_its_time_and_ends_where_clear_says() {
    let mut watch = Watch::new(&["freezer: f > -10 for 10m clear < -15"], &[]);
    watch.number("f", -9.0);
    watch.pass(5 * MINUTE);
    watch.number("f", -11.0);
    watch.pass(20 * MINUTE);
    watch.expect(&[]);
    watch.number("f", -9.0);
    watch.pass(9 * MINUTE);
    watch.number("f", -8.0);
    watch.expect(&[]);
    watch.pass(MINUTE);
    watch.expect(&["freezer f firing"]);
    for value in [-12.0, -8.0, -14.0, -9.0] {
        watch.number("f", value);
        watch.pass(MINUTE);
    }
    watch.expect(&[]);
    watch.number("f", -16.0);
    watch.expect(&["freezer f ok"]);
}

#[test]
fn each_of_several_values_of_the_same_moment_counts() {
    let mut watch = Watch::new(&["a > 10"], &[]);
    for value in [1.0, 11.0, 1.0] {
        watch.number("a", value);
    }
    watch.expect(&["above a firing", "above a ok"]);
}

#[test]
fn a_report_says_value_condition_and_how_long_it_lasted() {
    let mut watch = Watch::new(&["f > -10"], &[]);
    watch.number("f", -8.5);
    watch.pass(125 * MINUTE);
    watch.number("f", -11.0);
    let events: Vec<_> = watch
        .changes
        .drain(..)
        .filter_map(|change| change.event)
        .collect();
    let [begin, end] = events.try_into().unwrap();
    assert_eq!((&*begin.name, &*begin.reason), ("above", "-8.5 (> -10)"));
    assert_eq!(end.reason, "-11; `> -10` lasted 2h 5m");
    assert_eq!((begin.since, end.since), (START, START));
    assert!(begin.id < end.id && begin.id.len() == 24);
}

#[test]
fn what_a_sensor_said_last_counts_while_it_says_nothing_new() {
    let mut watch = Watch::new(&["door == open for 10m"], &[]);
    watch.observe("door", Sample::Text("open".into()), START, false);
    watch.pass(10 * MINUTE);
    watch.expect(&["equal door firing"]);
    watch.observe("door", Sample::Text("closed".into()), watch.now, false);
    watch.expect(&["equal door ok"]);
}

#[test]
fn a_silent_series_is_reported_once_and_when_it_is_back() {
    let mut watch = Watch::new(&[], &["quiet/#=1h", "10m"]);
    watch.number("a", 1.0);
    watch.number("quiet/a", 1.0);
    watch.pass(30 * MINUTE);
    watch.expect(&["silent a firing"]);
    watch.number("a", 1.0);
    watch.expect(&["silent a ok"]);
    watch.pass(35 * MINUTE);
    let mut reports = watch.reports();
    reports.sort();
    assert_eq!(reports, ["silent a firing", "silent quiet/a firing"]);
}

#[test]
fn a_series_of_the_store_that_does_not_come_back_is_silent() {
    let mut watch = Watch::new(&[], &["10m"]);
    watch.engine.known_series("a", None, START - 300 * MINUTE);
    watch.pass(9 * MINUTE);
    watch.expect(&[]);
    watch.pass(MINUTE);
    let event = watch.changes[0].event.clone().unwrap();
    assert_eq!(
        (event.since, &*event.reason),
        (START - 300 * MINUTE, "no reading for 5h 10m")
    );
}

#[test]
fn a_named_series_that_was_never_heard_is_silent() {
    let silence = [
        "shed/door=1m",
        "shed/freezer#temperature=1m",
        "shed/other/#=1m",
    ];
    let mut watch = Watch::new(&[], &silence);
    watch.pass(59 * SECOND);
    watch.expect(&[]);
    watch.pass(SECOND);
    watch.expect(&["silent shed/door firing", "silent shed/freezer firing"]);
    // Any value of the topic ends it, where no metric is named.
    watch.metric("shed/door", "contact");
    watch.metric("shed/freezer", "battery");
    watch.expect(&["silent shed/door ok"]);
    watch.pass(MINUTE);
    watch.expect(&["silent shed/door firing"]);
}

#[test]
fn the_first_reading_of_another_topic_leaves_a_named_one_expected() {
    let mut watch = Watch::new(&["# rejected"], &["shed/door=1m", "1m"]);
    watch
        .engine
        .rejected("other", "no JSON", watch.now, &mut watch.changes);
    watch.expect(&["rejected other firing"]);
    watch.metric("other", "battery");
    watch.expect(&["rejected other ok"]);
    watch.pass(30 * SECOND);
    watch.metric("other", "battery");
    watch.metric("shed/door", "contact");
    watch.pass(59 * SECOND);
    // Neither topic is missed: each has a value with a name.
    watch.expect(&[]);

    let mut watch = Watch::new(&["# rejected"], &["shed/door=1m", "1m"]);
    watch
        .engine
        .rejected("other", "no JSON", watch.now, &mut watch.changes);
    watch.metric("other", "battery");
    watch.expect(&["rejected other firing", "rejected other ok"]);
    watch.pass(MINUTE);
    watch.expect(&["silent shed/door firing", "silent other firing"]);
}

#[test]
fn a_named_series_that_the_store_knows_by_a_metric_is_not_missed_twice() {
    let mut watch = Watch::new(&[], &["1m", "shed/door=2m"]);
    watch
        .engine
        .known_series("shed/door", Some("contact"), START - MINUTE);
    watch.pass(MINUTE);
    watch.expect(&["silent shed/door firing"]);
}

#[test]
fn without_a_broker_no_series_is_silent() {
    let mut watch = Watch::new(&[], &["10m"]);
    watch.number("a", 1.0);
    watch.engine.set_connected(false, watch.now);
    watch.pass(60 * MINUTE);
    watch.engine.set_connected(true, watch.now);
    watch.pass(9 * MINUTE);
    watch.expect(&[]);
    watch.pass(MINUTE);
    watch.expect(&["silent a firing"]);
}

#[test]
fn the_usual_interval_is_learned_for_each_series() {
    let mut watch = Watch::new(&[], &["auto"]);
    for minute in 0..60 {
        watch.number("fast", 1.0);
        if minute % 10 == 0 {
            watch.number("slow", 1.0);
        }
        watch.pass(MINUTE);
    }
    watch.expect(&[]);
    watch.pass(3 * MINUTE);
    watch.expect(&["silent fast firing"]);
    watch.pass(30 * MINUTE);
    watch.expect(&["silent slow firing"]);
}

#[test]
fn late_replayed_and_retained_readings_change_nothing() {
    let mut watch = Watch::new(&["a > 10"], &["10m"]);
    // A replay of last week, oldest first.
    for minute in 0..10 {
        watch.observe(
            "a",
            Sample::Number(50.0),
            START - 10_000 * MINUTE + minute * MINUTE,
            false,
        );
    }
    watch.number("a", 1.0);
    watch.observe("a", Sample::Number(50.0), START - MINUTE, false);
    watch.observe("a", Sample::Number(50.0), watch.now, true);
    watch.expect(&[]);
    watch.pass(5 * MINUTE);
    watch.observe("a", Sample::Number(1.0), watch.now, true);
    watch.pass(5 * MINUTE);
    watch.expect(&["silent a firing"]);
}

#[test]
fn a_jump_of_the_clock_neither_fires_nor_hangs() {
    for jump in [86_400 * 365 * SECOND, -86_400 * 365 * SECOND] {
        let mut watch = Watch::new(&[], &["10m"]);
        watch.number("a", 1.0);
        watch.pass(MINUTE);
        watch.now += jump;
        watch.pass(9 * MINUTE);
        watch.expect(&[]);
        watch.pass(2 * MINUTE);
        watch.expect(&["silent a firing"]);
        watch.number("a", 1.0);
        watch.expect(&["silent a ok"]);
    }
}

#[test]
fn an_alert_that_goes_on_is_reported_again_if_asked_for() {
    let mut watch = Watch::with(Settings {
        rules: vec!["a > 1".parse().unwrap()],
        silence: vec!["1h".parse().unwrap()],
        repeat: Some(Duration::from_hours(4)),
        ..Settings::default()
    });
    watch.number("a", 2.0);
    watch.pass(9 * 60 * MINUTE);
    watch.expect(&[
        "above a firing",
        "silent a firing",
        "above a again",
        "silent a again",
        "above a again",
        "silent a again",
    ]);
}

#[test]
fn a_restart_repeats_nothing_and_forgets_nothing() {
    let rules = ["a > 1", "old: b > 1", "c > 1 for 10m"];
    let mut watch = Watch::new(&rules, &["10m"]);
    for topic in ["a", "b", "c"] {
        watch.number(topic, 2.0);
    }
    watch.engine.known_series("d", None, START);
    watch.pass(5 * MINUTE);
    let saved = watch.changes.clone();
    watch.expect(&["above a firing", "old b firing"]);

    let mut after = Watch::new(&[rules[0], rules[2]], &[]);
    after.now = watch.now;
    let mut states = saved.clone();
    states.push(Change {
        name: SILENT.into(),
        topic: "d".into(),
        metric: None,
        phase: Phase::Firing {
            since: START,
            reported: START,
        },
        reason: String::new(),
        event: None,
    });
    after.changes = after.engine.restore(states, after.now);
    after.expect(&["old b ok", "silent d ok"]);
    after.number("a", 3.0);
    after.number("c", 3.0);
    after.expect(&[]);
    after.pass(5 * MINUTE);
    after.expect(&["above c firing"]);
    after.number("a", 0.0);
    after.expect(&["above a ok"]);
}

#[test]
fn a_rise_counts_within_its_window_only() {
    let mut watch = Watch::new(&["a rises 5 in 10m", "a falls 5 in 10m"], &[]);
    for value in [20.0, 22.0, 24.0] {
        watch.number("a", value);
        watch.pass(10 * MINUTE);
    }
    watch.expect(&[]);
    watch.number("a", 29.0);
    watch.expect(&["rises a firing"]);
    watch.pass(MINUTE);
    watch.number("a", 23.0);
    watch.expect(&["rises a ok", "falls a firing"]);
}

#[test]
fn a_stuck_sensor_still_sends_and_a_silent_one_is_not_stuck() {
    let mut watch = Watch::new(&["a stuck 1h"], &[]);
    watch.number("a", 20.0);
    watch.pass(120 * MINUTE);
    watch.expect(&[]);
    watch.number("a", 20.0);
    watch.expect(&["stuck a firing"]);
    watch.pass(MINUTE);
    watch.number("a", 20.1);
    watch.expect(&["stuck a ok"]);
}

#[test]
fn a_sensor_that_is_stuck_at_a_restart_is_reported_once() {
    let mut watch = Watch::new(&["a stuck 90m"], &[]);
    for _ in 0..12 {
        watch.number("a", 20.0);
        watch.pass(10 * MINUTE);
    }
    let saved = watch.changes.clone();
    watch.expect(&["stuck a firing"]);
    for recalls in [false, true] {
        let mut after = Watch::new(&["a stuck 90m"], &[]);
        after.now = watch.now;
        after.changes = after.engine.restore(saved.clone(), after.now);
        // The store has what is not older than 90 minutes.
        for tens in (1..9).rev().filter(|_| recalls) {
            after.engine.recall(&Observation {
                topic: "a",
                metric: None,
                unit: None,
                sample: Some(Sample::Number(20.0)),
                time: watch.now - tens * 10 * MINUTE,
                retained: false,
            });
        }
        after.number("a", 20.0);
        after.pass(10 * MINUTE);
        after.number("a", 20.0);
        after.expect(&[]);
        after.number("a", 20.1);
        after.expect(&["stuck a ok"]);
    }
}

#[test]
fn a_rejected_message_is_reported_once_until_one_can_be_read() {
    let mut watch = Watch::new(&["a rejected"], &[]);
    for _ in 0..3 {
        watch
            .engine
            .rejected("a", "not a number", watch.now, &mut watch.changes);
        watch
            .engine
            .rejected("b", "not a number", watch.now, &mut watch.changes);
    }
    assert_eq!(
        watch.changes[0].event.as_ref().unwrap().reason,
        "not a number (rejected)"
    );
    watch.expect(&["rejected a firing"]);
    watch.pass(SECOND);
    watch.number("a", 1.0);
    watch.expect(&["rejected a ok"]);
}

#[test]
fn a_message_with_several_values_ends_rejected_as_well() {
    let mut watch = Watch::new(&["a rejected"], &["1h"]);
    watch
        .engine
        .rejected("a", "not JSON", watch.now, &mut watch.changes);
    watch.reports();
    let reading = Observation {
        topic: "a",
        metric: Some("t"),
        unit: None,
        sample: Some(Sample::Number(1.0)),
        time: watch.now,
        retained: false,
    };
    watch
        .engine
        .observe(&reading, watch.now, &mut watch.changes);
    watch.expect(&["rejected a ok"]);
}
