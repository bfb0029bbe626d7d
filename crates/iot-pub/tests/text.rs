//! What `-m`, `-f`, `-s`, `-l`, `-n` and `--repeat` publish, as `mosquitto_sub` shows it.

mod common;

use std::fs::{self, File};
use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use common::{bare, ends_well, ends_with, iot_pub};
use testkit::{Broker, DEADLINE, Program, Running, ScriptedPeer};

const VERSIONS: [&str; 3] = ["31", "311", "5"];

/// Starts a `mosquitto_sub` that prints each message as topic, QoS, retain flag, length, and
/// payload in hex.
#[track_caller]
fn subscriber(broker: &Broker, count: usize) -> Running {
    let count = count.to_string();
    let args = [
        "-t",
        "iot/#",
        "-q",
        "2",
        "-F",
        "%t %q %r %l %x",
        "-C",
        &count,
    ];
    common::subscriber(broker, args)
}

fn with_input(program: Program, folder: &Path, input: &[u8]) -> Program {
    let path = folder.join("input");
    fs::write(&path, input).expect("a file");
    program.stdin(File::open(path).expect("the file"))
}

/// Publishes with each version of the protocol. The subscriber prints these lines.
#[track_caller]
fn case(args: &str, input: &[u8], expected: &[&str]) {
    let broker = Broker::start();
    for version in VERSIONS {
        let folder = tempfile::tempdir().expect("a folder");
        let subscriber = subscriber(&broker, expected.len());
        let program = iot_pub(broker.port(), &format!("-V {version} {args}"));
        let publisher = ends_well(with_input(program, folder.path(), input).spawn());
        assert_eq!(publisher.stdout(), "", "{args}");
        let received = ends_with(subscriber, 0).stdout();
        assert_eq!(received.lines().collect::<Vec<_>>(), expected, "{args}");
    }
}

const BINARY: &[u8] = b"\x00\xff\n\r\n ";

#[test]
fn all_of_standard_input_is_one_message() {
    for qos in 0..=2 {
        let args = format!("-s -t iot/a -q {qos}");
        case(&args, BINARY, &[&format!("iot/a {qos} 0 6 00ff0a0d0a20")]);
    }
}

#[test]
fn an_empty_input_is_an_error_and_deletes_nothing() {
    let broker = Broker::start();
    ends_well(iot_pub(broker.port(), "-t iot/a -r -m kept").spawn());
    for (args, name) in [
        ("-s", "standard input"),
        ("-f /dev/null", "file `/dev/null`"),
    ] {
        let args = format!("-r {args} -t iot/a");
        let publisher = ends_with(iot_pub(broker.port(), &args).spawn(), 1);
        assert_eq!(
            publisher.stderr(),
            format!("iot-pub: {name} is empty (-n publishes an empty message)\n")
        );
    }
    let received = ends_with(subscriber(&broker, 1), 0).stdout();
    assert_eq!(received, "iot/a 0 1 4 6b657074\n");
}

#[test]
fn a_file_is_one_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("payload");
    fs::write(&path, BINARY).expect("a file");
    let path = path.display();
    for option in ["-f", "--file"] {
        let args = format!("{option} {path} -t iot/a -q 1");
        case(&args, b"", &["iot/a 1 0 6 00ff0a0d0a20"]);
    }
}

#[test]
fn a_large_file_arrives_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("payload");
    let payload: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(&path, &payload).expect("a file");
    let broker = Broker::start();
    let received = folder.path().join("received");
    let port = broker.port();
    let script = format!(
        "exec mosquitto_sub -p {port} -t big -N -C 1 >{}",
        received.display()
    );
    let mut subscriber = Program::new("sh").args(["-c", &script]).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    ends_well(iot_pub(port, &format!("-t big -q 1 -f {}", path.display())).spawn());
    assert!(subscriber.wait().success());
    assert!(fs::read(received).expect("what was received") == payload);
}

#[test]
fn an_empty_message_deletes_the_retained_one() {
    case("-n -t iot/a -q 2", b"", &["iot/a 2 0 0 "]);
    let broker = Broker::start();
    ends_well(iot_pub(broker.port(), "-t iot/a -r -m kept").spawn());
    ends_well(iot_pub(broker.port(), "-t iot/b -r -m kept").spawn());
    ends_well(iot_pub(broker.port(), "-t iot/a -r --null-message").spawn());
    let received = ends_with(subscriber(&broker, 1), 0).stdout();
    assert_eq!(received, "iot/b 0 1 4 6b657074\n");
}

