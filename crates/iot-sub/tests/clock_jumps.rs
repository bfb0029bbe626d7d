//! The wall clock jumps by hours and years, in both directions, while the programs run: nothing is
//! lost or stored twice, and no deadline fires early or hangs.

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::{documents, interrupt, sqlite, sub};
use testkit::{Broker, DEADLINE, FakeClock, Mongo, Program, Running, eventually};

/// Offsets of the clock, one after the other.
const JUMPS: [&str; 7] = ["+1h", "-2h", "+30y", "-20y", "+1h", "-3y", "+0"];

/// Publishes `{"n":1}`, `{"n":2}`, … with QoS 1 until it is interrupted.
fn publisher(clock: &FakeClock, broker: &Broker) -> Running {
    let port = broker.port().to_string();
    let program = Program::new(testkit::program("iot-pub"))
        .args(["-p", &port, "-q", "1", "-t", "iot/clock", "-k", "5"])
        .args([
            "--interval",
            "20ms",
            "--payload-template",
            "{\"n\":{{seq}}}",
        ]);
    clock.under(program).spawn()
}

fn subscriber(clock: &FakeClock, broker: &Broker, args: &[&str]) -> Running {
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--durable", "-i", "jumper", "-k", "5"]).args(args);
    let running = clock.under(program).spawn();
    broker.wait_for_log("Sending SUBACK to jumper", DEADLINE);
    running
}

/// All numbers up to the greatest one are there, each once.
fn assert_whole(numbers: &[u64]) {
    let different: BTreeSet<_> = numbers.iter().copied().collect();
    assert_eq!(different.len(), numbers.len(), "a message is stored twice");
    let greatest = different.last().copied().expect("messages");
    let missing: Vec<_> = (1..greatest).filter(|n| !different.contains(n)).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
}

/// Neither program has lost its connection or waited for anything.
fn assert_undisturbed(broker: &Broker, programs: [&Running; 2]) {
    let connects = broker.log().matches("New client connected").count();
    assert_eq!(connects, 2, "a client has connected again");
    for program in programs {
        let stderr = program.stderr();
        for trouble in ["lost broker", "waiting for", "no progress", "clock"] {
            assert!(!stderr.contains(trouble), "{stderr}");
        }
    }
}

/// Waits until `count` finds 20 messages more than now.
fn goes_on(offset: &str, count: impl Fn() -> usize) {
    let before = count();
    eventually(DEADLINE, format_args!("messages after {offset}"), || {
        count() > before + 20
    });
}

fn stored_in(mongo: &Mongo) -> Vec<u64> {
    let number = |document: &mongodb::bson::Document| {
        let value = document.get_document("value").expect("a value");
        let number = value.get_i32("n").map(i64::from);
        let number = number.or_else(|_| value.get_i64("n")).expect("a number");
        u64::try_from(number).expect("not negative")
    };
    documents(mongo, "sensors").iter().map(number).collect()
}

#[test]
fn a_clock_that_jumps_disturbs_nothing_with_mongodb() {
    let (broker, mut mongo, clock) = (Broker::start(), Mongo::start(), FakeClock::new());
    let url = mongo.url();
    let receiver = subscriber(&clock, &broker, &["--store", &url]);
    let sender = publisher(&clock, &broker);
    for offset in JUMPS {
        clock.set(offset);
        goes_on(offset, || stored_in(&mongo).len());
    }
    // Messages that wait in the spool while the clock goes back and forth.
    assert_undisturbed(&broker, [&receiver, &sender]);
    mongo.stop();
    receiver.wait_for_stderr("waiting for store");
    for offset in JUMPS {
        clock.set(offset);
        let acknowledged = || broker.log().matches("Received PUBACK from jumper").count();
        goes_on(offset, acknowledged);
    }
    mongo.start_again();
    goes_on("the database is back", || stored_in(&mongo).len());
    let reconnects = broker.log().matches("New client connected").count();
    assert_eq!(reconnects, 2);

    interrupt(sender);
    let totals = interrupt(receiver);
    assert!(totals.contains("rejected 0"), "{totals}");
    assert!(totals.contains("spooled 0"), "{totals}");
    assert_whole(&stored_in(&mongo));
    let years: BTreeSet<_> = documents(&mongo, "sensors")
        .iter()
        .map(|it| {
            it.get_datetime("reg_date")
                .expect("a date")
                .timestamp_millis()
                / 31_557_600_000
        })
        .collect();
    assert!(years.len() >= 4, "the clock did not jump: {years:?}");
}

#[test]
fn a_clock_that_jumps_disturbs_nothing_with_sqlite() {
    let (broker, clock) = (Broker::start(), FakeClock::new());
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let receiver = subscriber(&clock, &broker, &["--store", &store]);
    let sender = publisher(&clock, &broker);
    let count = || {
        sqlite(&file, "select count(*) from readings")
            .trim()
            .parse::<usize>()
            .expect("a count")
    };
    for offset in JUMPS {
        clock.set(offset);
        goes_on(offset, count);
    }
    assert_undisturbed(&broker, [&receiver, &sender]);
    interrupt(sender);
    interrupt(receiver);
    assert_whole(&numbers_in(&file));
}

fn numbers_in(file: &Path) -> Vec<u64> {
    let numbers = sqlite(file, "select json_extract(value, '$.n') from sensors");
    numbers
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect()
}

#[test]
fn pings_go_on_after_a_jump() {
    let (broker, clock) = (Broker::start(), FakeClock::new());
    let receiver = subscriber(&clock, &broker, &["--store", "none"]);
    let pings = || broker.log().matches("Received PINGREQ from jumper").count();
    for offset in ["-20y", "+30y"] {
        let before = pings();
        clock.set(offset);
        eventually(DEADLINE, format_args!("a ping after {offset}"), || {
            pings() > before
        });
    }
    let connects = broker.log().matches("New client connected").count();
    assert_eq!(connects, 1, "{}", receiver.stderr());
}

#[test]
fn an_identifier_is_new_after_a_restart_with_the_clock_set_back() {
    let (broker, mongo, clock) = (Broker::start(), Mongo::start(), FakeClock::new());
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let (url, port) = (mongo.url(), broker.port().to_string());
    let run = || {
        let args = ["-p", &port, "--durable", "-i", "jumper", "--store", &url];
        let running = clock
            .under(sub(&args).env("XDG_STATE_HOME", folder.path()))
            .spawn();
        running.wait_for_stderr("Connected with result code 0");
        running
    };
    let mut receiver = run();
    broker.wait_for_log("Sending SUBACK to jumper", DEADLINE);
    let sender = publisher(&clock, &broker);
    for offset in ["+1h", "-1h", "+1h"] {
        clock.set(offset);
        goes_on(offset, || stored_in(&mongo).len());
        receiver.kill();
        receiver = run();
    }
    interrupt(sender);
    let totals = interrupt(receiver);
    assert!(totals.contains("rejected 0"), "{totals}");
    // With QoS 1 a killed subscriber gets some messages again; none may be missing.
    let numbers: BTreeSet<_> = stored_in(&mongo).into_iter().collect();
    assert_whole(&numbers.into_iter().collect::<Vec<_>>());
}
