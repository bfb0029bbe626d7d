//! Alerts: what is reported, where it arrives, and what a restart changes.

#[path = "../common/mod.rs"]
mod common;
mod destinations;
mod flipping;
mod history;
mod killed;
mod webhook;

use std::path::Path;

use common::{interrupt, publish, sqlite, start, sub};
use testkit::{Broker, DEADLINE, Running, eventually};

/// `iot-sub` with a SQLite store in `folder` and these options.
fn watch(broker: &Broker, folder: &Path, args: &[&str]) -> Running {
    let store = format!("sqlite:{}", folder.join("iot.db").display());
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", &store, "--alert-file"])
        .args([folder.join("alerts")])
        .args(args)
        .spawn();
    program.wait_for_stderr("Connected with result code 0");
    program
}

#[track_caller]
fn send(broker: &Broker, topic: &str, value: &str) {
    publish(broker.port(), &["-q", "1", "-t", topic, "-m", value]);
}

/// The lines of reports on stderr.
fn reports(program: &Running) -> Vec<String> {
    let stderr = program.stderr();
    let lines = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("iot-sub: "));
    let is_report = |line: &&str| line.starts_with("ALERT ") || line.starts_with("ok ");
    lines.filter(is_report).map(str::to_owned).collect()
}

#[test]
fn begin_and_end_are_reported_once() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let rule = "hot: iot/x > 30 clear < 28";
    let program = watch(&broker, folder.path(), &["-q", "1", "--alert", rule]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    for value in ["29", "31", "33", "29", "31", "27", "20"] {
        send(&broker, "iot/x", value);
    }
    program.wait_for_stderr("ok hot");
    assert_eq!(reports(&program)[0], "ALERT hot: iot/x: 31 (> 30)");
    assert_eq!(reports(&program).len(), 2);
    interrupt(program);
    let stored = sqlite(
        &folder.path().join("iot.db"),
        "select count(*) from sensors",
    );
    assert_eq!(stored, "7\n");
}

#[test]
fn a_silent_series_is_reported_and_its_return() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let program = watch(&broker, folder.path(), &["--silent-after", "2s"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    send(&broker, "iot/x", "1");
    program.wait_for_stderr("ALERT silent: iot/x: no reading for ");
    send(&broker, "iot/x", "1");
    program.wait_for_stderr("ok silent: iot/x: a reading again after ");
    interrupt(program);
}

#[test]
fn a_series_of_the_store_is_missed_after_a_restart() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let program = watch(&broker, folder.path(), &[]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    send(&broker, "iot/dead", "1");
    program.wait_for_stdout("iot/dead");
    interrupt(program);
    let program = watch(&broker, folder.path(), &["--silent-after", "2s"]);
    program.wait_for_stderr("ALERT silent: iot/dead: no reading for ");
    interrupt(program);
}

#[test]
fn a_killed_program_neither_forgets_nor_repeats() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let args = ["--durable", "-i", "watcher", "--alert", "hot: iot/x > 30"];
    let state = folder.path().join("state");
    let run = || {
        let store = format!("sqlite:{}", folder.path().join("iot.db").display());
        let port = broker.port().to_string();
        let program = sub(&["-p", &port, "--store", &store])
            .env("XDG_STATE_HOME", &state)
            .args(args)
            .spawn();
        program.wait_for_stderr("Connected with result code 0");
        program
    };
    let mut program = run();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    send(&broker, "iot/x", "31");
    program.wait_for_stderr("ALERT hot");
    program.kill();
    // What arrives meanwhile is not lost: the session is kept by the broker.
    send(&broker, "iot/x", "32");
    let mut program = run();
    program.wait_for_stdout(" iot/x 32.0");
    send(&broker, "iot/x", "33");
    program.wait_for_stdout(" iot/x 33.0");
    // The report that was on its way may come again; a second one is not made.
    let again = reports(&program);
    assert!(
        again.iter().all(|line| line.contains("iot/x: 31")),
        "{again:?}"
    );
    program.kill();
    send(&broker, "iot/x", "20");
    let program = run();
    program.wait_for_stderr("ok hot: iot/x: 20; `> 30` lasted ");
    let ends = reports(&program)
        .into_iter()
        .filter(|line| line.starts_with("ok "));
    assert_eq!(ends.count(), 1);
    interrupt(program);
}

#[test]
fn wrong_options_are_refused_before_anything_connects() {
    for (args, expected) in [
        (&["--alert", "iot/x hot"][..], "`hot` is not a condition"),
        (
            &["--alert", "a > 1", "--alert", "b > 1"],
            "two alerts are named `above`",
        ),
        (&["--silent-after", "soon"], "or `auto`"),
        (
            &["--alert-topic", "a/{name}/{topic}"],
            "`--alert-topic` needs --alert or --silent-after",
        ),
        (
            &["--alert", "a > 1", "--alert-topic", "a/{name}"],
            "{name} and {topic}",
        ),
        (
            &["--alert", "a > 1", "--alert-discovery"],
            "needs --alert-topic",
        ),
        (
            &["--alert", "a > 1", "--alert-format", "ntfy"],
            "`--alert-format` needs --alert-url",
        ),
        (
            &["--alert", "a > 1", "--alert-exec-timeout", "1s"],
            "`--alert-exec-timeout` needs --alert-exec",
        ),
        (
            &["--alert", "freezer iot/f > 3"],
            "a name ends with a colon, as in 'freezer: iot/f > 3'",
        ),
        (
            &["--alert", "a > 1", "--alert-url", "ftp://x"],
            "http:// or https://",
        ),
    ] {
        let mut program = sub(&["--store", "none"]).args(args).spawn();
        assert_eq!(program.wait().code(), Some(2), "{args:?}");
        let stderr = program.stderr();
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
    }
}

