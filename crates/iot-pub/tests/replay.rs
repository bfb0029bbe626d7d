//! Recordings that are published again, as a subscriber sees them.

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Inbox, bare, ends_well, ends_with, iot_pub, lines, wait_for_lines};
use testkit::{Broker, Program, Running};

const CSV: &str = "topic,value,time\n\
                   iot/a,25.30,2026-06-21T06:00:00Z\n\
                   iot/b,\"{\"\"t\"\": 1}\",2026-06-21T06:00:00.2Z\n\
                   iot/a,\"two words\",2026-06-21T06:00:00.5Z\n";

const JSON: &str = r#"{"topic": "iot/a", "value": 25.30, "time": "2026-06-21T06:00:00Z"}
{"topic": "iot/b", "value": {"t": 1}, "time": "2026-06-21T06:00:00.2Z"}
{"topic": "iot/a", "value": "two words", "time": "2026-06-21T06:00:00.5Z"}
"#;

const ARRIVED: [&str; 3] = ["iot/a 25.30", "iot/b {\"t\": 1}", "iot/a two words"];

fn folder(name: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), text).unwrap();
    folder
}

fn replay(port: u16, folder: &Path, args: &str) -> Program {
    iot_pub(port, args).current_dir(folder)
}

/// Replays to the end with QoS 1, and returns the messages that have arrived.
#[track_caller]
fn arrived(name: &str, text: &str, args: &str) -> Vec<String> {
    let inbox = Inbox::open();
    let folder = folder(name, text);
    let args = format!("--replay {name} -q 1 {args}");
    ends_well(replay(inbox.port(), folder.path(), &args).spawn());
    inbox.arrived()
}

#[test]
fn csv_and_json_lines_arrive_as_they_were_recorded() {
    for (name, text) in [("rec.csv", CSV), ("rec.jsonl", JSON)] {
        assert_eq!(arrived(name, text, "--speed max"), ARRIVED);
    }
}

#[test]
fn a_spreadsheet_s_csv_is_read() {
    let text = CSV.replace("topic,value,time", "Topic;Value;Time");
    let text = text
        .replace(",2026", ";2026")
        .replace("a,", "a;")
        .replace("b,", "b;");
    assert_eq!(arrived("rec.csv", &text, "--speed max"), ARRIVED);
    let inbox = Inbox::open();
    let folder = tempfile::tempdir().unwrap();
    let utf16 = format!("\u{feff}{}", text.replace(';', "\t"));
    let utf16: Vec<u8> = utf16.encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(folder.path().join("rec.csv"), utf16).unwrap();
    let args = "--replay rec.csv -q 1 --speed max";
    ends_well(replay(inbox.port(), folder.path(), args).spawn());
    assert_eq!(inbox.arrived(), ARRIVED);
}

#[test]
fn an_empty_value_deletes_no_retained_message() {
    let broker = Broker::start();
    ends_well(iot_pub(broker.port(), "-t iot/a -r -m kept").spawn());
    let text = "topic,value,time\n\
                iot/b,1,2026-06-21T06:00:00Z\n\
                iot/a,,2026-06-21T06:00:00Z\n";
    let folder = folder("rec.csv", text);
    let args = "--replay rec.csv -r --speed max";
    let publisher = ends_with(replay(broker.port(), folder.path(), args).spawn(), 0);
    assert_eq!(
        publisher.stderr(),
        "iot-pub: skipped a bad line: rec.csv:3: the value is empty, which would delete the retained message of `iot/a` (-n does)\n\
         iot-pub: 1 bad line of `rec.csv` skipped\n"
    );
    let subscriber = broker.mosquitto_sub(["-t", "iot/#", "-v", "-C", "2"]);
    let mut retained = lines(&ends_with(subscriber, 0).stdout());
    retained.sort();
    assert_eq!(retained, ["iot/a kept", "iot/b 1"]);
}

#[test]
fn the_topic_may_be_another() {
    let mapped = arrived("rec.csv", CSV, "--speed max --topic iot/again/{topic}");
    let expected = ARRIVED.map(|line| format!("iot/again/{line}"));
    assert_eq!(mapped, expected);
    let mapped = arrived("rec.csv", CSV, "--speed max --topic iot/x --count 1");
    assert_eq!(mapped, ["iot/x 25.30"]);
}

#[test]
fn the_pace_is_that_of_the_recording_or_a_multiple() {
    let broker = Broker::start();
    let folder = folder("rec.csv", CSV);
    for (args, at_least) in [("", 500), ("--speed 0.5x", 1000), ("--speed 2x", 250)] {
        let start = Instant::now();
        let args = format!("--replay rec.csv {args}");
        let publisher = ends_well(replay(broker.port(), folder.path(), &args).spawn());
        assert!(start.elapsed() >= Duration::from_millis(at_least), "{args}");
        assert_eq!(lines(&publisher.stdout()), ARRIVED);
    }
}

#[test]
fn it_starts_again_at_the_end_with_loop() {
    let looped = arrived("rec.csv", CSV, "--speed max --loop --count 7");
    let expected: Vec<&str> = ARRIVED.into_iter().cycle().take(7).collect();
    assert_eq!(looped, expected);
}

