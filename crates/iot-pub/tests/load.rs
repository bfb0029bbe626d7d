//! Many devices and connections, a rate, and the report. Nothing here depends on the speed of the
//! machine.

mod common;

use std::collections::BTreeMap;

use common::{bare, ends_well, ends_with, iot_pub};
use serde_json::Value;
use testkit::{Broker, DEADLINE, FaultyNet, Program, Running, eventually};

fn report(ended: &Running) -> Value {
    serde_json::from_str(&ended.stdout()).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// A subscriber that ends after `count` messages.
fn subscriber(broker: &Broker, count: usize) -> Running {
    let count = count.to_string();
    let subscriber = broker.mosquitto_sub(["-t", "iot/#", "-q", "1", "-F", "%t %p", "-C", &count]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    subscriber
}

/// Returns the number of messages on each topic.
#[track_caller]
fn topics(subscriber: Running) -> BTreeMap<String, usize> {
    let mut topics = BTreeMap::new();
    for line in ends_with(subscriber, 0).stdout().lines() {
        let topic = line.split(' ').next().unwrap_or_default();
        *topics.entry(topic.to_owned()).or_default() += 1;
    }
    topics
}

#[test]
fn devices_share_one_connection_and_print_what_they_publish() {
    let broker = Broker::start();
    let args = "-q 1 --devices 3 --topic iot/{device} --interval 1ms --count 9";
    let ended = ends_well(iot_pub(broker.port(), args).spawn());
    let printed = ended.stdout();
    for device in ["iot/1 ", "iot/2 ", "iot/3 "] {
        let count = printed.lines().filter(|line| line.starts_with(device));
        assert_eq!(count.count(), 3, "{printed}");
    }
    assert_eq!(broker.log().matches("New client connected").count(), 1);
}

#[test]
fn devices_without_a_placeholder_share_the_topic() {
    let broker = Broker::start();
    let ended = ends_with(iot_pub(broker.port(), "-q 1 --devices 4 -m x").spawn(), 0);
    assert_eq!(
        ended.stderr(),
        "iot-pub: all 4 devices publish to `iot/home2/temp` (for a topic each, put {device} into -t, as in 'iot/home{device}/temp')\n"
    );
    assert_eq!(ended.stdout(), "iot/home2/temp x\n".repeat(4));
}

#[test]
fn devices_are_spread_over_connections_with_ids_from_the_prefix() {
    let broker = Broker::start();
    let subscriber = subscriber(&broker, 100);
    let args = "-q 1 --connections 5 --devices 10 --id-prefix home- --topic iot/{device} --rate 1000/s --count 100";
    let ended = ends_well(iot_pub(broker.port(), args).spawn());
    assert_eq!(ended.stdout(), "");
    let topics = topics(subscriber);
    assert_eq!(topics.len(), 10);
    assert!(topics.values().all(|count| *count == 10), "{topics:?}");
    let log = broker.log();
    for number in 1..=5 {
        let client = format!(" as home-{number} (");
        assert_eq!(log.matches(&client).count(), 1, "{client}");
        let received = format!("Received PUBLISH from home-{number} ");
        assert_eq!(log.matches(&received).count(), 20, "{received}");
    }
}

#[test]
fn the_report_counts_everything() {
    let broker = Broker::start();
    for (qos, acknowledged) in [(0, 0), (1, 500), (2, 500)] {
        let args = format!("-q {qos} --rate 100000/s --count 500 --report json");
        let report = report(&ends_well(iot_pub(broker.port(), &args).spawn()));
        assert_eq!(report["messages"], 500);
        assert_eq!(report["sent"], 500);
        assert_eq!(report["acknowledged"], acknowledged);
        for none in ["unacknowledged", "failed", "dropped", "skipped"] {
            assert_eq!(report[none], 0, "{none}");
        }
        assert_eq!(report["rate_asked"], 100_000.0);
        assert_eq!(report["acknowledgement_ms"].is_object(), qos > 0);
        let late = &report["lateness_ms"];
        let figure = |name: &str| late[name].as_f64().expect(name);
        let names = ["min", "p50", "p90", "p99", "p99_9", "max"];
        assert!(names.windows(2).all(|two| figure(two[0]) <= figure(two[1])));
    }
}

/// Returns the report with every number except the counts as `0.0`.
fn without_times(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_inclusive([' ', ',', '/', '\n']) {
        let number = word.trim_end_matches([' ', ',', '/', '\n']);
        let value = number.rsplit(':').next().unwrap_or_default();
        let is_time = value.contains('.') && value.parse::<f64>().is_ok();
        words.push(if is_time {
            word.replace(value, "0.0")
        } else {
            word.to_owned()
        });
    }
    words.concat()
}

#[test]
fn the_report_as_json_and_as_text() {
    let broker = Broker::start();
    let run = |format: &str| {
        let args = format!(
            "-q 1 -t iot/{{device}} --devices 2 --connections 2 --rate 999.5/s --count 50 --verify --report {format}"
        );
        ends_well(iot_pub(broker.port(), &args).spawn()).stdout()
    };
    let json: Value = serde_json::from_str(&run("json")).expect("one object");
    let json = without_times(&serde_json::to_string_pretty(&json).expect("it is JSON"));
    insta::assert_snapshot!(json);
    insta::assert_snapshot!(without_times(&run("text")));
}

#[test]
fn a_duration_ends_it() {
    let broker = Broker::start();
    let args = "-q 1 --rate 1000/s --for 0.2s --report json";
    let report = report(&ends_well(iot_pub(broker.port(), args).spawn()));
    // Each one that was due within the time is published, however late.
    assert_eq!(report["acknowledged"], 200);
    let printed = ends_well(iot_pub(broker.port(), "--interval 100ms --for 0.25s").spawn());
    assert!((1..=3).contains(&printed.stdout().lines().count()));
}

#[test]
fn a_slow_broker_shows_as_latency_and_nothing_is_left_out() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let args = "-q 1 --rate 200/s --count 100 --report json";
    let publisher = iot_pub(net.port(), args).spawn();
    broker.wait_for_log("Received PUBLISH", DEADLINE);
    net.freeze();
    let frozen = std::time::Instant::now();
    // The event is the time, because the schedule follows the clock.
    eventually(DEADLINE, "half a second", || {
        frozen.elapsed().as_millis() >= 500
    });
    net.thaw();
    let report = report(&ends_well(publisher));
    assert_eq!(report["acknowledged"], 100);
    let latency = &report["acknowledgement_ms"];
    assert!(
        latency["max"].as_f64().expect("a number") >= 400.0,
        "{latency}"
    );
    // Not just the one that waited first: all that were due meanwhile.
    assert!(
        latency["p90"].as_f64().expect("a number") >= 100.0,
        "{latency}"
    );
}

#[test]
fn when_the_queue_is_full_the_schedule_waits_and_keeps_the_due_times() {
    let broker = Broker::start();
    let args = "-q 1 --rate 1000000/s --count 500 --max-queued 10 --max-inflight 5 --report json";
    let report = report(&ends_well(iot_pub(broker.port(), args).spawn()));
    assert_eq!(report["acknowledged"], 500);
    assert_eq!(report["skipped"], 0);
    assert!(report["lateness_ms"]["max"].as_f64() > Some(0.0));
}

#[test]
fn a_lost_connection_is_reported_once_for_all_and_everything_arrives() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let args = "-q 1 --connections 5 --rate 500/s --count 1000 --report json";
    let publisher = iot_pub(net.port(), args).spawn();
    broker.wait_for_log("Received PUBLISH", DEADLINE);
    net.cut();
    let ended = ends_with(publisher, 0);
    let report = report(&ended);
    assert_eq!(report["acknowledged"], 1000);
    assert_eq!(report["connections_lost"], 5);
    let port = net.port();
    assert_eq!(
        ended.stderr(),
        format!(
            "iot-pub: lost one of 5 connections to broker `127.0.0.1:{port}`: the broker closed the connection; connecting again\n\
             iot-pub: all 5 connections to broker `127.0.0.1:{port}` are open again\n"
        )
    );
}

