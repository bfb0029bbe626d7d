//! The end of a run: messages in flight get time to be acknowledged, and what is missing is
//! reported. Outputs that nobody reads change nothing.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Inbox, at_once, ends_well, ends_with, iot_pub, wait_for_lines};
use testkit::{Broker, DEADLINE, FaultyNet, Program, Running, ScriptedPeer, Way, eventually};

/// A publisher that has been asked to end while the broker no longer answers.
#[track_caller]
fn interrupted_in_silence(net: &FaultyNet, qos: &str) -> Running {
    let args = format!("-q {qos} --interval 10ms");
    let mut publisher = iot_pub(net.port(), &args).spawn();
    wait_for_lines(&publisher, 3);
    net.freeze();
    let before = publisher.stdout().lines().count();
    // Some of them came after the freeze for certain.
    wait_for_lines(&publisher, before + 10);
    publisher.interrupt();
    let line = publisher.wait_for_stderr("not acknowledged yet");
    assert!(
        line.ends_with(
            " were not acknowledged yet: waiting for the broker, up to 10 s; Ctrl-C again ends now"
        ),
        "{line}"
    );
    publisher
}

#[test]
fn a_second_ctrl_c_ends_it_now_and_says_how_many_are_missing() {
    let broker = Broker::start();
    at_once(["1", "2"], |qos| {
        let net = FaultyNet::to(broker.port());
        let mut publisher = interrupted_in_silence(&net, qos);
        publisher.interrupt();
        let publisher = ends_with(publisher, 1);
        let sent = publisher.stdout().lines().count();
        let stderr = publisher.stderr();
        let last = stderr.lines().last().expect("two lines");
        let end = format!(" of {sent} messages were not acknowledged by the broker");
        let missing = last.strip_suffix(&end).expect(last);
        let missing: usize = missing["iot-pub: ".len()..].parse().expect(last);
        assert!((1..=sent).contains(&missing), "{last}");
        assert_eq!(stderr.lines().count(), 2, "{stderr}");
    });
}

#[test]
fn a_broker_that_acknowledges_nothing_is_waited_for_for_ten_seconds() {
    let peer = ScriptedPeer::listen();
    let mut publisher = iot_pub(peer.port(), "-q 1 -m x").spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    broker.read_packet();
    publisher.interrupt();
    let since = Instant::now();
    publisher.wait_for_stderr("waiting for the broker, up to 10 s");
    // The connection stays open.
    let publisher = ends_with(publisher, 1);
    let took = since.elapsed();
    assert!(took < Duration::from_secs(12), "{took:?}");
    let line = "iot-pub: the message was not acknowledged by the broker\n";
    assert!(publisher.stderr().ends_with(line));
    drop(broker);
}

#[test]
fn acknowledgements_that_come_late_are_waited_for() {
    let inbox = Inbox::open();
    let net = inbox.net();
    let publisher = interrupted_in_silence(&net, "2");
    net.thaw();
    let publisher = ends_with(publisher, 0);
    assert_eq!(publisher.stderr().lines().count(), 1);
    assert_eq!(inbox.arrived(), common::lines(&publisher.stdout()));
}

#[test]
fn a_signal_ends_a_count_early() {
    let broker = Broker::start();
    for qos in ["0", "1", "2"] {
        let args = format!("-q {qos} --count 1000000 --interval 5ms");
        let mut publisher = iot_pub(broker.port(), &args).spawn();
        wait_for_lines(&publisher, 3);
        publisher.terminate();
        ends_well(publisher);
    }
}

#[test]
fn publishing_goes_on_where_nobody_reads_stdout() {
    let inbox = Inbox::open();
    let program = iot_pub(inbox.port(), "-q 1 --count 50 --interval 5ms");
    ends_well(program.close_stdout_after("iot/home2/temp").spawn());
    assert_eq!(inbox.arrived().len(), 50);
}

/// Runs iot-pub in a shell that redirects its outputs.
fn redirected(port: u16, args: &str, to: &str) -> Program {
    let script = format!("exec \"$0\" -h 127.0.0.1 -p {port} {args} {to}");
    Program::new("sh").args(["-c", &script, env!("CARGO_BIN_EXE_iot-pub")])
}

#[test]
fn outputs_that_can_not_be_written_end_nothing() {
    let inbox = Inbox::open();
    at_once(
        [(">&- 2>&-", 0), (">/dev/full 2>/dev/full", 1)],
        |(to, code)| {
            // The first attempt fails, so that there is something to report.
            let net = inbox.net();
            net.drop_after(Way::ToClient, 2);
            let publisher = redirected(net.port(), "-q 1 --count 2 --interval 1ms", to);
            ends_with(publisher.spawn(), code);
        },
    );
    assert_eq!(inbox.arrived().len(), 4);
}