#[test]
fn each_line_is_a_message() {
    for (option, qos) in [("-l", 0), ("-l", 1), ("--stdin-line", 2)] {
        case(
            &format!("{option} -t iot/a -q {qos}"),
            b"one\n\ntwo \xff\r\nlast",
            &[
                &format!("iot/a {qos} 0 3 6f6e65"),
                &format!("iot/a {qos} 0 0 "),
                &format!("iot/a {qos} 0 6 74776f20ff0d"),
                &format!("iot/a {qos} 0 4 6c617374"),
            ],
        );
    }
}

#[test]
fn a_line_may_begin_with_its_topic() {
    case(
        "-l --topic-from-line -q 1",
        b"iot/a 1 2\niot/b \niot/c\t-5.2",
        &["iot/a 1 0 3 312032", "iot/b 1 0 0 ", "iot/c 1 0 4 2d352e32"],
    );
}

#[test]
fn a_line_without_a_topic_is_reported_skipped_and_counted() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let subscriber = subscriber(&broker, 2);
    let program = iot_pub(broker.port(), "-l --topic-from-line -q 1");
    let input = b"iot/a 1\niot/+ 2\n25.3\n\niot/c 3\n";
    let publisher = ends_with(with_input(program, folder.path(), input).spawn(), 0);
    assert_eq!(
        publisher.stderr(),
        "iot-pub: skipped line 2 of standard input: topic name `iot/+` contains the wildcard `+` (only topic filters have wildcards)\n\
         iot-pub: skipped line 3 of standard input: a line is TOPIC PAYLOAD, with a space between them\n\
         iot-pub: skipped line 4 of standard input: a line is TOPIC PAYLOAD, with a space between them\n\
         iot-pub: 3 lines of standard input without a topic skipped\n"
    );
    assert_eq!(
        ends_with(subscriber, 0).stdout(),
        "iot/a 1 0 1 31\niot/c 1 0 1 33\n"
    );
}

#[test]
fn a_line_is_published_as_soon_as_it_comes() {
    let broker = Broker::start();
    let subscriber = subscriber(&broker, 2);
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let program = iot_pub(broker.port(), "-l -t iot/a -q 1");
    let publisher = program.stdin(Stdio::from(reader)).spawn();
    writer.write_all(b"one\ntw").expect("a reader");
    subscriber.wait_for_stdout("6f6e65");
    writer.write_all(b"o").expect("a reader");
    drop(writer);
    subscriber.wait_for_stdout("74776f");
    ends_well(publisher);
}

#[test]
fn lines_wait_for_a_broker_that_comes_back_with_every_qos() {
    for qos in 0..=2 {
        let inbox = common::Inbox::open();
        let net = inbox.net();
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let program = iot_pub(net.port(), &format!("-l -t iot/a -q {qos}"));
        let publisher = program.stdin(Stdio::from(reader)).spawn();
        writer.write_all(b"one\n").expect("a reader");
        inbox.broker.wait_for_log("'iot/a'", DEADLINE);
        net.cut();
        publisher.wait_for_stderr("lost broker");
        writer.write_all(b"two\nthree\n").expect("a reader");
        drop(writer);
        ends_with(publisher, 0);
        let arrived = inbox.arrived();
        assert_eq!(arrived, ["iot/a one", "iot/a two", "iot/a three"]);
    }
}

#[test]
fn a_message_is_repeated_after_its_delivery() {
    case(
        "-n -t iot/a -q 1 --repeat 3",
        b"",
        &["iot/a 1 0 0 ", "iot/a 1 0 0 ", "iot/a 1 0 0 "],
    );
    let broker = Broker::start();
    let start = Instant::now();
    let args = "-m x -q 2 --repeat 3 --repeat-delay 0.2";
    let publisher = ends_well(iot_pub(broker.port(), args).spawn());
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!(publisher.stdout(), "iot/home2/temp x\n".repeat(3));
    // None is published before the one before is acknowledged.
    let peer = ScriptedPeer::listen();
    let publisher = iot_pub(peer.port(), "-m x -q 1 --repeat 2").spawn();
    let mut conversation = peer.accept();
    conversation.read_packet();
    conversation.send(b"\x20\x02\x00\x00");
    conversation.read_packet();
    conversation.expect_silence(Duration::from_millis(200));
    conversation.send(b"\x40\x02\x00\x01");
    conversation.read_packet();
    conversation.send(b"\x40\x02\x00\x02");
    conversation.read_packet();
    conversation.close();
    ends_with(publisher, 0);
}