#[test]
fn qos_0_without_a_connection_is_dropped_and_fails_a_count() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let publisher = iot_pub(net.port(), "--rate 1000/s --count 500 --report json").spawn();
    broker.wait_for_log("Received PUBLISH", DEADLINE);
    net.refuse(true);
    net.cut();
    let ended = ends_with(publisher, 1);
    let report = report(&ended);
    let count = |name: &str| report[name].as_u64().expect(name);
    assert!(count("dropped") > 0);
    assert_eq!(count("sent") + count("dropped"), 500);
    assert!(
        ended
            .stderr()
            .ends_with("dropped while the broker was away\n")
    );
}

#[test]
fn a_signal_ends_it_with_its_report() {
    let broker = Broker::start();
    let mut publisher = iot_pub(broker.port(), "-q 1 --rate 100/s --report json").spawn();
    broker.wait_for_log("m3, ", DEADLINE);
    publisher.interrupt();
    let ended = ends_with(publisher, 0);
    let report = report(&ended);
    assert!(report["messages"].as_u64() >= Some(3));
    assert_eq!(report["messages"], report["acknowledged"]);
}

/// Runs iot-pub in a shell with this limit of open files.
fn limited(files: &str, port: u16, args: &str) -> Program {
    let script = format!("ulimit {files} && exec \"$0\" -h 127.0.0.1 -p {port} {args}");
    Program::new("bash").args(["-c", &script, env!("CARGO_BIN_EXE_iot-pub")])
}

