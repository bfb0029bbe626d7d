//! What can be watched of a running program: its numbers on stderr and for Prometheus, its health, and what it tells the
//! service manager.

mod common;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};
use std::time::{Duration, Instant};

use common::{interrupt, publish, start, sub};
use testkit::{
    Broker, DEADLINE, FaultyDisk, FaultyNet, Mongo, Program, Running, ScriptedPeer, Way, eventually,
};

/// Where a program serves its metrics.
#[track_caller]
fn address(program: &Running) -> SocketAddr {
    let line = program.wait_for_stderr("metrics are at http://");
    let (_, address) = line.split_once("http://").unwrap();
    address.strip_suffix("/metrics").unwrap().parse().unwrap()
}

/// The status code and the body of the answer to GET.
#[track_caller]
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let answer = ask(
        address,
        format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(),
    );
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).expect("a status").parse();
    (status.expect("a number"), body.to_owned())
}

fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // It may answer and close before everything is written.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&part[..length]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("no end of the answer: {error}"),
        }
    }
    String::from_utf8(answer).expect("UTF-8")
}

/// The samples of a page by their names, labels included. Checks that the page is what Prometheus wants.
#[track_caller]
fn samples(page: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut family: Option<(&str, &str)> = None;
    let mut help: Option<&str> = None;
    let mut seen = Vec::new();
    assert!(page.ends_with('\n'), "the last line has no end");
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, text) = rest.split_once(' ').expect("a help text");
            assert!(text.ends_with('.') && !text.contains('\\'), "{line}");
            assert!(help.replace(name).is_none(), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(help.take(), Some(name), "{line}");
            assert!(!seen.contains(&name), "{name} comes twice");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(name.starts_with("iot_sub_"), "{line}");
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{line}"
            );
            seen.push(name);
            family = Some((name, kind));
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            let value: f64 = value.parse().expect("a number");
            assert!(value.is_finite() && value >= 0.0, "{line}");
            let (of, kind) = family.expect("a type before it");
            let (bare, labels) = name.split_once('{').unwrap_or((name, "}"));
            match kind {
                "histogram" => {
                    let end = bare.strip_prefix(of).expect("one of the family");
                    assert!(["_bucket", "_sum", "_count"].contains(&end), "{line}");
                    assert_eq!(labels.starts_with("le=\""), end == "_bucket", "{line}");
                }
                _ => assert_eq!(bare, of, "{line}"),
            }
            assert!(!labels.contains("topic"), "{line}");
            assert!(samples.insert(name.to_owned(), value).is_none(), "{line}");
        }
    }
    check_histograms(&samples);
    samples
}

#[track_caller]
fn check_histograms(samples: &BTreeMap<String, f64>) {
    for (name, count) in samples.iter().filter(|(name, _)| name.ends_with("_count")) {
        let name = name.strip_suffix("_count").unwrap();
        let prefix = format!("{name}_bucket{{le=\"");
        let mut buckets: Vec<(f64, f64)> = samples
            .iter()
            .filter_map(|(bucket, count)| {
                let bound = bucket.strip_prefix(&prefix)?.strip_suffix("\"}")?;
                Some((bound.parse().expect("a bound"), *count))
            })
            .collect();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(buckets.len() > 5, "{name}");
        assert!(
            buckets.is_sorted_by(|one, other| one.1 <= other.1),
            "{name}"
        );
        assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{name}");
        assert!(samples.contains_key(&format!("{name}_sum")), "{name}");
    }
}

struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    #[track_caller]
    fn of(address: SocketAddr) -> Self {
        let (status, page) = get(address, "/metrics");
        assert_eq!(status, 200);
        let scrape = Self(samples(&page));
        scrape.assert_sum();
        scrape
    }

    #[track_caller]
    fn value(&self, name: &str) -> f64 {
        let name = format!("iot_sub_{name}");
        *self.0.get(&name).unwrap_or_else(|| panic!("no {name}"))
    }

    /// The equation, in each scrape.
    #[track_caller]
    #[expect(clippy::float_cmp, reason = "they are whole")]
    fn assert_sum(&self) {
        let came = self.value("received_total") + self.value("found_total");
        let went = [
            "stored_total",
            "duplicates_total",
            "rejected_total",
            "skipped_total",
        ]
        .map(|name| self.value(name));
        let went = went.iter().sum::<f64>() + self.value("spooled") + self.value("in_flight");
        assert_eq!(came, went, "{:?}", self.0);
    }
}

/// Waits until a metric has a value.
#[track_caller]
fn becomes(address: SocketAddr, name: &str, expected: f64) -> Scrape {
    let mut last = f64::NAN;
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline {
        let scrape = Scrape::of(address);
        last = scrape.value(name);
        if (last - expected).abs() < 0.5 {
            return scrape;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{name} is {last}, and not {expected}");
}

const SPOOLED: &[&str] = &[
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
fn a_spool_without_room_is_not_ready() {
    let broker = Broker::start();
    let mongo = Mongo::reserve();
    let args = [SPOOLED, &["--spool-limit", "1MiB"]].concat();
    let program = start(&broker, &mongo.url(), &args);
    let at = address(&program);
    assert_eq!(get(at, "/readyz").0, 200);
    let payload = format!("[\"{}\"]", "x".repeat(60_000));
    publish(
        broker.port(),
        &[
            "-q",
            "1",
            "-m",
            &payload,
            "--count",
            "30",
            "--interval",
            "1ms",
        ],
    );
    let scrape = becomes(at, "spool_full", 1.0);
    assert!(scrape.value("spool_bytes") >= scrape.value("spool_limit_bytes"));
    assert_eq!(
        get(at, "/readyz"),
        (503, "not ready: the spool has no room\n".to_owned())
    );
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
        sides[1].iter().sum(),
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

#[test]
fn slow_and_hostile_clients_hold_up_nobody() {
    let broker = Broker::start();
    let program = start(&broker, "none", &["--metrics", "127.0.0.1:0"]);
    let at = address(&program);
    // Many more than the server keeps open, none of which ever sends a request.
    let mut idle: Vec<_> = (0..100).map(|_| TcpStream::connect(at).unwrap()).collect();
    let mut slow = TcpStream::connect(at).unwrap();
    slow.write_all(b"GET /metrics HT").unwrap();
    let (status, page) = get(at, "/metrics");
    // The answer did not wait for a timeout of the idle ones: the youngest of them is still open.
    let youngest = idle.last_mut().unwrap();
    youngest.set_nonblocking(true).unwrap();
    let read = youngest.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(read, Err(ErrorKind::WouldBlock));
    // The oldest one was closed to make room.
    idle[0].set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(matches!(idle[0].read(&mut [0]), Ok(0) | Err(_)));
    assert_eq!(status, 200);
    assert!(samples(&page).contains_key("iot_sub_received_total"));
    drop(idle);

    let endless = [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 1 << 20]].concat();
    let answer = ask(at, &endless);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    let answer = ask(at, &[0xff; 100]);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    let answer = ask(
        at,
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(
        answer.to_ascii_lowercase().contains("allow: get, head"),
        "{answer}"
    );
    assert_eq!(get(at, "/metrics/").0, 404);
    let answer = ask(at, b"HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = ask(at, b"GET /metrics HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(
        answer.contains("text/plain; version=0.0.4; charset=utf-8"),
        "{answer}"
    );
    publish(broker.port(), &["-m", "1"]);
    program.wait_for_stdout("1.0");
    interrupt(program);
}

#[test]
fn an_address_that_is_taken_is_told_at_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut program = sub(&["--store", "none", "--metrics", &address]).spawn();
    assert_eq!(program.wait().code(), Some(1));
    let expected = format!("iot-sub: cannot listen on `{address}` for --metrics: ");
    let stderr = program.stderr();
    assert!(stderr.starts_with(&expected), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_broker_that_leaves_the_subscription_unanswered_is_told() {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let program = sub(&["-p", &port, "--store", "none", "--metrics", "127.0.0.1:0"]).spawn();
    let at = address(&program);
    let mut broker = peer.accept();
    assert_eq!(broker.read_packet()[0], 0x10);
    broker.send(&[0x20, 2, 0, 0]);
    assert_eq!(broker.read_packet()[0], 0x82);
    let reason = "not ready: the broker has not confirmed the subscription yet\n";
    eventually(DEADLINE, "it is connected", || {
        get(at, "/readyz").1 == reason
    });
    program.wait_for_stderr("the broker has not answered the subscription for 5 s");
}

#[test]
fn a_database_that_hangs_is_noticed_and_gets_everything_once_it_goes_on() {
    let broker = Broker::start();
    let mut mongo = Mongo::start();
    let program = start(&broker, &mongo.url(), SPOOLED);
    let at = address(&program);
    let port = broker.port();
    publish(port, &["-q", "1", "--count", "10", "--interval", "1ms"]);
    becomes(at, "stored_total", 10.0);
    mongo.freeze();
    publish(port, &["-q", "1", "--count", "10", "--interval", "1ms"]);
    becomes(at, "store_up", 0.0);
    program.wait_for_stderr("waiting for store");
    assert_eq!(get(at, "/readyz").0, 200);
    becomes(at, "spooled", 10.0);
    mongo.thaw();
    becomes(at, "stored_total", 20.0);
    becomes(at, "store_up", 1.0);
    let told = program.stderr().matches("waiting for store").count();
    assert_eq!(told, 1, "{}", program.stderr());
    interrupt(program);
    assert_eq!(common::documents(&mongo, "sensors").len(), 20);
}

/// A network that loses what is said to MongoDB, and brings its answers, heartbeats among them.
#[track_caller]
fn loses_what_is_said_to_mongodb(args: &[&str], acknowledged_before: bool) {
    let broker = Broker::start();
    let mongo = Mongo::start();
    let net = FaultyNet::to(mongo.port());
    let url = format!("mongodb://127.0.0.1:{}", net.port());
    let args = [&["-q", "1", "--metrics", "127.0.0.1:0"], args].concat();
    let program = start(&broker, &url, &args);
    let at = address(&program);
    publish(broker.port(), &["-q", "1", "-m", "1"]);
    becomes(at, "stored_total", 1.0);
    net.lose(Way::ToServer, true);
    let began = Instant::now();
    publish(broker.port(), &["-q", "1", "-m", "2"]);
    program.wait_for_stderr("waiting for store");
    let noticed = began.elapsed();
    // Five, and as much again for a loaded machine. The answer itself is waited for for 30.
    assert!(noticed < Duration::from_secs(15), "{noticed:?}");
    becomes(at, "store_up", 0.0);
    let ready = get(at, "/readyz").0;
    assert_eq!(ready, if acknowledged_before { 200 } else { 503 });
    net.lose(Way::ToServer, false);
    becomes(at, "stored_total", 2.0);
    becomes(at, "store_up", 1.0);
    program.wait_for_stderr("is back");
    interrupt(program);
    assert_eq!(common::documents(&mongo, "sensors").len(), 2);
}

#[test]
fn a_network_that_loses_what_is_said_to_mongodb_is_noticed_within_seconds() {
    loses_what_is_said_to_mongodb(&["--ack-after", "spool"], true);
}

#[test]
fn without_a_spool_it_is_noticed_too() {
    loses_what_is_said_to_mongodb(&["--ack-after", "store"], false);
}

#[test]
fn a_network_that_loses_what_one_side_says_to_the_other_is_noticed_and_costs_nothing() {
    let broker = Broker::start();
    for way in [Way::ToServer, Way::ToClient] {
        let net = FaultyNet::to(broker.port());
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("iot.db").display());
        let port = net.port().to_string();
        let id = format!("{way:?}");
        let program = sub(&["-p", &port, "--store", &store, "--metrics", "127.0.0.1:0"])
            .args(["-q", "1", "-c", "-i", &id, "-k", "5"])
            .spawn();
        let at = address(&program);
        becomes(at, "ready", 1.0);
        net.lose(way, true);
        publish(broker.port(), &["-q", "1", "-m", "1"]);
        program.wait_for_stderr("lost broker");
        becomes(at, "broker_connected", 0.0);
        assert_eq!(get(at, "/readyz").0, 503);
        net.lose(way, false);
        becomes(at, "ready", 1.0);
        eventually(DEADLINE, "it is stored", || {
            Scrape::of(at).value("stored_total") >= 1.0
        });
        interrupt(program);
    }
}

#[test]
fn a_store_that_is_waited_for_is_not_told_to_be_a_broker_that_is_away() {
    let broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", &mongo.url()])
        .args(["--ack-after", "store", "--metrics", "127.0.0.1:0"])
        .spawn();
    let at = address(&program);
    program.wait_for_stderr("waiting for store");
    let expected = (503, "not ready: the store is away\n".to_owned());
    assert_eq!(get(at, "/readyz"), expected);
    assert!(Scrape::of(at).value("store_up") < 0.5);
    mongo.start_again();
    becomes(at, "ready", 1.0);
    interrupt(program);
}

#[test]
fn a_store_s_file_on_a_full_disk_is_told_and_not_ready_until_there_is_room() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::at(folder.path());
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", &store, "-q", "1"]);
    let program = program.args(["-i", "full", "--metrics", "127.0.0.1:0"]);
    let program = disk.under(program).spawn();
    let at = address(&program);
    becomes(at, "ready", 1.0);
    disk.fill();
    publish(broker.port(), &["-q", "1", "-m", "1"]);
    let line = program.wait_for_stderr("waiting for store");
    assert!(line.contains(": the disk is full; "), "{line}");
    becomes(at, "store_up", 0.0);
    let expected = (503, "not ready: the store is away\n".to_owned());
    assert_eq!(get(at, "/readyz"), expected);
    assert!(!broker.log().contains("Received PUBACK from full"));
    disk.heal();
    becomes(at, "stored_total", 1.0);
    becomes(at, "ready", 1.0);
    program.wait_for_stderr("is back");
    interrupt(program);
}

#[test]
fn a_subscription_that_is_refused_or_granted_less_is_told() {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let program = sub(&["-p", &port, "--store", "none", "--metrics", "127.0.0.1:0"])
        .args(["-q", "2", "-t", "a", "-t", "b", "-t", "c"])
        .spawn();
    let at = address(&program);
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(&[0x20, 2, 0, 0]);
    let subscribe = broker.read_packet();
    broker.send(&[0x90, 5, subscribe[2], subscribe[3], 0x80, 1, 0]);
    program.wait_for_stderr("the broker refuses the subscription to `a`: no reason given");
    let line = program.wait_for_stderr("for `b`");
    assert_eq!(
        line,
        "iot-sub: the broker grants QoS 1 at most for `b`, not 2: what comes with QoS 1 may come twice"
    );
    let line = program.wait_for_stderr("for `c`");
    assert_eq!(
        line,
        "iot-sub: the broker grants QoS 0 at most for `c`, not 2: what comes with QoS 0 may get lost"
    );
    becomes(at, "refused_filters", 1.0);
    let expected = "ready, but the broker refuses 1 of the subscriptions\n";
    assert_eq!(get(at, "/readyz"), (200, expected.to_owned()));
}

#[test]
fn a_broker_that_knows_no_more_than_qos_0_is_told_to_lose_messages() {
    let broker = Broker::builder().config("max_qos 0").start();
    let program = start(&broker, "none", &["-q", "1"]);
    program.wait_for_stderr(
        "grants QoS 0 at most for `iot/#`, not 1: what comes with QoS 0 may get lost",
    );
    interrupt(program);
}

#[test]
fn where_nobody_reads_what_is_only_printed_it_is_not_ready() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_iot-sub"))
        .args(["-p", &port, "--store", "none", "--metrics", "127.0.0.1:0"])
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stderr = std::io::BufReader::new(program.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut stderr, &mut line).unwrap();
    let (_, at) = line.trim().split_once("http://").unwrap();
    let at = at.strip_suffix("/metrics").unwrap().parse().unwrap();
    becomes(at, "ready", 1.0);
    let payload = format!("[\"{}\"]", "x".repeat(100_000));
    let flood = ["-m", &payload, "--count", "100", "--interval", "1ms"];
    publish(broker.port(), &flood);
    let expected = (503, "not ready: nobody reads what is printed\n".to_owned());
    eventually(DEADLINE, "it is held up", || get(at, "/readyz") == expected);
    program.kill().unwrap();
    program.wait().unwrap();
    drop(reader);
}

/// A service manager's socket, and what it has been told.
struct Manager {
    socket: UnixDatagram,
    told: Vec<String>,
}

impl Manager {
    fn new(socket: UnixDatagram) -> Self {
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .unwrap();
        let told = Vec::new();
        Self { socket, told }
    }

    /// Waits for a line that begins with `text`.
    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            let mut buffer = [0; 4096];
            if let Ok(length) = self.socket.recv(&mut buffer) {
                let lines = std::str::from_utf8(&buffer[..length]).unwrap().lines();
                self.told.extend(lines.map(str::to_owned));
            }
            if self.told.iter().any(|line| line.starts_with(text)) {
                return;
            }
        }
        panic!("{text} was not told: {:?}", self.told);
    }
}

#[test]
fn the_service_manager_is_told_when_it_is_ready_that_it_lives_and_that_it_ends() {
    let mut broker = Broker::reserve();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let mut manager = Manager::new(UnixDatagram::bind(&path).unwrap());
    let port = broker.port().to_string();
    let mut program = sub(&["-p", &port, "--store", "none"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "300000")
        .spawn();
    // A broker that is away at the start is waited for, longer than the manager would by itself.
    manager.wait_for("EXTEND_TIMEOUT_USEC=");
    manager.wait_for("STATUS=there is no connection to the broker; received 0");
    assert!(!manager.told.contains(&"READY=1".to_owned()));
    broker.start_again();
    manager.wait_for("READY=1");
    manager.told.clear();
    manager.wait_for("WATCHDOG=1");
    publish(broker.port(), &["-m", "1"]);
    manager.wait_for("STATUS=all is well; received 1, stored 1, spooled 0");
    // A program that is stopped feeds no watchdog: there is silence for twice as long as it may wait.
    program.freeze();
    let silence = Some(Duration::from_millis(600));
    manager.socket.set_read_timeout(silence).unwrap();
    while manager.socket.recv(&mut [0; 4096]).is_ok() {}
    manager.told.clear();
    program.thaw();
    manager.wait_for("WATCHDOG=1");
    program.terminate();
    manager.wait_for("STOPPING=1");
    assert!(program.wait().success());
}

#[test]
fn the_service_manager_may_listen_at_an_abstract_name() {
    let broker = Broker::start();
    let name = format!("iot-sub-test-{}", std::process::id());
    let address = UnixAddress::from_abstract_name(&name).unwrap();
    let mut manager = Manager::new(UnixDatagram::bind_addr(&address).unwrap());
    let port = broker.port().to_string();
    let mut program = sub(&["-p", &port, "--store", "none"])
        .env("NOTIFY_SOCKET", format!("@{name}"))
        .spawn();
    manager.wait_for("READY=1");
    program.terminate();
    manager.wait_for("STOPPING=1");
    assert!(program.wait().success());
}

#[test]
fn a_service_manager_that_is_not_there_changes_nothing() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", "none"])
        .env("NOTIFY_SOCKET", "/nowhere/at/all")
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    interrupt(program);
}