#[test]
fn properties_arrive_as_mosquitto_sub_shows_them() {
    let broker = Broker::start();
    let args = ["-V", "5", "-t", "iot/#", "-F", "%J", "-C", "2"];
    let subscriber = broker.mosquitto_sub(args);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let folder = tempfile::tempdir().expect("a folder");
    let args = "-l -t iot/a -q 1 -r -D publish content-type application/json -D publish payload-format-indicator 1 \
        -D publish response-topic r/t -D publish correlation-data abc -D publish user-property b 1 \
        -D publish user-property a 2 -D publish user-property b 3 -D publish message-expiry-interval 1000";
    let program = iot_pub(broker.port(), args);
    ends_well(with_input(program, folder.path(), b"{\"x\":1}\n[2]\n").spawn());
    let received = ends_with(subscriber, 0).stdout();
    for (line, payload) in received.lines().zip(["{\"x\":1}", "[2]"]) {
        let message: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let expected: serde_json::Value = serde_json::from_str(payload).expect("JSON");
        assert_eq!(message["payload"], expected);
        assert_eq!(message["qos"], 0);
        let properties = &message["properties"];
        assert_eq!(properties["content-type"], "application/json", "{line}");
        assert_eq!(properties["payload-format-indicator"], 1, "{line}");
        assert_eq!(properties["response-topic"], "r/t", "{line}");
        assert_eq!(properties["correlation-data"], "abc", "{line}");
        assert_eq!(properties["message-expiry-interval"], 1000, "{line}");
        let pairs = r#""user-properties":{"b":"1","a":"2","b":"3"}"#;
        assert!(line.contains(pairs), "{line}");
    }
}

#[test]
fn a_rejected_message_is_reported_and_makes_the_exit_code_1() {
    for (qos, answer) in [(1, 0x40), (2, 0x50)] {
        let folder = tempfile::tempdir().expect("a folder");
        let peer = ScriptedPeer::listen();
        let program = iot_pub(peer.port(), &format!("-V 5 -l -t iot/a -q {qos}"));
        let publisher = with_input(program, folder.path(), b"one\n").spawn();
        let mut conversation = peer.accept();
        conversation.read_packet();
        conversation.send(b"\x20\x03\x00\x00\x00");
        conversation.read_packet();
        conversation.send(&[answer, 4, 0, 1, 0x97, 0]);
        conversation.read_packet();
        conversation.close();
        let publisher = ends_with(publisher, 1);
        assert_eq!(
            publisher.stderr(),
            "iot-pub: cannot publish to topic `iot/a`: the broker rejects the message: quota exceeded\n\
             iot-pub: the message was rejected by the broker\n"
        );
    }
}

/// The numbers below `count`, one a line.
fn numbers(count: usize) -> String {
    let mut lines = String::new();
    for number in 0..count {
        lines += &number.to_string();
        lines.push('\n');
    }
    lines
}

/// Publishes a million lines with this QoS, which uses each packet identifier many times, to a
/// broker that acknowledges together what it has read together.
fn a_million_lines(qos: u8) {
    const LINES: usize = 1_000_000;
    let folder = tempfile::tempdir().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let broker = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a time-out above zero");
        receive(stream, qos)
    });
    let input = numbers(LINES);
    // The last one has no end.
    let input = input.trim_end().as_bytes();
    let program = iot_pub(port, &format!("-V 5 -t t -q {qos} -M 500 -l"));
    let publisher = with_input(program, folder.path(), input).spawn();
    let (received, stream) = broker.join().expect("a broker that does not fail");
    assert_eq!(received, LINES);
    // It waits for the broker to close the connection, and never had all lines in memory.
    let status = fs::read_to_string(format!("/proc/{}/status", publisher.id()));
    let status = status.expect("it still runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|line| line.split_whitespace().next()?.parse().ok());
    let peak: u64 = peak.expect("its peak in KiB");
    assert!(peak < 48 * 1024, "{peak} KiB");
    drop(stream);
    ends_well(publisher);
}

/// Plays the broker up to DISCONNECT. Returns how many messages came, each with the next number.
fn receive(stream: TcpStream, qos: u8) -> (usize, TcpStream) {
    let mut out = stream.try_clone().expect("a stream");
    let mut input = BufReader::with_capacity(64 * 1024, stream);
    let mut expected = 0;
    let mut answer = Vec::new();
    loop {
        let mut head = [0; 2];
        input.read_exact(&mut head).expect("a packet");
        let mut length = usize::from(head[1] & 0x7f);
        if head[1] > 0x7f {
            let mut more = [0];
            input.read_exact(&mut more).expect("a length");
            length += usize::from(more[0]) << 7;
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).expect("a body");
        match head[0] >> 4 {
            1 => answer.extend_from_slice(b"\x20\x03\x00\x00\x00"),
            3 => {
                // Topic `t`, packet identifier, no properties, payload.
                assert_eq!(body[..3], *b"\x00\x01t");
                let payload = str::from_utf8(&body[6..]).expect("digits");
                assert_eq!(payload, expected.to_string());
                expected += 1;
                let kind = if qos == 1 { 0x40 } else { 0x50 };
                answer.extend_from_slice(&[kind, 2, body[3], body[4]]);
            }
            6 => answer.extend_from_slice(&[0x70, 2, body[0], body[1]]),
            12 => answer.extend_from_slice(b"\xd0\x00"),
            14 => return (expected, out),
            kind => panic!("a packet of kind {kind}"),
        }
        if input.buffer().is_empty() {
            out.write_all(&answer).expect("a reader");
            answer.clear();
        }
    }
}