#[test]
fn more_connections_than_open_files_are_reported_before_the_start() {
    let ended = ends_with(limited("-Sn 256", 1, "--connections 300").spawn(), 1);
    assert_eq!(
        ended.stderr(),
        "iot-pub: 300 connections need 332 open files, the limit is 256: `ulimit -n 332` raises it for this shell\n"
    );
    let ended = ends_with(limited("-n 256", 1, "--connections 300").spawn(), 1);
    assert_eq!(
        ended.stderr(),
        "iot-pub: 300 connections need 332 open files, the limit is 256, its hard limit 256: \
         `sudo prlimit --pid $$ --nofile=332` raises both for this shell\n"
    );
}

#[test]
fn nine_hundred_connections_with_just_the_files_they_need() {
    let broker = Broker::builder().config("max_connections -1").start();
    let args =
        "--connections 900 --connect-rate 2000/s -q 1 --rate 3000/s --count 1800 --report json";
    let ended = ends_well(limited("-n 932", broker.port(), args).spawn());
    let report = report(&ended);
    assert_eq!(report["connections"], 900);
    assert_eq!(report["acknowledged"], 1800);
    #[cfg(target_os = "linux")]
    {
        let bytes = report["memory"]["idle_connection_bytes"].as_u64();
        let bytes = bytes.expect("what an idle connection takes");
        assert!((1_000..16_384).contains(&bytes), "{bytes}");
    }
    let log = broker.log();
    assert_eq!(log.matches("New client connected").count(), 900);
}

#[test]
fn idle_connections_stay_open() {
    let broker = Broker::start();
    let args = "--connections 20 --devices 1 --connect-rate 1000/s --rate 100/s --id-prefix c";
    let mut publisher = iot_pub(broker.port(), args).spawn();
    broker.wait_for_log("Received PUBLISH from c1 ", DEADLINE);
    let log = broker.log();
    assert_eq!(log.matches("New client connected").count(), 20);
    assert!(!log.contains("Received PUBLISH from c2 "));
    publisher.interrupt();
    ends_well(publisher);
    assert_eq!(broker.log().matches("Received DISCONNECT").count(), 20);
}

