//! Coalesced acknowledgements at full speed: when, and that nothing is lost, held back or repeated
//! by it.

#![cfg(target_os = "linux")]

mod common;

use std::fs::{self, File};

use common::{Inbox, bare, ends_well, ends_with, iot_pub};
use testkit::{Authority, Broker, DEADLINE, Program, Way, eventually};

/// The system calls of a run of iot-pub.
struct Calls {
    /// The pauses in which acknowledgements are coalesced.
    pauses: usize,
    /// The calls that have TCP acknowledge at once what is received.
    quick_acks: usize,
}

/// Runs iot-pub with these arguments and this input.
#[track_caller]
fn run(args: &str, input: &str) -> Calls {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let program = Program::new("strace")
        .args(["-D", "-f", "-e", "trace=setsockopt,clock_nanosleep", "-o"])
        .args([trace.as_os_str(), env!("CARGO_BIN_EXE_iot-pub").as_ref()])
        .args(args.split_whitespace());
    ends_well(with_input(program, input).spawn());
    eventually(DEADLINE, "strace is done", || {
        let trace = fs::read_to_string(&trace).unwrap_or_default();
        let is_done = trace.contains("+++ exited");
        is_done.then(|| Calls {
            pauses: trace.matches("clock_nanosleep(").count(),
            quick_acks: trace.matches("TCP_QUICKACK").count(),
        })
    })
}

fn with_input(program: Program, input: &str) -> Program {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("input");
    fs::write(&path, input).expect("a file");
    program.stdin(File::open(path).expect("the file"))
}

/// The numbers below `count`, one a line.
fn numbers(count: usize) -> String {
    let lines: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    lines.join("\n") + "\n"
}

/// The same, as an inbox shows them.
fn messages(input: &str) -> Vec<String> {
    input.lines().map(|line| format!("iot/a {line}")).collect()
}

#[test]
fn they_are_coalesced_only_if_no_latency_is_measured() {
    let broker = Broker::start();
    let port = broker.port();
    let at_full_speed = |options: &str| {
        let args = format!("-h 127.0.0.1 -p {port} -q 1 --count 500 --rate 1000000/s {options}");
        run(&args, "").pauses
    };
    assert!(at_full_speed("") > 0);
    assert_eq!(at_full_speed("--report json"), 0);
    assert_eq!(at_full_speed("--verify"), 0);
    assert_eq!(at_full_speed("--connections 2"), 0);
}

#[test]
fn acknowledgements_are_not_held_back_if_there_is_nothing_to_send() {
    let broker = Broker::start();
    let port = broker.port();
    for options in ["--report json", "--connections 2", "-M 40 --max-queued 20"] {
        let args = format!("-h 127.0.0.1 -p {port} -q 1 --count 40 --rate 1000000/s {options}");
        assert!(run(&args, "").quick_acks > 0, "{options}");
    }
}

#[test]
fn those_of_lines_are_coalesced_and_every_line_arrives_once_and_in_order() {
    let input = numbers(2_000);
    for qos in [1, 2] {
        let inbox = Inbox::open();
        let port = inbox.port();
        let args = format!("-h 127.0.0.1 -p {port} -l -t iot/a -q {qos}");
        assert!(run(&args, &input).pauses > 0, "QoS {qos}");
        assert!(inbox.arrived() == messages(&input), "QoS {qos}");
    }
}

#[test]
fn lines_that_fit_into_the_window_do_not_wait() {
    let broker = Broker::start();
    let port = broker.port();
    for qos in [1, 2] {
        let args = format!("-h 127.0.0.1 -p {port} -l -t iot/a -q {qos}");
        let calls = run(&args, &numbers(20));
        assert_eq!(calls.pauses, 0, "QoS {qos}");
        // Otherwise mosquitto delays all but the first acknowledgement by 40 ms.
        assert!(calls.quick_acks > 0, "QoS {qos}");
    }
}

/// Publishes lines over a connection that breaks after `bytes`. Returns what had to arrive, and
/// what has arrived.
#[track_caller]
fn across_a_cut(qos: u8, way: Way, bytes: u64) -> (Vec<String>, Vec<String>) {
    let input = numbers(3_000);
    let inbox = Inbox::open();
    let net = inbox.net();
    net.drop_after(way, bytes);
    let program = iot_pub(net.port(), &format!("-i pub -c -l -t iot/a -q {qos}"));
    ends_with(with_input(program, &input).spawn(), 0);
    assert_eq!(net.connections(), 2);
    (messages(&input), inbox.arrived())
}

#[test]
fn a_connection_that_breaks_meanwhile_costs_no_line() {
    // In the middle of a packet, either way: acknowledgements have 4 bytes, messages 15 and more.
    for (way, bytes) in [(Way::ToServer, 20_011), (Way::ToClient, 4_002)] {
        let (sent, mut arrived) = across_a_cut(1, way, bytes);
        let order = |line: &String| line["iot/a ".len()..].parse::<usize>().expect("a number");
        arrived.sort_by_key(order);
        arrived.dedup();
        assert!(arrived == sent);
        let (sent, arrived) = across_a_cut(2, way, bytes);
        assert!(arrived == sent);
    }
}

#[test]
fn those_over_tls_are_not_held_back_either() {
    let authority = Authority::new();
    let pair = authority.server(&["localhost"]);
    let broker = Broker::builder().tls("tls", &pair, "").start();
    let (ca, port) = (authority.path(), broker.port_of("tls"));
    let args = format!(
        "-h localhost -p {port} --cafile {} -l -t iot/a -q 1",
        ca.display()
    );
    assert!(run(&args, &numbers(20)).quick_acks > 0);
}

#[test]
fn on_other_transports_they_are_not_coalesced_and_every_line_arrives() {
    let authority = Authority::new();
    let pair = authority.server(&["localhost"]);
    let broker = Broker::builder()
        .listener("ws", "protocol websockets")
        .tls("tls", &pair, "")
        .unix_socket()
        .config("max_queued_messages 0")
        .start();
    let (ca, socket) = (authority.path(), broker.socket());
    let (ws, tls) = (broker.port_of("ws"), broker.port_of("tls"));
    // mosquitto takes a few thousand bytes at a time over WebSocket, ten times a second.
    let (many, few) = (numbers(1_000), numbers(100));
    for (options, input) in [
        (format!("--unix {}", socket.display()), &many),
        (
            format!("-h localhost -p {tls} --cafile {}", ca.display()),
            &many,
        ),
        (format!("-h localhost -p {ws} --ws"), &few),
    ] {
        for qos in ["1", "2"] {
            let count = input.lines().count().to_string();
            let args = ["-t", "iot/a", "-q", "2", "-C", &count];
            let subscriber = common::subscriber(&broker, args);
            let args = format!("{options} -l -t iot/a -q {qos}");
            if qos == "1" {
                assert_eq!(run(&args, input).pauses, 0, "{options}");
            } else {
                ends_well(with_input(bare(&args), input).spawn());
            }
            let received = ends_with(subscriber, 0).stdout();
            assert!(received == *input, "{options} -q {qos}");
        }
    }
}
