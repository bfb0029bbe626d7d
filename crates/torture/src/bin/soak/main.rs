//! The endurance test: `iot-sub` at a steady rate for as long as is wanted, with faults of the
//! broker, the database and the networks. Memory, file descriptors, spool, store and latency must
//! not rise, and each message must be stored once. `scripts/soak` runs it.

mod probe;
mod samples;
mod trend;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Parser;
use iot_cli::parse_duration;
use mongodb::bson::Document;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use torture::shape::{Shape, TOPICS};
use torture::steady::{Pace, SteadyPublishers};

use probe::Probe;
use samples::Samples;
use world::World;

/// Seconds between two faults.
const FAULT_INTERVAL: std::ops::Range<u64> = 10..20;
/// How often the store is asked for the latest probe.
const STEP: Duration = Duration::from_millis(50);
/// Samples are this far apart.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// How long everything may take to drain.
const DRAIN: Duration = Duration::from_mins(5);
const PUBLISHERS: usize = 2;
/// How many topics with missing messages are printed.
const SHOWN: usize = 20;

/// Run iot-sub at a steady rate with faults, and fail if memory, files or latency rise
#[derive(Debug, Parser)]
#[command(name = "soak")]
struct Args {
    /// Run for DURATION
    #[arg(long = "for", value_name = "DURATION", default_value = "30m", value_parser = parse_duration)]
    duration: Duration,

    /// Publish RATE messages a second
    #[arg(long, value_name = "RATE", default_value_t = 5_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,

    /// Choose the faults by seed N [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Write samples and plots into the folder PATH
    #[arg(long, value_name = "PATH", default_value = "target/soak")]
    output: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seed = args
        .seed
        .unwrap_or_else(|| u64::from(rand::random::<u32>()));
    println!(
        "seed {seed}, {} messages/s for {:?}",
        args.rate, args.duration
    );
    std::fs::create_dir_all(&args.output).expect("a folder for the samples");
    let own = std::env::current_exe().expect("the path of this program");
    let mut world = World::start(&own.with_file_name("iot-sub"));
    let mut samples = Samples::create(&args.output.join("soak.db"));
    let sent = run(&args, seed, &mut world, &mut samples);
    let lost = drain(&mut world, &sent);
    world.end();
    println!(
        "{} messages, each stored once: {}",
        sent.iter().sum::<usize>(),
        lost.is_empty()
    );
    plot(&own.with_file_name("iot-view"), &samples, &args);
    let mut passed = lost.is_empty();
    for place in lost.iter().take(SHOWN) {
        eprintln!("soak: {place}");
    }
    if lost.len() > SHOWN {
        eprintln!("soak: {} more topics", lost.len() - SHOWN);
    }
    passed &= judge(&samples);
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints how each curve develops; returns whether all are known, and none rises that must not.
fn judge(samples: &Samples) -> bool {
    let mut passed = true;
    for curve in world::CURVES {
        let Some(trend) = samples.trend(curve) else {
            println!("{:<26} too few samples", curve.topic);
            passed = false;
            continue;
        };
        let fails = trend.rises() && !curve.may_rise;
        println!(
            "{:<26} {:>12.2} {:<5} growth {:>6.1} %, z {:>5.2}{}",
            curve.topic,
            trend.level,
            curve.unit,
            trend.growth * 100.0,
            trend.z,
            if fails { "  RISES" } else { "" }
        );
        passed &= !fails;
    }
    passed
}

/// Publishes for the whole time, strikes and measures; returns how many messages each publisher
/// sent.
fn run(args: &Args, seed: u64, world: &mut World, samples: &mut Samples) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let port = world.broker.port();
    let brokers = vec![("127.0.0.1".to_owned(), port); PUBLISHERS];
    let publishers = SteadyPublishers::start(&brokers, &Pace::Rate(args.rate));
    let mut probe = Probe::start(port);
    let mut faults = BTreeMap::<String, u32>::new();
    let start = Instant::now();
    let mut latency = None;
    let (mut next_sample, mut next_fault) = (start, start + Duration::from_secs(10));
    while start.elapsed() < args.duration {
        world.check();
        latency = probe.step(world).or(latency);
        let now = Instant::now();
        if now >= next_sample {
            samples.add(&world.measure(publishers.sent() as u64, latency.take()));
            next_sample = now + SAMPLE_INTERVAL;
        }
        if now >= next_fault {
            let fault = world.strike(&mut random);
            *faults.entry(format!("{fault:?}")).or_default() += 1;
            next_fault = Instant::now() + Duration::from_secs(random.random_range(FAULT_INTERVAL));
        }
        sleep(STEP);
    }
    let seconds = start.elapsed().as_secs_f64();
    let sent = publishers.finish();
    #[expect(clippy::cast_precision_loss, reason = "it is shown with few digits")]
    let rate = sent.iter().sum::<usize>() as f64 / seconds;
    println!("{rate:.0} messages/s; faults: {faults:?}");
    sent
}

