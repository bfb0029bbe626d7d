//! Each option of what is taken, by its effect.

mod common;

use common::{interrupt, publish, sqlite, start, sub};
use testkit::{Broker, DEADLINE, Program, Running, eventually};

/// `iot-sub` that prints topic and payload; returns once its subscription stands.
#[track_caller]
fn verbose(broker: &Broker, args: &[&str]) -> Running {
    start(broker, "none", &[&["-v", "-i", "ours"], args].concat())
}

#[track_caller]
fn refused(args: &[&str], message: &str) {
    let mut program = sub(&["-p", "1", "--store", "none"]).args(args).spawn();
    assert_eq!(
        program.wait().code(),
        Some(2),
        "{args:?}: {}",
        program.stderr()
    );
    assert!(
        program.stderr().contains(message),
        "{args:?}: {}",
        program.stderr()
    );
}

/// Ends a program and returns what it printed.
#[track_caller]
fn ended(mut program: Running) -> String {
    assert_eq!(program.wait().code(), Some(0), "{}", program.stderr());
    program.stdout()
}

#[test]
fn a_filter_can_have_a_qos_of_its_own() {
    let broker = Broker::start();
    let program = start(
        &broker,
        "none",
        &[
            "-q", "2", "-t", "a@1", "-t", "b@0", "-t", "c", "-t", "d@@1", "-F", "%t %q", "-C", "4",
        ],
    );
    for topic in ["a", "b", "c", "d@1"] {
        broker.mosquitto_pub(["-q", "2", "-t", topic, "-m", "1"]);
    }
    let output = ended(program);
    let mut lines: Vec<&str> = output.lines().collect();
    // QoS 2 takes one more round trip.
    lines.sort_unstable();
    assert_eq!(lines, ["a 1", "b 0", "c 2", "d@1 2"]);
}

#[test]
fn filtered_out_is_neither_printed_nor_counted_nor_stored() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let args = [
        "-v",
        "-q",
        "1",
        "-T",
        "iot/secret/#",
        "-T",
        "iot/x",
        "-C",
        "2",
    ];
    let mut program = start(&broker, &store, &args);
    for topic in ["iot/secret", "iot/a", "iot/x", "iot/secret/b", "iot/c"] {
        broker.mosquitto_pub(["-q", "1", "-t", topic, "-m", "1"]);
    }
    assert!(program.wait().success());
    assert_eq!(program.stdout(), "iot/a 1\niot/c 1\n");
    assert!(
        program
            .stderr()
            .ends_with("received 5, stored 2, rejected 0, skipped 3\n"),
        "{}",
        program.stderr()
    );
    assert_eq!(sqlite(&file, "select topic from sensors"), "iot/a\niot/c\n");
}

#[test]
fn unsubscribes_from_what_an_earlier_run_has_left() {
    let broker = Broker::start();
    let session = ["-c", "-i", "ours", "-q", "1"];
    interrupt(start(
        &broker,
        "none",
        &[&session[..], &["-t", "old"]].concat(),
    ));
    let program = start(
        &broker,
        "none",
        &[&session[..], &["-v", "-t", "new", "-U", "old"]].concat(),
    );
    broker.wait_for_log("Sending UNSUBACK to ours", DEADLINE);
    broker.mosquitto_pub(["-q", "1", "-t", "old", "-m", "1"]);
    broker.mosquitto_pub(["-q", "1", "-t", "new", "-m", "2"]);
    program.wait_for_stdout("new 2");
    assert_eq!(program.stdout(), "new 2\n");
}

#[test]
fn exactly_so_many_are_taken_and_the_broker_keeps_the_rest() {
    for version in ["31", "311", "5"] {
        for qos in ["1", "2"] {
            let broker = Broker::start();
            let session = ["-V", version, "-c", "-i", "ours", "-q", qos, "-t", "a"];
            // Leaves the session.
            interrupt(start(&broker, "none", &session));
            for payload in ["1", "2", "3", "4", "5", "6"] {
                broker.mosquitto_pub(["-q", qos, "-t", "a", "-m", payload]);
            }
            let port = broker.port().to_string();
            let take = |count: &str| {
                let program =
                    sub(&["-p", &port, "--store", "none", "-N", "-C", count]).args(session);
                ended(program.spawn())
            };
            assert_eq!(take("2"), "12", "MQTT {version} QoS {qos}");
            assert_eq!(take("1"), "3", "MQTT {version} QoS {qos}");
            assert_eq!(take("3"), "456", "MQTT {version} QoS {qos}");
        }
    }
}

