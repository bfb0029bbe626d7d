//! The options that both programs share, where `iot-sub` differs: what it subscribes with, its own
//! option file, its manual page. `iot-pub`'s tests have the rest.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::sub;
use testkit::{Broker, DEADLINE, Program, Running, ScriptedPeer};

const CONNACK: &[u8] = b"\x20\x03\x00\x00\x00";

/// Starts it at a peer that is no broker, with MQTT 5; returns its CONNECT and its SUBSCRIBE, to be
/// ended with DISCONNECT.
#[track_caller]
fn packets(args: &[&str]) -> [Vec<u8>; 3] {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let mut program = sub(&["-h", "127.0.0.1", "-p", &port, "--store", "none", "-V", "5"])
        .args(args)
        .spawn();
    let mut broker = peer.accept();
    let connect = broker.read_packet();
    broker.send(CONNACK);
    let subscribe = broker.read_packet();
    let id = [subscribe[2], subscribe[3]];
    broker.send(&[0x90, 4, id[0], id[1], 0, 0]);
    program.interrupt();
    let disconnect = broker.read_packet();
    broker.close();
    ends(program, 0);
    [connect, subscribe, disconnect]
}

#[track_caller]
fn ends(mut program: Running, code: i32) -> Running {
    assert_eq!(program.wait().code(), Some(code), "{}", program.stderr());
    program
}

#[track_caller]
fn holds(packet: &[u8], part: &[u8]) {
    assert!(
        packet.windows(part.len()).any(|window| window == part),
        "no {part:02x?} in {packet:02x?}"
    );
}

#[test]
fn an_empty_client_identifier_is_sent() {
    let [connect, ..] = packets(&["-i", ""]);
    // Behind the header, the keep alive and the properties: an empty string, and nothing more.
    assert!(connect.ends_with(&[0, 0]), "{connect:02x?}");
    let [connect, ..] = packets(&[]);
    holds(&connect, b"\x00\x12iot-");
}

#[test]
fn properties_go_with_their_packets() {
    let line = "-x 9 -D connect user-property a b -D subscribe user-property c d -D subscribe subscription-identifier 300 \
                -D disconnect user-property e f -D disconnect session-expiry-interval 0";
    let args: Vec<&str> = line.split_whitespace().collect();
    let [connect, subscribe, disconnect] = packets(&args);
    holds(&connect, b"\x11\x00\x00\x00\x09");
    holds(&connect, b"\x26\x00\x01a\x00\x01b");
    holds(&subscribe, b"\x26\x00\x01c\x00\x01d\x0b\xac\x02");
    holds(&disconnect, b"\x11\x00\x00\x00\x00");
    holds(&disconnect, b"\x26\x00\x01e\x00\x01f");
}

#[test]
fn unsubscribing_takes_its_properties_along() {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let line = "-V 5 -t -new -U old -U -old -D unsubscribe user-property g h -D unsubscribe user-property a b";
    let mut program = sub(&["-h", "127.0.0.1", "-p", &port, "--store", "none"])
        .args(line.split_whitespace())
        .spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(CONNACK);
    let packets = [broker.read_packet(), broker.read_packet()];
    let unsubscribe = packets.iter().find(|packet| packet[0] == 0xa2);
    let unsubscribe = unsubscribe.expect("an UNSUBSCRIBE");
    holds(
        unsubscribe,
        b"\x0e\x26\x00\x01g\x00\x01h\x26\x00\x01a\x00\x01b\x00\x03old\x00\x04-old",
    );
    let subscribe = packets.iter().find(|packet| packet[0] == 0x82);
    let subscribe = subscribe.expect("a SUBSCRIBE");
    holds(subscribe, b"\x00\x00\x04-new");
    broker.close();
    program.interrupt();
    ends(program, 0);
}

#[test]
fn the_broker_may_send_as_many_at_a_time_as_are_allowed() {
    let [connect, ..] = packets(&["-M", "33"]);
    holds(&connect, b"\x21\x00\x21");
    let [connect, ..] = packets(&["-M", "33", "-D", "connect", "receive-maximum", "44"]);
    holds(&connect, b"\x21\x00\x2c");
}

#[test]
fn a_property_of_a_packet_that_it_never_sends_is_refused() {
    let args = ["-D", "publish", "content-type", "x"];
    let ended = ends(sub(&args).spawn(), 2);
    assert_eq!(
        ended.stderr(),
        "iot-sub: `-D` names a packet that this program does not send: publish\n"
    );
}

#[test]
fn filters_of_the_file_are_replaced_by_typed_ones_and_not_extended() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(
        folder.path().join("iot-sub"),
        "# what we watch\n-t file/1\n--topic file/2\n-q 1\n--store none\n--id from-file\n",
    )
    .expect("a file");
    let broker = Broker::start();
    let port = broker.port().to_string();
    let with_file = |args: &[&str]| {
        let program = sub(&["-h", "127.0.0.1", "-p", &port]).args(args);
        program.env("XDG_CONFIG_HOME", folder.path())
    };
    let run = |program: Program, subscribed: &str| {
        let mut program = program.spawn();
        broker.wait_for_log(subscribed, DEADLINE);
        program.interrupt();
        ends(program, 0);
    };
    run(with_file(&[]), "file/2 (QoS 1)");
    assert!(broker.log().contains("file/1 (QoS 1)"));
    let before = broker.log().len();
    run(with_file(&["-t", "typed"]), "typed (QoS 1)");
    assert!(!broker.log()[before..].contains("file/"));
    let before = broker.log().len();
    run(
        with_file(&["-q", "2"]).env("IOT_TOPIC", "variable"),
        "variable (QoS 2)",
    );
    assert!(!broker.log()[before..].contains("file/"));
}