#[test]
fn bad_lines_are_named_skipped_and_counted_or_end_it() {
    let text = CSV.replace("iot/b", "iot/+");
    let folder = folder("rec.csv", &text);
    let broker = Broker::start();
    let why = "rec.csv:3: topic name `iot/+` contains the wildcard `+` (only topic filters have wildcards)";

    let args = "--replay rec.csv --speed max";
    let publisher = ends_with(replay(broker.port(), folder.path(), args).spawn(), 0);
    assert_eq!(
        publisher.stderr(),
        format!(
            "iot-pub: skipped a bad line: {why}\n\
             iot-pub: 1 bad line of `rec.csv` skipped\n"
        )
    );
    assert_eq!(lines(&publisher.stdout()), [ARRIVED[0], ARRIVED[2]]);

    let args = "--replay rec.csv --speed max --strict";
    let publisher = ends_with(replay(broker.port(), folder.path(), args).spawn(), 1);
    assert_eq!(publisher.stderr(), format!("iot-pub: bad line: {why}\n"));
    assert_eq!(lines(&publisher.stdout()), [ARRIVED[0]]);
}

#[test]
fn an_unreadable_recording_is_reported_before_anything_connects() {
    #[track_caller]
    fn case(text: &str, args: &str, expected: &str) {
        let folder = folder("rec", text);
        let ended = ends_with(bare(args).current_dir(folder.path()).spawn(), 1);
        let stderr = ended.stderr();
        assert!(stderr.starts_with(expected), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
    case(
        "",
        "--replay nowhere.csv",
        "iot-pub: cannot read recording `nowhere.csv`: no such file or directory\n",
    );
    case(
        "a,25,2026-06-21T06:00:00Z\n",
        "--replay rec",
        "iot-pub: rec:1: there is no column `topic` in `a,25,2026-06-21T06:00:00Z`: a recording is CSV",
    );
    case(
        "",
        "--replay .",
        "iot-pub: cannot read `.`: it is a directory, not a file\n",
    );
}

#[test]
fn a_recording_of_nothing_is_a_failure() {
    let broker = Broker::start();
    for text in ["", "topic,value,time\n"] {
        let folder = folder("rec.csv", text);
        let args = "--replay rec.csv --loop";
        let publisher = ends_with(replay(broker.port(), folder.path(), args).spawn(), 1);
        assert_eq!(
            publisher.stderr(),
            "iot-pub: `rec.csv` has no line that can be replayed\n"
        );
    }
}

/// Replays the output of a shell command.
fn piped(port: u16, folder: &Path, command: &str) -> Running {
    let program = env!("CARGO_BIN_EXE_iot-pub");
    let line =
        format!("({command}) | '{program}' -h 127.0.0.1 -p {port} -q 1 --replay - --speed max");
    Program::new("sh")
        .args(["-c", &line])
        .current_dir(folder)
        .spawn()
}

#[test]
fn standard_input_is_published_as_it_comes() {
    let inbox = Inbox::open();
    let folder = folder("rec.csv", CSV);
    let fifo = folder.path().join("later");
    let made = Program::new("mkfifo").args([&fifo]).spawn();
    ends_well(made);
    let publisher = piped(inbox.port(), folder.path(), "cat rec.csv; cat later");
    wait_for_lines(&publisher, 3);
    fs::write(&fifo, "iot/c,4,2026-06-21T06:00:01Z\n").unwrap();
    ends_well(publisher);
    assert_eq!(inbox.arrived(), [&ARRIVED[..], &["iot/c 4"]].concat());
}

#[test]
fn a_bad_line_of_standard_input_is_named_too() {
    let broker = Broker::start();
    let folder = folder("rec.csv", &CSV.replace("25.30,", ""));
    let publisher = ends_with(piped(broker.port(), folder.path(), "cat rec.csv"), 0);
    let stderr = publisher.stderr();
    let expected = "iot-pub: skipped a bad line: standard input:2: 3 fields are needed, not 2\n\
                    iot-pub: 1 bad line of `standard input` skipped\n";
    assert_eq!(stderr, expected);
}

#[test]
fn ctrl_c_ends_it_while_it_waits() {
    let broker = Broker::start();
    let text = CSV.replace("06:00:00.5", "09:00:00");
    let folder = folder("rec.csv", &text);
    let mut publisher = replay(broker.port(), folder.path(), "--replay rec.csv").spawn();
    wait_for_lines(&publisher, 2);
    publisher.interrupt();
    let publisher = ends_well(publisher);
    assert_eq!(lines(&publisher.stdout()), ARRIVED[..2]);
}

#[test]
fn a_long_one_arrives_whole_and_in_order() {
    // A thousand lines, more than are read ahead.
    let line = |number: u32| {
        let (second, milli) = (number / 100, number % 100);
        format!("iot/n,{number},2026-06-21T06:00:0{second}.{milli:03}Z\n")
    };
    let text: String = (0..1000).map(line).collect();
    let text = format!("topic,value,time\n{text}");
    let arrived = arrived("rec.csv", &text, "--speed max");
    let expected: Vec<String> = (0..1000).map(|number| format!("iot/n {number}")).collect();
    assert_eq!(arrived, expected);
}

#[test]
fn a_topic_that_brokers_may_refuse_is_skipped_with_the_reason() {
    let inbox = Inbox::open();
    let text = CSV.replace("iot/b", "iot/\u{7}");
    let folder = folder("rec.csv", &text);
    let args = "--replay rec.csv -q 1 --speed max";
    let publisher = ends_with(replay(inbox.port(), folder.path(), args).spawn(), 0);
    assert_eq!(inbox.arrived(), [ARRIVED[0], ARRIVED[2]]);
    assert_eq!(
        publisher.stderr(),
        "iot-pub: skipped a bad line: rec.csv:3: topic `iot/\\u{7}` holds U+0007, which brokers \
         may refuse: it is recorded, and not published again (-t names another)\n\
         iot-pub: 1 bad line of `rec.csv` skipped\n"
    );
}