#[test]
fn no_more_are_asked_for_than_are_taken() {
    let peer = testkit::ScriptedPeer::listen();
    let port = peer.port().to_string();
    let program = sub(&[
        "-p", &port, "--store", "none", "-V", "5", "-C", "3", "-q", "1",
    ])
    .spawn();
    let mut broker = peer.accept();
    let connect = broker.read_packet();
    // Receive maximum is property 0x21.
    assert!(
        connect.windows(3).any(|bytes| bytes == [0x21, 0, 3]),
        "{connect:02x?}"
    );
    drop(program);
}

#[test]
fn timed_out() {
    let broker = Broker::start();
    let mut program = start(&broker, "none", &["-W", "1"]);
    assert_eq!(program.wait().code(), Some(27));
    assert!(
        program.stderr().ends_with("\nTimed out\n"),
        "{}",
        program.stderr()
    );
    // Also where there is no broker, and no store.
    for store in ["none", "mongodb://127.0.0.1:1"] {
        let mut program = sub(&["-p", "1", "-W", "1", "--store", store]).spawn();
        assert_eq!(program.wait().code(), Some(27));
        program.wait_for_stderr("Timed out");
    }
}

#[test]
fn what_came_before_the_time_was_over_is_stored() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let mut program = start(&broker, &format!("sqlite:{}", file.display()), &["-W", "2"]);
    publish(broker.port(), &["-m", "1"]);
    assert_eq!(program.wait().code(), Some(27));
    assert_eq!(sqlite(&file, "select value from sensors"), "1.0\n");
}

#[test]
fn exits_after_suback() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let args = [
        "-p", &port, "--store", "none", "-E", "-c", "-i", "ours", "-q", "1",
    ];
    assert_eq!(ended(sub(&args).args(["-t", "a"]).spawn()), "");
    broker.mosquitto_pub(["-q", "1", "-t", "a", "-m", "1"]);
    // It had subscribed, and what came since comes before SUBACK. This one unsubscribes before it
    // exits.
    let output = ended(sub(&args).args(["-v", "-t", "b", "-U", "a"]).spawn());
    assert_eq!(output, "a 1\n");
    broker.wait_for_log("Sending UNSUBACK to ours", DEADLINE);
    broker.mosquitto_pub(["-q", "1", "-t", "a", "-m", "3"]);
    broker.mosquitto_pub(["-q", "1", "-t", "b", "-m", "4"]);
    let args = ["-c", "-i", "ours", "-q", "1", "-t", "b", "-v", "-C", "1"];
    let program = sub(&["-p", &port, "--store", "none"]).args(args).spawn();
    assert_eq!(ended(program), "b 4\n");
}

#[test]
fn retained_messages_are_left_out() {
    for version in ["31", "311", "5"] {
        let broker = Broker::start();
        broker.mosquitto_pub(["-r", "-t", "a", "-m", "old"]);
        let program = verbose(&broker, &["-V", version, "-t", "a", "-R", "-C", "1"]);
        broker.mosquitto_pub(["-r", "-t", "a", "-m", "new"]);
        assert_eq!(ended(program), "a new\n", "MQTT {version}");
    }
}

#[test]
fn retained_messages_only() {
    for version in ["31", "311", "5"] {
        let broker = Broker::start();
        for topic in ["a", "b"] {
            broker.mosquitto_pub(["-r", "-t", topic, "-m", "old"]);
        }
        let program = verbose(&broker, &["-V", version, "-t", "#", "--retained-only"]);
        program.wait_for_stdout("b old");
        broker.mosquitto_pub(["-t", "a", "-m", "new"]);
        let output = ended(program);
        assert_eq!(output, "a old\nb old\n", "MQTT {version}");
    }
}