#[test]
fn a_will_is_published_when_it_is_killed() {
    let broker = Broker::start();
    let watcher = broker.mosquitto_sub(["-t", "gone", "-F", "%p"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let args = ["--will-topic", "gone", "--will-payload", "bye", "-i", "it"];
    let port = broker.port().to_string();
    let mut program = sub(&["-h", "127.0.0.1", "-p", &port, "--store", "none"])
        .args(args)
        .spawn();
    broker.wait_for_log("Sending SUBACK to it", DEADLINE);
    program.kill();
    watcher.wait_for_stdout("bye");
}

#[test]
fn debug_tells_each_packet_and_quiet_nothing() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let program = |option: &str| {
        let args = ["-h", "127.0.0.1", "-p", &port, "--store", "none", "-q", "1"];
        sub(&args).args(["-i", "it", option]).spawn()
    };
    let mut loud = program("--debug");
    loud.wait_for_stderr("received SUBACK");
    broker.mosquitto_pub(["-t", "iot/a", "-q", "1", "-m", "5"]);
    loud.wait_for_stderr("Client it sending PUBACK");
    loud.interrupt();
    let stderr = ends(loud, 0).stderr();
    for packet in [
        "sending CONNECT ",
        "received CONNACK ",
        "sending SUBSCRIBE ",
        "received PUBLISH (d0, q1, r0, m1), \"iot/a\"",
        "sending DISCONNECT ",
    ] {
        assert!(stderr.contains(&format!("Client it {packet}")), "{stderr}");
    }
    let mut quiet = program("--quiet");
    broker.mosquitto_pub(["-t", "iot/a", "-r", "-q", "1", "-m", "6"]);
    quiet.wait_for_stdout("iot/a 6");
    quiet.interrupt();
    assert_eq!(ends(quiet, 0).stderr(), "");
}

#[test]
fn the_manual_page_has_every_option_and_completions_load() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("text");
    let page = ends(sub(&["--generate", "man"]).spawn(), 0).stdout();
    fs::write(&file, page).expect("a file");
    let args = ["-man", "-Kutf8", "-Tutf8", "-ww", "-P-cbou"];
    let groff = ends(Program::new("groff").args(args).args([&file]).spawn(), 0);
    assert_eq!(groff.stderr(), "");
    // A long option may be hyphenated at the end of a line.
    let page = groff.stdout().replace("\u{2010}\n", "");
    let page: String = page.split_whitespace().collect();
    let help = ends(sub(&["--help-all"]).spawn(), 0).stdout();
    let options = help.lines().filter_map(|line| {
        let line = line.trim_start();
        let start = line.find("--").filter(|_| line.starts_with('-'))?;
        line[start..]
            .split(|c: char| !c.is_ascii_lowercase() && c != '-')
            .next()
    });
    let options: Vec<&str> = options.collect();
    assert!(options.len() > 70, "{options:?}");
    for option in options {
        assert!(page.contains(option), "{option} is missing");
    }
    let variables: Vec<&str> = help
        .split("[env:")
        .skip(1)
        .filter_map(|rest| Some(rest.split(']').next()?.trim()))
        .collect();
    assert!(variables.len() > 60, "{variables:?}");
    for variable in variables {
        assert!(page.contains(variable), "{variable} is missing");
    }
    let bash = ends(sub(&["--generate", "bash"]).spawn(), 0).stdout();
    fs::write(&file, bash).expect("a file");
    ends(Program::new("bash").args(["-n"]).args([&file]).spawn(), 0);
}

#[test]
fn a_variable_with_a_slip_is_reported() {
    let done = |variables: &[String]| {
        let args = [
            "--store",
            "none",
            "--fail-fast",
            "-h",
            "127.0.0.1",
            "-p",
            "1",
        ];
        let named = variables
            .iter()
            .fold(sub(&args), |program, name| program.env(name, "90d"));
        ends(named.spawn(), 1).stderr()
    };
    let line = "iot-sub: unknown variable `IOT_KEPP` is ignored (did you mean `IOT_KEEP`?)\n";
    let stderr = done(&["IOT_KEPP".to_owned()]);
    assert!(stderr.starts_with(line), "{stderr}");
    // What the other programs know is no slip.
    let known = variables("iot-sub", &[]);
    let pub_ = variables("iot-pub", &[]);
    let commands = [
        "latest", "export", "plot", "rejected", "check", "prune", "page", "alerts",
    ];
    let view = commands
        .iter()
        .flat_map(|command| variables("iot-view", &[command]));
    let others: Vec<String> = pub_
        .into_iter()
        .chain(view)
        .filter(|name| !known.contains(name))
        .collect();
    assert!(others.len() > 50, "{others:?}");
    let stderr = done(&others);
    assert!(!stderr.contains("variable"), "{stderr}");
}

/// The variables in the help of a program beside iot-sub.
fn variables(program: &str, command: &[&str]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_BIN_EXE_iot-sub")).parent().unwrap();
    let mut asked = Command::new(folder.join(program));
    let help = asked.args(command).arg("--help-all").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let is_part = |char: char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_';
    let words = help.split(|char| !is_part(char));
    words
        .filter(|word| word.starts_with("IOT_"))
        .map(str::to_owned)
        .collect()
}
