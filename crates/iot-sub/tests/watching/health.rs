//! `/livez`, `/readyz`, and the lines on stderr that match them.

use std::time::{Duration, Instant};

use testkit::{Broker, DEADLINE, FaultyDisk, FaultyNet, Mongo, ScriptedPeer, Way, eventually};

use crate::common::{interrupt, publish, start, sub};
use crate::numbers::SPOOLED;
use crate::page::{Scrape, address, becomes, get};

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
fn a_broker_that_leaves_the_subscription_unanswered_is_reported() {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let program = sub(&["-p", &port, "--store", "none", "--metrics", "127.0.0.1:0"]).spawn();
    let at = address(&program);
    let mut broker = peer.accept();
    assert_eq!(broker.read_packet()[0], 0x10);
    broker.send(&[0x20, 2, 0, 0]);
    assert_eq!(broker.read_packet()[0], 0x82);
    let reason = "not ready: the broker has not acknowledged the subscription yet\n";
    eventually(DEADLINE, "it is connected", || {
        get(at, "/readyz").1 == reason
    });
    program.wait_for_stderr("the broker has not acknowledged the subscription for 5 s");
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
    assert_eq!(crate::common::documents(&mongo, "sensors").len(), 20);
}

/// A network that loses what is said to MongoDB, and brings its answers, heartbeats among them.
#[track_caller]
fn loses_requests_to_mongodb(args: &[&str], acknowledged_before: bool) {
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
    assert_eq!(crate::common::documents(&mongo, "sensors").len(), 2);
}

#[test]
fn a_network_that_loses_requests_to_mongodb_is_noticed_within_seconds() {
    loses_requests_to_mongodb(&["--ack-after", "spool"], true);
}

#[test]
fn without_a_spool_it_is_noticed_too() {
    loses_requests_to_mongodb(&["--ack-after", "store"], false);
}

#[test]
fn a_network_that_loses_one_direction_is_noticed_and_costs_nothing() {
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
fn a_store_that_is_away_is_not_reported_as_a_broker_that_is_away() {
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
fn a_store_on_a_full_disk_is_reported_and_not_ready_until_there_is_room() {
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
    assert!(
        line.contains(
            ": the disk is full; messages are not acknowledged until there is room (the broker"
        ),
        "{line}"
    );
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
fn a_subscription_that_is_refused_or_granted_less_is_reported() {
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
        "iot-sub: the broker grants QoS 1 at most for `b`, not 2: messages with QoS 1 can arrive twice"
    );
    let line = program.wait_for_stderr("for `c`");
    assert_eq!(
        line,
        "iot-sub: the broker grants QoS 0 at most for `c`, not 2: messages with QoS 0 can be lost"
    );
    becomes(at, "refused_filters", 1.0);
    let expected = "ready, but the broker refuses 1 of the subscriptions\n";
    assert_eq!(get(at, "/readyz"), (200, expected.to_owned()));
}

#[test]
fn a_broker_that_grants_only_qos_0_is_reported_with_the_loss() {
    let broker = Broker::builder().config("max_qos 0").start();
    let program = start(&broker, "none", &["-q", "1"]);
    program.wait_for_stderr(
        "grants QoS 0 at most for `iot/#`, not 1: messages with QoS 0 can be lost",
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
    let expected = (503, "not ready: stdout is not read\n".to_owned());
    eventually(DEADLINE, "it is held up", || get(at, "/readyz") == expected);
    program.kill().unwrap();
    program.wait().unwrap();
    drop(reader);
}