#[test]
fn options_that_make_no_sense_together() {
    for (args, line) in [
        (
            "--rate 1/s --interval 1s",
            "`--rate` cannot be used with `--interval` (leave one of them out)",
        ),
        (
            "-i a --connections 2",
            "`-i` names one client (give --id-prefix PREFIX for clients PREFIX1, PREFIX2 and so on)",
        ),
        (
            "-c --connections 2",
            "`-c` needs client identifiers, by which the broker finds the sessions (give --id-prefix PREFIX)",
        ),
        (
            "--verify -m x",
            "`--verify` cannot be used with `-m` (leave one of them out)",
        ),
        (
            "--replay day.csv --rate 5/s",
            "`--replay` cannot be used with `--rate` (leave one of them out)",
        ),
        (
            "--scenario home.toml --devices 5",
            "`--scenario` cannot be used with `--devices` (leave one of them out)",
        ),
        (
            "--verify --payload-template {{value}}",
            "`--verify` cannot be used with `--payload-template` (leave one of them out)",
        ),
    ] {
        let ended = ends_with(bare(args).spawn(), 2);
        assert_eq!(ended.stderr(), format!("iot-pub: {line}\n"));
    }
}

#[test]
fn a_wrong_rate_is_refused() {
    let ended = ends_with(bare("--rate fast").spawn(), 2);
    assert_eq!(
        ended.stderr().lines().next(),
        Some(
            "iot-pub: invalid value `fast` for `--rate`: a rate is a positive number and its unit, up to 1000000000/s: 5000/s, 300/m or 10/h"
        )
    );
}

#[test]
fn a_scenario_is_spread_over_connections_too() {
    let broker = Broker::start();
    let scenario = "[[group]]\nname = \"bed\"\ncount = 6\ntopic = \"iot/bed/{number}\"\ninterval = \"1ms\"\nqos = 1\nmodel = \"daily(18,22)\"\n";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("beds.toml");
    std::fs::write(&file, scenario).expect("the folder can be written");
    let subscriber = subscriber(&broker, 60);
    let args = format!(
        "--scenario {} --connections 3 --rate 1000/s --count 60 --report json",
        file.display()
    );
    let report = report(&ends_well(iot_pub(broker.port(), &args).spawn()));
    assert_eq!(report["devices"], 6);
    assert_eq!(report["acknowledged"], 60);
    let topics = topics(subscriber);
    assert_eq!(topics.len(), 6);
    assert!(topics.values().all(|count| *count == 10), "{topics:?}");
}

#[test]
fn a_recording_is_reported_to_its_end() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("day.csv");
    let lines = "topic,value,time\niot/a,1,2026-01-01T00:00:00Z\niot/b,2,2026-01-01T00:00:01Z\n";
    std::fs::write(&file, lines).expect("the folder can be written");
    let args = format!("-q 1 --replay {} --speed max --report json", file.display());
    let report = report(&ends_well(iot_pub(broker.port(), &args).spawn()));
    assert_eq!(report["acknowledged"], 2);
}

#[test]
fn on_a_terminal_a_line_says_how_far_it_is() {
    let broker = Broker::start();
    let (program, port) = (env!("CARGO_BIN_EXE_iot-pub"), broker.port());
    let command = format!("{program} -h 127.0.0.1 -p {port} -q 1 --rate 100/s --for 0.6s");
    // From Debian's `bsdutils`, which is always there.
    let ended = Program::new("script")
        .args(["-qec", &command, "/dev/null"])
        .spawn();
    let shown = ends_with(ended, 0).stdout();
    assert!(shown.contains("\r\u{1b}[K[##"), "{shown:?}");
    assert!(shown.ends_with("\r\u{1b}[K"), "{shown:?}");
}