/// Waits until everything is stored; returns what is missing or too much in the end.
fn drain(world: &mut World, sent: &[usize]) -> Vec<String> {
    let end = Instant::now() + DRAIN;
    let mut pause = SAMPLE_INTERVAL;
    let mut shown = 0;
    loop {
        world.check();
        let behind = world.behind(&last_messages(sent));
        let is_late = Instant::now() >= end;
        // The tally reads the whole store, which takes a minute for some ten million messages.
        if behind == 0 || is_late {
            let start = Instant::now();
            let wrong = missing(&world.tally(), sent);
            println!(
                "counted the store in {:.1} s",
                start.elapsed().as_secs_f64()
            );
            if wrong.is_empty() || is_late {
                return wrong;
            }
            pause *= 2;
        }
        if behind != shown {
            println!("waiting for the last message of {behind} topics");
            shown = behind;
        }
        sleep(pause);
    }
}

/// The topics of all publishers, and the number of the last message on each.
fn last_messages(sent: &[usize]) -> Vec<(String, usize)> {
    let of_publisher = |(publisher, sent): (usize, &usize)| {
        let first = sent.saturating_sub(TOPICS);
        let numbers = first..*sent;
        numbers.map(move |number| (Shape::FewTopics.topic((publisher, number)), number))
    };
    sent.iter().enumerate().flat_map(of_publisher).collect()
}

/// What is missing or too much, by topic. A publisher's message with number n is on topic n mod 50,
/// and `_id` follows from topic and number: if count, least and greatest number are right, the rest
/// is.
fn missing(groups: &[Document], sent: &[usize]) -> Vec<String> {
    let mut found: BTreeMap<String, (i64, i64, i64, i64)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for group in groups {
        let field = |name: &str| {
            let value = group.get(name)?;
            value.as_i64().or_else(|| value.as_i32().map(i64::from))
        };
        let id = group.get_document("_id").ok();
        let topic = id
            .and_then(|id| id.get_str("topic").ok())
            .unwrap_or_default();
        let rest = id.and_then(|id| id.get("rest"));
        let rest = rest.and_then(|it| it.as_i64().or_else(|| it.as_i32().map(i64::from)));
        let (Some(rest), Some(count), Some(least), Some(greatest)) =
            (rest, field("count"), field("least"), field("greatest"))
        else {
            wrong.push(format!("not numbered: {group}"));
            continue;
        };
        if found
            .insert(topic.to_owned(), (rest, count, least, greatest))
            .is_some()
        {
            wrong.push(format!("{topic}: numbers of another topic"));
        }
    }
    for (publisher, sent) in sent.iter().enumerate() {
        for topic in 0..TOPICS.min(*sent) {
            let name = format!("iot/few/{publisher}/{topic}");
            let count = (sent - topic).div_ceil(TOPICS);
            let numbers = [topic, count, topic, topic + (count - 1) * TOPICS];
            let [rest, count, least, greatest] =
                numbers.map(|it| i64::try_from(it).expect("small"));
            let expected = (rest, count, least, greatest);
            let stored = found.remove(&name);
            if stored != Some(expected) {
                wrong.push(format!("{name}: {stored:?} instead of {expected:?}"));
            }
        }
    }
    wrong.extend(
        found
            .into_keys()
            .map(|topic| format!("{topic}: never sent")),
    );
    wrong
}

/// Draws the curves with `iot-view plot`.
fn plot(program: &std::path::Path, samples: &Samples, args: &Args) {
    let store = format!("sqlite:{}", samples.path().display());
    let picture = args.output.join("soak.svg");
    let drawn = Command::new(program)
        .args(["plot", "soak/#", "--store", &store])
        .args(["--title", "scripts/soak", "--since", &samples.start(), "-o"])
        .arg(&picture)
        .status();
    let is_drawn = drawn.is_ok_and(|status| status.success());
    assert!(is_drawn, "iot-view plot fails");
    println!("samples: {store}, drawn in {}", picture.display());
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    fn group(topic: i64, count: i64, greatest: i64) -> Document {
        let id = doc! {"topic": format!("iot/few/0/{topic}"), "rest": topic};
        doc! {"_id": id, "count": count, "least": topic, "greatest": greatest}
    }

    #[test]
    fn curves_with_too_few_samples_do_not_pass() {
        let folder = tempfile::tempdir().unwrap();
        let mut samples = Samples::create(&folder.path().join("soak.db"));
        assert!(!judge(&samples));
        for _ in 0..16 {
            samples.add(&world::CURVES.map(|curve| (curve, 1.0)));
        }
        assert!(judge(&samples));
    }

    #[test]
    fn the_last_message_of_each_topic() {
        let last = last_messages(&[102, 1]);
        assert_eq!(last.len(), 51);
        assert!(last.contains(&("iot/few/0/1".into(), 101)));
        assert!(last.contains(&("iot/few/0/2".into(), 52)));
        assert_eq!(last[50], ("iot/few/1/0".into(), 0));
    }

    #[test]
    fn finds_what_is_missing_and_what_was_never_sent() {
        let whole: Vec<_> = (0..50)
            .map(|topic| {
                if topic < 2 {
                    group(topic, 3, 100 + topic)
                } else {
                    group(topic, 2, 50 + topic)
                }
            })
            .collect();
        assert_eq!(missing(&whole, &[102]), Vec::<String>::new());
        let mut short = whole.clone();
        short[1] = group(1, 2, 101);
        assert_eq!(missing(&short, &[102]).len(), 1);
        assert_eq!(missing(&whole[1..], &[102]).len(), 1);
        assert_eq!(missing(&whole, &[101]).len(), 1);
        assert_eq!(missing(&whole, &[]).len(), 50);
    }
}
