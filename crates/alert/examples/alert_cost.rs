//! What watching costs: memory of a series, and time of a message beyond the look-up of its series.
//!
//! `scripts/bench-alert` runs it.

use std::alloc::System;
use std::hint::black_box;
use std::time::Duration;

use iot_alert::{Change, Engine, Observation, Sample, Settings};
use rustix::time::{ClockId, clock_gettime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SERIES: usize = 100_000;
const ROUNDS: i64 = 40;
const START: i64 = 1_795_000_000_000;

fn main() {
    let topics: Vec<String> = (0..SERIES)
        .map(|number| format!("plant/line{}/sensor{number}", number % 40))
        .collect();
    println!(
        "{:<34} {:>9} {:>9} {:>9} {:>9}",
        "100,000 series", "bytes", "look-up", "message", "beyond"
    );
    println!(
        "{:<34} {:>9} {:>9} {:>9} {:>9}",
        "", "a series", "ns", "ns", "ns"
    );
    run("--silent-after 10m", &topics, &["10m"], &[]);
    run("--silent-after auto", &topics, &["auto"], &[]);
    run(
        "10m, and --alert 'plant/# > 1000'",
        &topics,
        &["10m"],
        &["plant/# > 1000"],
    );
    tick(&topics);
}

/// Returns the processor time of this program: that of others does not count.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn engine(silence: &[&str], rules: &[&str]) -> Engine {
    let settings = Settings {
        silence: silence
            .iter()
            .map(|rule| rule.parse().expect("a rule"))
            .collect(),
        rules: rules
            .iter()
            .map(|rule| rule.parse().expect("a rule"))
            .collect(),
        ..Settings::default()
    };
    let mut engine = Engine::new(settings, START);
    engine.set_connected(true, START);
    engine
}

fn observe(engine: &mut Engine, topic: &str, now: i64, changes: &mut Vec<Change>) {
    observe_one(engine, topic, now, false, changes);
}

/// Of a reading that the broker had kept, only its series is looked up.
fn look_up(engine: &mut Engine, topic: &str, now: i64, changes: &mut Vec<Change>) {
    observe_one(engine, topic, now, true, changes);
}

fn observe_one(
    engine: &mut Engine,
    topic: &str,
    now: i64,
    retained: bool,
    changes: &mut Vec<Change>,
) {
    let reading = Observation {
        topic,
        metric: None,
        unit: None,
        sample: Some(Sample::Number(20.5)),
        time: now,
        retained,
    };
    engine.observe(black_box(&reading), now, changes);
}

fn run(name: &str, topics: &[String], silence: &[&str], rules: &[&str]) {
    let region = Region::new(&INSTRUMENTED_SYSTEM);
    let mut engine = engine(silence, rules);
    let mut changes = Vec::new();
    for topic in topics {
        observe(&mut engine, topic, START, &mut changes);
    }
    let change = region.change();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let bytes = change
        .bytes_allocated
        .saturating_sub(change.bytes_deallocated) as f64
        / SERIES as f64;
    let (mut lookup, mut message) = (Duration::MAX, Duration::MAX);
    for round in 1..=ROUNDS {
        let now = START + round * 1000;
        let begun = processor_time();
        for topic in topics {
            look_up(&mut engine, topic, now, &mut changes);
        }
        lookup = lookup.min(processor_time().saturating_sub(begun));
        let begun = processor_time();
        for topic in topics {
            observe(&mut engine, topic, now, &mut changes);
        }
        message = message.min(processor_time().saturating_sub(begun));
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let each = |time: Duration| time.as_secs_f64() * 1e9 / topics.len() as f64;
    let (lookup, message) = (each(lookup), each(message));
    println!(
        "{name:<34} {bytes:>9.1} {lookup:>9.1} {message:>9.1} {:>9.1}",
        message - lookup
    );
    assert!(changes.is_empty(), "nothing happens");
}

/// The look at all series that time alone needs, each second.
fn tick(topics: &[String]) {
    let mut engine = engine(&["10m"], &[]);
    let mut changes = Vec::new();
    for topic in topics {
        observe(&mut engine, topic, START, &mut changes);
    }
    let mut shortest = Duration::MAX;
    for second in 1..60 {
        let begun = processor_time();
        engine.tick(START + second * 1000, Duration::from_secs(1), &mut changes);
        shortest = shortest.min(processor_time().saturating_sub(begun));
    }
    println!(
        "the look at all series each second: {} µs",
        shortest.as_micros()
    );
}