#[test]
fn output_that_does_not_fit_on_the_disk_is_one_line_and_exit_code_1() {
    const FAILURE: &str = "iot-pub: cannot write to standard output: no space left on device\n";
    let broker = Broker::start();
    let cases = [
        "-t a -m 5",
        "--count 3 --interval 1ms --report json",
        "--count 3 --interval 1ms --report text",
        "--generate man",
        "--generate bash",
        "--help",
        "--version",
    ];
    at_once(cases, |args| {
        let publisher = redirected(broker.port(), args, ">/dev/full");
        assert_eq!(ends_with(publisher.spawn(), 1).stderr(), FAILURE, "{args}");
    });
}

#[test]
fn a_full_disk_stops_the_printing_and_not_the_publishing() {
    let inbox = Inbox::open();
    let publisher = redirected(
        inbox.port(),
        "-q 1 --count 300 --interval 1ms",
        ">/dev/full",
    );
    let ended = ends_with(publisher.spawn(), 1);
    assert_eq!(inbox.arrived().len(), 300);
    assert_eq!(
        ended.stderr(),
        "iot-pub: cannot write to standard output: no space left on device; printing stops, publishing continues\n\
         iot-pub: cannot write to standard output: no space left on device\n"
    );
}

#[test]
fn a_closed_terminal_ends_it_as_sigterm_does_unless_nohup_is_given() {
    let broker = Broker::start();
    let mut publisher = iot_pub(broker.port(), "--interval 5ms").spawn();
    wait_for_lines(&publisher, 3);
    publisher.hang_up();
    ends_well(publisher);
    broker.wait_for_log("Received DISCONNECT", DEADLINE);

    let port = broker.port().to_string();
    let mut publisher = Program::new("nohup")
        .args([
            env!("CARGO_BIN_EXE_iot-pub"),
            "-p",
            &port,
            "--interval",
            "5ms",
        ])
        .spawn();
    wait_for_lines(&publisher, 3);
    publisher.hang_up();
    let before = publisher.stdout().lines().count();
    wait_for_lines(&publisher, before + 20);
    publisher.terminate();
    ends_with(publisher, 0);
}

#[test]
fn lines_that_ctrl_c_ends_are_reported_with_code_130() {
    let broker = Broker::start();
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let program = iot_pub(broker.port(), "-l -t iot/a -q 1").stdin(Stdio::from(reader));
    let mut publisher = program.spawn();
    writer.write_all(b"one\ntwo\n").expect("a reader");
    broker.wait_for_log("m2, 'iot/a'", DEADLINE);
    publisher.interrupt();
    let publisher = ends_with(publisher, 130);
    assert_eq!(
        publisher.stderr(),
        "iot-pub: interrupted: 2 messages were published\n"
    );
}

#[test]
fn a_broker_that_stays_connected_after_disconnect_is_not_waited_for() {
    let peer = ScriptedPeer::listen();
    let publisher = iot_pub(peer.port(), "-m x").spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    broker.read_packet();
    assert_eq!(broker.read_packet(), b"\xe0\x00");
    // How long that takes is tested where the clock can be stopped, in iot-core.
    ends_well(publisher);
    drop(broker);
}

/// Publishes a message that does not fit into the pipe to its reader, and disconnects.
fn unread(broker: &Broker, folder: &Path, id: &str) -> (Running, File) {
    let echo = folder.join(id);
    let made = Command::new("mkfifo").arg(&echo).status();
    assert!(made.expect("mkfifo").success());
    let script = "exec \"$0\" -h 127.0.0.1 -p \"$1\" -i \"$2\" -t iot/a -m \"$(cat)\" >\"$3\"";
    let input = folder.join("input");
    std::fs::write(&input, "0".repeat(100_000)).expect("a file");
    let port = broker.port().to_string();
    let publisher = Program::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_iot-pub"), &port, id])
        .args([&echo])
        .stdin(File::open(input).expect("the file"))
        .spawn();
    let reader = File::open(&echo).expect("a writer");
    broker.wait_for_log(&format!("Received DISCONNECT from {id}"), DEADLINE);
    (publisher, reader)
}

#[test]
fn a_slow_reader_gets_the_whole_message() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().expect("a folder");
    let (mut publisher, mut reader) = unread(&broker, folder.path(), "patient");
    // After a signal, the reader has the time that a broker has to close the connection. When that
    // is over for one that came later, it is for the first one too.
    let (mut interrupted, _reader) = unread(&broker, folder.path(), "interrupted");
    eventually(DEADLINE, "the end after a signal", || {
        interrupted.interrupt();
        !interrupted.is_running()
    });
    assert!(publisher.is_running());
    let mut text = String::new();
    reader.read_to_string(&mut text).expect("the echo");
    assert_eq!(text, format!("iot/a {}\n", "0".repeat(100_000)));
    ends_well(publisher);
}