#[test]
fn a_file_of_rules_has_alerts_and_destinations() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.toml");
    let text = "[alerts]\ntopic = \"a/{name}/{topic}\"\n\n[[alert]]\nname = \"hot\"\nfilter = \"iot/x\"\n\
                condition = \"> 30\"\nclear = \"< 28\"\n\n[[silent-after]]\nfilter = \"iot/y\"\ntime = \"2s\"\n";
    std::fs::write(&rules, text).unwrap();
    let args = ["--rules", rules.to_str().unwrap()];
    let program = watch(&broker, folder.path(), &args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    for (topic, value) in [("iot/y", "1"), ("iot/x", "31"), ("iot/x", "27")] {
        send(&broker, topic, value);
    }
    program.wait_for_stderr("ok hot: iot/x: 27");
    program.wait_for_stderr("ALERT silent: iot/y: no reading for ");
    // They may reach the broker after stderr.
    eventually(DEADLINE, "the broker keeps the reports", || {
        let mut kept = broker.mosquitto_sub(["-t", "a/#", "-C", "2", "-F", "%r %t"]);
        assert!(kept.wait().success());
        kept.stdout().contains("1 a/hot/iot/x")
    });
    interrupt(program);
    // Wrong rules end the program before it connects.
    std::fs::write(&rules, text.replace("> 30", "hot")).unwrap();
    let mut program = sub(&["--store", "none"]).args(args).spawn();
    assert_eq!(program.wait().code(), Some(2));
    let stderr = program.stderr();
    let expected = format!(
        "iot-sub: rules `{}`, line 7, key `condition`: `hot` is not a condition",
        rules.display()
    );
    assert!(stderr.starts_with(&expected), "{stderr}");
}

#[test]
fn alerts_work_without_a_store() {
    let broker = Broker::start();
    let program = start(&broker, "none", &["--alert", "iot/x rejected"]);
    send(&broker, "iot/x", "1");
    program.wait_for_stdout("iot/x 1.0");
    interrupt(program);
}

#[test]
fn a_payload_beyond_the_limit_is_a_rejected_message() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let args = ["--max-payload", "1KiB", "--alert", "iot/x rejected"];
    let program = watch(&broker, folder.path(), &args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    send(&broker, "iot/x", &"1".repeat(1_025));
    let reason = "its payload of 1025 bytes is larger than the limit of 1024";
    program.wait_for_stderr(&format!("ALERT rejected: iot/x: {reason} (rejected)"));
    send(&broker, "iot/x", "1");
    program.wait_for_stderr("ok rejected: iot/x");
    interrupt(program);
}

#[test]
fn a_filter_that_selects_too_much_or_nothing_is_reported() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "-t",
        "#",
        "--decode",
        "known",
        "--alert",
        "freezer: zigbee2mqtt/freezer > -10",
        "--alert",
        "one: zigbee2mqtt/freezer#temperature > -10",
        "--alert",
        "typo: zigbee2mqtt/freezer#temprature > -10",
        "--alert",
        "away: foo/bar > 3",
        "--silent-after",
        "zigbee2mqtt/nevr=1h",
    ];
    let mut program = watch(&broker, folder.path(), &args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    for _ in 0..2 {
        let json = r#"{"temperature":-18.5,"battery":97}"#;
        send(&broker, "zigbee2mqtt/freezer", json);
    }
    program.wait_for_stderr("ALERT freezer: zigbee2mqtt/freezer#battery: 97 % (> -10)");
    send(&broker, "iot/end", "1");
    program.wait_for_stdout("iot/end");
    assert_eq!(reports(&program).len(), 1);
    program.interrupt();
    assert!(program.wait().success());
    let stderr = program.stderr();
    let is_meant = |line: &&str| line.contains("zigbee2mqtt") || line.contains("foo/bar");
    let lines: Vec<&str> = stderr.lines().filter(is_meant).collect();
    assert_eq!(
        lines,
        [
            "iot-sub: alert `freezer` watches each value of `zigbee2mqtt/freezer`: `battery`, `temperature` (to watch one, write its name behind the topic, as in 'zigbee2mqtt/freezer#battery')",
            "iot-sub: ALERT freezer: zigbee2mqtt/freezer#battery: 97 % (> -10)",
            "iot-sub: alert `typo` has seen no reading of `zigbee2mqtt/freezer#temprature` (metrics of `zigbee2mqtt/freezer`: `battery`, `temperature`)",
            "iot-sub: alert `away` has seen no reading of `foo/bar`",
            "iot-sub: --silent-after has seen no reading of `zigbee2mqtt/nevr`",
        ]
    );
}

#[test]
fn a_series_that_is_named_and_never_heard_is_silent() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let program = watch(&broker, folder.path(), &["--silent-after", "iot/never=1s"]);
    program.wait_for_stderr("ALERT silent: iot/never: no reading for ");
    send(&broker, "iot/never", "1");
    program.wait_for_stderr("ok silent: iot/never: a reading again after ");
    interrupt(program);
}