#[test]
fn retained_messages_are_removed_but_not_those_left_out() {
    for version in ["31", "311", "5"] {
        let broker = Broker::start();
        let topics: Vec<String> = (0..30).map(|n| format!("a/{n:02}")).collect();
        for topic in &topics {
            broker.mosquitto_pub(["-r", "-t", topic, "-m", "1"]);
        }
        broker.mosquitto_pub(["-r", "-t", "b", "-m", "2"]);
        let args = [
            "-V",
            version,
            "-t",
            "#",
            "-T",
            "b",
            "--remove-retained",
            "-C",
            "30",
        ];
        assert_eq!(ended(verbose(&broker, &args)).lines().count(), 30);
        let mut rest = broker.mosquitto_sub(["-v", "-t", "#", "-W", "1"]);
        rest.wait();
        assert_eq!(rest.stdout(), "b 2\n", "MQTT {version}");
    }
}

#[test]
fn removing_retained_readings_rejects_nothing() {
    let broker = Broker::start();
    broker.mosquitto_pub(["-r", "-t", "iot/a", "-m", "1"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let program = start(&broker, &store, &["--remove-retained"]);
    eventually(DEADLINE, "the removal has come back", || {
        broker.log().matches("Sending PUBLISH to").count() == 2
    });
    publish(broker.port(), &["-m", "2"]);
    program.wait_for_stdout(" iot/home2/temp 2.0");
    assert_eq!(
        interrupt(program),
        "iot-sub: received 3, stored 2, rejected 0, skipped 1"
    );
    assert_eq!(
        sqlite(&file, "select count(*) from sensors_rejected"),
        "0\n"
    );
}

#[test]
fn retain_handling() {
    let broker = Broker::start();
    broker.mosquitto_pub(["-r", "-t", "a", "-m", "old"]);
    let session = ["-V", "5", "-c", "-i", "ours", "-v", "-q", "1", "-t", "a"];
    let port = broker.port().to_string();
    let take = |when: &str| {
        let program = sub(&["-p", &port, "--store", "none", "--retain-handling", when]);
        let mut program = program.args(session).args(["-C", "1"]).spawn();
        eventually(DEADLINE, "SUBACK or the end", || {
            let sent = broker.log().matches("Sending SUBACK to ours").count();
            let subscribed = broker.log().matches("Received SUBSCRIBE from ours").count();
            sent > 0 && sent == subscribed && program.stderr().contains("Connected")
        });
        broker.mosquitto_pub(["-q", "1", "-t", "a", "-m", "live"]);
        let output = ended(std::mem::replace(
            &mut program,
            Program::new("true").spawn(),
        ));
        output.trim_end().to_owned()
    };
    // A new subscription, then one that the session has.
    assert_eq!(take("new"), "a old");
    let second = take("new");
    assert_eq!(second, "a live");
    let never = take("never");
    assert_eq!(never, "a live");
    refused(
        &["--retain-handling", "new"],
        "`--retain-handling` needs MQTT 5 (give -V 5)",
    );
    refused(
        &["--retain-handling", "seldom", "-V", "5"],
        "invalid value `seldom`",
    );
}

#[test]
fn retain_as_published() {
    let mut broker = Broker::start();
    for (args, expected) in [
        (&["-V", "5", "--retain-as-published"][..], "1 1\n"),
        (&["-V", "5"], "0 1\n"),
    ] {
        let all = [&["-F", "%r %p", "-t", "a", "-C", "1"], args].concat();
        let program = start(&broker, "none", &all);
        broker.mosquitto_pub(["-r", "-t", "a", "-m", "1"]);
        assert_eq!(ended(program), expected);
        broker.mosquitto_pub(["-r", "-t", "a", "-n"]);
        broker.restart();
    }
    refused(
        &["--retain-as-published"],
        "`--retain-as-published` needs MQTT 5 (give -V 5)",
    );
}

#[test]
fn no_local_goes_to_the_broker() {
    let peer = testkit::ScriptedPeer::listen();
    let port = peer.port().to_string();
    let program = sub(&["-p", &port, "--store", "none", "-V", "5"])
        .args([
            "--no-local",
            "--retain-handling",
            "new",
            "-t",
            "a@1",
            "-t",
            "b",
        ])
        .spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(&[0x20, 3, 0, 0, 0]);
    let subscribe = broker.read_packet();
    // No local is bit 2, retain handling bits 4 and 5.
    assert_eq!(
        subscribe[5..],
        [0, 1, b'a', 0b01_0101, 0, 1, b'b', 0b01_0100]
    );
    drop(program);
    refused(&["--no-local"], "`--no-local` needs MQTT 5 (give -V 5)");
    refused(
        &["--no-local", "-V", "5", "-t", "$share/g/a"],
        "`--no-local` cannot be used with the shared subscription `$share/g/a`",
    );
}

#[test]
fn a_percentage_is_taken() {
    let broker = Broker::start();
    let program = verbose(&broker, &["-t", "a", "--random-filter", "50"]);
    let lines = "1\n".repeat(1000);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines).unwrap();
    let output = std::process::Command::new("mosquitto_pub")
        .args(["-p", &broker.port().to_string(), "-q", "1", "-t", "a", "-l"])
        .stdin(std::fs::File::open(file.path()).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success());
    broker.mosquitto_pub(["-t", "a", "-m", "1"]);
    let mut last = program;
    eventually(DEADLINE, "most have come", || {
        broker.log().matches("Sending PUBLISH to ours").count() > 20
    });
    last.interrupt();
    assert!(last.wait().success());
    let stderr = last.stderr();
    let line = stderr.lines().last().unwrap();
    let of = |name: &str| -> usize {
        let (_, rest) = line.split_once(name).unwrap_or(("", "0"));
        let digits = rest.trim_start();
        let end = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        digits[..end].parse().unwrap()
    };
    let (received, skipped) = (of("received "), of("skipped "));
    let taken = last.stdout().lines().count();
    assert_eq!(taken + skipped, received, "{line}");
    // One in a million billions is further off.
    assert!(
        received < 100 || (taken * 4 > received && taken * 4 < received * 3),
        "{line}"
    );
    refused(&["--random-filter", "0"], "a percentage is 0.1 to 100");
}

#[test]
fn the_rate_of_messages() {
    let broker = Broker::start();
    let program = start(&broker, "none", &["--message-rate", "-t", "a"]);
    for _ in 0..3 {
        broker.mosquitto_pub(["-t", "a", "-m", "1"]);
    }
    eventually(DEADLINE, "three were counted", || {
        let output = program.stdout();
        let counts = output.lines().map(|line| {
            let count = line.strip_suffix(" msgs/s").expect("a rate");
            count.parse::<u32>().unwrap()
        });
        counts.sum::<u32>() == 3
    });
    interrupt(program);
}

#[test]
fn watching_prints_each_message_without_a_terminal() {
    let broker = Broker::start();
    let program = verbose(&broker, &["-t", "#", "--watch", "-C", "3"]);
    for (topic, payload) in [("a", "1"), ("b", "1"), ("a", "2")] {
        broker.mosquitto_pub(["-t", topic, "-m", payload]);
    }
    assert_eq!(ended(program), "a 1\nb 1\na 2\n");
}

#[test]
fn what_excludes_each_other_is_wrong_usage() {
    for (args, message) in [
        (
            &["--json", "--csv"][..],
            "`--json` cannot be used with `--csv`",
        ),
        (&["--json", "-v"], "`--json` cannot be used with `-v`"),
        (&["--csv", "-F", "%p"], "`--csv` cannot be used with `-F`"),
        (&["--json", "-w"], "`--json` cannot be used with `-w`"),
        (
            &["-R", "--retained-only"],
            "`-R` cannot be used with `--retained-only`",
        ),
        (&["-C", "0"], "a count is a whole number, 1 or more"),
        (&["-C", "-1"], "a count is a whole number, 1 or more"),
        (&["-W", "0"], "invalid value `0`"),
        (&["-W", "-1"], "invalid value `-1` for `-W`"),
        (
            &["--random-filter", "-5.2"],
            "invalid value `-5.2` for `--random-filter`: a percentage is 0.1 to 100",
        ),
        (&["-T", "a/#/b"], "`#` must be the last level"),
        (&["-U", "a+"], "invalid value `a+`"),
    ] {
        refused(args, message);
    }
}