#[test]
fn a_million_lines_all_arrive_in_order_with_qos_1() {
    a_million_lines(1);
}

#[test]
fn a_million_lines_all_arrive_in_order_with_qos_2() {
    a_million_lines(2);
}

#[test]
fn more_lines_than_packet_identifiers_all_arrive_over_mosquitto() {
    const LINES: usize = 70_000;
    for qos in [1, 2] {
        let broker = Broker::builder().config("max_queued_messages 0").start();
        let folder = tempfile::tempdir().expect("a folder");
        let count = LINES.to_string();
        let qos = qos.to_string();
        let subscriber = broker.mosquitto_sub(["-t", "iot/#", "-q", &qos, "-C", &count]);
        broker.wait_for_log("Sending SUBACK", DEADLINE);
        let input = numbers(LINES);
        let program = iot_pub(broker.port(), &format!("-l -t iot/a -q {qos}"));
        ends_well(with_input(program, folder.path(), input.as_bytes()).spawn());
        let received = ends_with(subscriber, 0).stdout();
        assert!(received == input, "QoS {qos}");
    }
}

#[test]
fn a_terminal_shows_how_far_the_lines_are() {
    let broker = Broker::start();
    let program = env!("CARGO_BIN_EXE_iot-pub");
    let port = broker.port();
    // A pipe that stays open, so that the line is there for a while.
    let script = format!(
        "mkfifo lines; (echo one; echo two; while [ ! -e done ]; do sleep 0.05; done) >lines & \
         exec script -qefc '{program} -h 127.0.0.1 -p {port} -q 1 -t iot/a -l <lines' /dev/null </dev/null >shown"
    );
    let mut running = Program::new("sh").args(["-c", &script]).spawn();
    let shown = running.folder().join("shown");
    testkit::eventually(DEADLINE, "a line of progress", || {
        fs::read_to_string(&shown).is_ok_and(|shown| shown.contains("2 sent, 0 on their way"))
    });
    fs::write(running.folder().join("done"), "").expect("a file");
    assert!(running.wait().success());
}

/// Wrong usage, with this line and no other.
#[track_caller]
fn refused(args: &str, line: &str) {
    let ended = ends_with(bare(args).spawn(), 2);
    assert_eq!(ended.stderr(), format!("iot-pub: {line}\n"), "{args}");
}

#[test]
fn options_that_exclude_each_other_are_reported_before_anything_connects() {
    for (args, one, other) in [
        ("-m x -l", "-m", "-l"),
        ("-f x -s", "-f", "-s"),
        ("-s -n", "-s", "-n"),
        ("-l --interval 1s", "-l", "--interval"),
        ("-n --model walk", "-n", "--model"),
        ("-m x --repeat 2 --count 3", "--repeat", "--count"),
        ("-m x --repeat 2 --interval 1s", "--repeat", "--interval"),
        ("-l -t a --topic-from-line", "-t", "--topic-from-line"),
        ("-m x --repeat 2 --rate 1/s", "--repeat", "--rate"),
    ] {
        let line = format!("`{one}` cannot be used with `{other}` (leave one of them out)");
        refused(args, &line);
    }
    let messages = "`--message <TEXT>`, `--file <FILE>`, `--stdin-file` or `--null-message`";
    for (args, line) in [
        ("--repeat 3", format!("`--repeat` needs {messages}")),
        ("-l --repeat 3", format!("`--repeat` needs {messages}")),
        (
            "-m x --repeat-delay 1",
            "`--repeat-delay` needs `--repeat <COUNT>`".into(),
        ),
        (
            "--topic-from-line",
            "`--topic-from-line` needs `--stdin-line`".into(),
        ),
        (
            "-l --connections 2",
            "`-l` cannot be used with `--connections`: it is for one device on one connection"
                .into(),
        ),
    ] {
        refused(args, &line);
    }
    let ended = ends_with(bare("-f nowhere").spawn(), 1);
    assert_eq!(
        ended.stderr(),
        "iot-pub: cannot read file `nowhere`: no such file or directory\n"
    );
}
