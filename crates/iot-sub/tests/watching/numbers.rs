//! The numbers of `/metrics`, `--stats` and SIGUSR1.

use testkit::{Broker, DEADLINE, Mongo, Program, eventually};

use crate::common::{interrupt, publish, start, sub};
use crate::page::{Scrape, address, becomes, get};

pub(crate) const SPOOLED: &[&str] = &[
    "-q",
    "1",
    "--ack-after",
    "spool",
    "--metrics",
    "127.0.0.1:0",
];

#[test]
fn each_metric_changes_as_it_should() {
    let mut broker = Broker::start();
    let mut mongo = Mongo::start();
    let program = start(&broker, &mongo.url(), SPOOLED);
    let at = address(&program);
    let port = broker.port();
    publish(port, &["-q", "1", "--count", "20", "--interval", "1ms"]);
    broker.mosquitto_pub(["-q", "1", "-t", "iot/x", "-m", "not a number"]);
    let scrape = becomes(at, "stored_total", 20.0);
    becomes(at, "rejected_total", 1.0);
    assert!((scrape.value("broker_connected") - 1.0).abs() < 0.1);
    assert!((scrape.value("store_up") - 1.0).abs() < 0.1);
    assert!((scrape.value("ready") - 1.0).abs() < 0.1);
    assert!(scrape.value("commit_duration_seconds_count") >= 1.0);
    assert!(scrape.value("commit_duration_seconds_sum") > 0.0);
    assert!(scrape.value("delivery_duration_seconds_sum") > 0.0);
    assert!(scrape.value("spool_bytes") > 0.0);
    assert!((scrape.value("spool_limit_bytes") - f64::from(1 << 30)).abs() < 1.0);
    becomes(at, "commit_batch_size_sum", 21.0);
    becomes(at, "delivery_batch_size_sum", 21.0);
    becomes(at, "spool_oldest_age_seconds", 0.0);

    // Without its database it is as ready as before.
    mongo.kill();
    publish(port, &["-q", "1", "--count", "5", "--interval", "1ms"]);
    becomes(at, "spooled", 5.0);
    let scrape = becomes(at, "store_up", 0.0);
    assert!(scrape.value("delivery_failures_total") >= 0.0);
    assert_eq!(get(at, "/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(get(at, "/livez"), (200, "alive\n".to_owned()));
    eventually(DEADLINE, "the oldest gets older", || {
        Scrape::of(at).value("spool_oldest_age_seconds") > 1.0
    });
    eventually(DEADLINE, "failures are counted", || {
        Scrape::of(at).value("delivery_failures_total") >= 1.0
    });
    mongo.start_again();
    becomes(at, "stored_total", 25.0);
    becomes(at, "store_up", 1.0);
    becomes(at, "spooled", 0.0);

    broker.stop();
    becomes(at, "broker_connected", 0.0);
    let (status, text) = get(at, "/readyz");
    assert_eq!(status, 503);
    assert_eq!(text, "not ready: there is no connection to the broker\n");
    assert_eq!(get(at, "/livez").0, 200);
    broker.start_again();
    becomes(at, "broker_reconnects_total", 1.0);
    becomes(at, "ready", 1.0);
    assert_eq!(get(at, "/readyz").0, 200);
    interrupt(program);
}

#[test]
fn what_an_earlier_run_has_left_is_found() {
    let broker = Broker::start();
    let mongo = Mongo::reserve();
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool").display().to_string();
    let args = ["-q", "1", "--spool", &spool, "--metrics", "127.0.0.1:0"];
    let mut program = start(&broker, &mongo.url(), &args);
    publish(
        broker.port(),
        &["-q", "1", "--count", "3", "--interval", "1ms"],
    );
    becomes(address(&program), "spooled", 3.0);
    program.kill();
    let program = start(&broker, &mongo.url(), &args);
    let scrape = becomes(address(&program), "found_total", 3.0);
    assert!((scrape.value("spooled") - 3.0).abs() < 0.5);
}

#[test]
fn the_sum_is_right_at_every_scrape_under_load() {
    let broker = Broker::start();
    let mongo = Mongo::start();
    let args = [SPOOLED, &["--stats", "100ms"]].concat();
    let mut program = start(&broker, &mongo.url(), &args);
    let at = address(&program);
    let port = broker.port().to_string();
    let mut publisher = Program::new(testkit::program("iot-pub"))
        .args(["-p", &port, "-q", "1", "--rate", "4000/s", "--for", "3s"])
        .spawn();
    let mut busy = 0;
    let mut scrapes = 0;
    while publisher.is_running() {
        let scrape = Scrape::of(at);
        scrapes += 1;
        if scrape.value("in_flight") + scrape.value("spooled") > 0.0 {
            busy += 1;
        }
        program.signal_user();
    }
    assert!(scrapes > 20 && busy > 0, "{busy} of {scrapes}");
    let lines: Vec<_> = program.stderr().lines().map(str::to_owned).collect();
    let equations: Vec<_> = lines.iter().filter(|line| line.contains(" = ")).collect();
    assert!(equations.len() > 20, "{lines:?}");
    for line in equations {
        assert_equation(line);
    }
    interrupt(program);
}

/// Checks a line as `iot-sub: received 3 + found 0 = stored 2 + … + in flight 1; …`.
#[track_caller]
fn assert_equation(line: &str) {
    let line = line.strip_prefix("iot-sub: ").expect("a line of ours");
    let (equation, rates) = line.split_once("; ").expect("rates behind it");
    assert!(rates.contains("/s"), "{line}");
    let sides = equation.split(" = ").map(|side| {
        let terms = side.split(" + ");
        let numbers = terms.map(|term| term.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        numbers.collect::<Vec<_>>()
    });
    let sides: Vec<_> = sides.collect();
    assert_eq!(sides.len(), 2, "{line}");
    assert_eq!((sides[0].len(), sides[1].len()), (2, 6), "{line}");
    assert_eq!(
        sides[0].iter().sum::<u64>(),
        sides[1].iter().sum::<u64>(),
        "{line}"
    );
}

#[test]
fn the_numbers_are_printed_on_sigusr1_and_every_so_often() {
    let broker = Broker::start();
    let mut program = start(&broker, "none", &[]);
    publish(broker.port(), &["-m", "1"]);
    // It is printed before it is counted.
    let expected = "received 1 + found 0 = stored 1 + duplicates 0";
    eventually(DEADLINE, "the numbers are printed", || {
        program.signal_user();
        program.stderr().contains(expected)
    });
    assert_equation(&program.wait_for_stderr(expected));
    assert!(program.is_running());
    interrupt(program);

    let program = start(&broker, "none", &["--stats", "50ms"]);
    eventually(DEADLINE, "three lines", || {
        program.stderr().matches("received 0 + found 0 = ").count() >= 3
    });
    interrupt(program);
}

#[test]
fn sigusr1_ends_nothing_while_the_store_is_waited_for() {
    let mongo = Mongo::reserve();
    let mut program = sub(&["--store", &mongo.url(), "--ack-after", "store"]).spawn();
    program.wait_for_stderr("waiting for store");
    program.signal_user();
    program.wait_for_stderr("received 0 + found 0");
    assert!(program.is_running());
    program.interrupt();
    assert!(program.wait().success());
}
