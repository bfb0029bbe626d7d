//! `--embedded`: a broker and a store inside the process, nothing else.

mod common;

use std::net::TcpListener;

use common::{interrupt, publish, sqlite, sub};
use testkit::{DEADLINE, Program, Running, eventually};

const READY: &str = " iot/ready 0.0";

/// What was printed but for the first reading.
fn printed(program: &Running) -> String {
    let stdout = program.stdout();
    let lines = stdout.lines().filter(|line| *line != READY);
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The totals of a run in which everything was stored.
fn totals(program: &Running) -> String {
    let count = program.stdout().lines().count();
    format!("iot-sub: received {count}, stored {count}, rejected 0")
}

/// Starts `iot-sub --embedded` on a free port, and returns that port. Its subscription stands then:
/// it has received the first reading, ` iot/ready 0.0`, which is retained and so comes even if the
/// subscription comes later (and twice, if both come at the same moment).
#[track_caller]
fn start(args: &[&str]) -> (Running, u16) {
    let program = sub(&["--embedded", "--listen", "127.0.0.1:0"])
        .args(args)
        .spawn();
    let line = program.wait_for_stderr("broker listens on");
    let port = line.rsplit_once(':').unwrap().1.parse().unwrap();
    publish(port, &["-t", "iot/ready", "-r", "-m", "0"]);
    program.wait_for_stdout(READY);
    (program, port)
}

#[test]
fn the_embedded_pair_prints_and_stores_what_is_published() {
    let (program, port) = start(&[]);
    let published = publish(port, &["--count", "3", "--interval", "10ms"]);
    eventually(DEADLINE, "three readings", || {
        printed(&program).lines().count() == 3
    });
    let lines = published.lines();
    let expected: String = lines.flat_map(|line| [" ", line, "\n"]).collect();
    assert_eq!(printed(&program), expected);
    let file = program.folder().join("iot.db");
    let store = tempfile::tempdir().unwrap();
    let copy = store.path().join("iot.db");
    let rows = sqlite(
        &file,
        "select topic, value, reg_date from sensors where topic like '%temp'",
    );
    for (row, line) in rows.lines().zip(published.lines()) {
        let fields: Vec<&str> = row.split('|').collect();
        let value: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
        assert_eq!(fields[0], "iot/home2/temp");
        // The sqlite3 program shows 15 digits.
        assert!(
            (fields[1].parse::<f64>().unwrap() - value).abs() < 1e-9,
            "{row}"
        );
        assert!(fields[2].ends_with('Z') && fields[2].len() == 24, "{row}");
    }
    assert_eq!(rows.lines().count(), 3);
    // One file after a clean end: the log of changes is folded in.
    let mut program = program;
    program.interrupt();
    assert!(program.wait().success());
    std::fs::copy(&file, &copy).unwrap();
    let count = program.stdout().lines().count();
    assert_eq!(
        sqlite(&copy, "select count(*) from sensors"),
        format!("{count}\n")
    );
    assert_eq!(
        program.stderr().lines().last(),
        Some(totals(&program).as_str())
    );
}

#[test]
fn mosquitto_s_clients_can_use_it_on_both_versions_and_each_qos() {
    let (program, port) = start(&["-q", "2"]);
    let port = port.to_string();
    let mut expected = Vec::new();
    for version in ["mqttv311", "mqttv5"] {
        for qos in ["0", "1", "2"] {
            let topic = format!("iot/{version}/{qos}");
            let mut tool = Program::new("mosquitto_pub")
                .args([
                    "-p", &port, "-V", version, "-q", qos, "-t", &topic, "-m", qos,
                ])
                .spawn();
            assert!(tool.wait().success(), "{}", tool.stderr());
            expected.push(format!(" {topic} {qos}.0"));
        }
    }
    for line in &expected {
        program.wait_for_stdout(line);
    }
    let totals = totals(&program);
    assert_eq!(interrupt(program), totals);
}

#[test]
fn what_is_stored_stays_over_a_restart_and_rejections_lie_beside() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("my.db").display());
    for payload in ["1", "hello"] {
        let (program, port) = start(&["--store", &store]);
        publish(port, &["-m", payload]);
        if payload == "hello" {
            program.wait_for_stderr("rejected a message on `iot/home2/temp`: not a number or JSON");
        } else {
            program.wait_for_stdout(" iot/home2/temp 1.0");
        }
        interrupt(program);
    }
    let file = folder.path().join("my.db");
    assert_eq!(
        sqlite(&file, "select value from sensors where topic like '%temp'"),
        "1.0\n"
    );
    let rejected = "select topic, payload, length, reason from sensors_rejected";
    assert_eq!(
        sqlite(&file, rejected),
        "iot/home2/temp|hello|5|not a number or JSON\n"
    );
    assert!(folder.path().join("my.db.broker").is_dir());
}

#[test]
fn a_port_that_is_taken_is_reported_in_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut program = sub(&["--embedded", "--listen", &address]).spawn();
    assert_eq!(program.wait().code(), Some(1));
    assert_eq!(
        program.stderr(),
        format!(
            "iot-sub: cannot listen on `{address}`: the address is already in use (is another broker running? choose another address with --listen)\n"
        )
    );
}

#[test]
fn options_that_exclude_each_other_are_reported_but_variables_are_ignored() {
    let mut program = sub(&["--embedded", "--host", "example"]).spawn();
    assert_eq!(program.wait().code(), Some(2));
    assert_eq!(
        program.stderr().lines().next(),
        Some("iot-sub: `--embedded` cannot be used with `--host` (leave one of them out)")
    );
    let mut program = sub(&["--listen", "127.0.0.1:0"]).spawn();
    assert_eq!(program.wait().code(), Some(2));

    let program = sub(&["--embedded", "--listen", "127.0.0.1:0"])
        .env("IOT_HOST", "example")
        .spawn();
    program.wait_for_stderr("Connected with result code 0");
    interrupt(program);
}

#[test]
fn a_message_that_matches_two_filters_is_stored_once() {
    for version in ["311", "5"] {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("iot.db").display());
        let filters = ["-t", "iot/#", "-t", "iot/+/t", "-t", "iot/ready"];
        let (program, port) = start(&[&filters[..], &["-q", "2", "--store", &store]].concat());
        for qos in ["0", "1", "2"] {
            publish(
                port,
                &["-V", version, "-q", qos, "-t", "iot/1/t", "-m", qos],
            );
        }
        let line = interrupt(program);
        assert_eq!(line, "iot-sub: received 4, stored 4, rejected 0");
    }
}

#[test]
fn the_first_message_on_another_topic_is_named() {
    let (program, port) = start(&["-t", "iot/#"]);
    // Refused, so no filter would receive it.
    publish(port, &["-t", "$SYS/a", "-m", "0", "-q", "1"]);
    publish(port, &["-t", "zigbee2mqtt/a", "-m", "1", "-q", "1"]);
    program.wait_for_stderr(
        "iot-sub: `zigbee2mqtt/a` does not match -t 'iot/#': messages on other topics are passed on \
         to subscribers and not received here (-t '#' receives all)",
    );
    publish(port, &["-t", "zigbee2mqtt/b", "-m", "2", "-q", "1"]);
    publish(port, &["-t", "iot/a", "-m", "3"]);
    program.wait_for_stdout(" iot/a 3.0");
    assert_eq!(program.stderr().matches("does not match").count(), 1);
    interrupt(program);
}
