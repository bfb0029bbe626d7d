//! The options that both programs share by their effect: session, will, password, properties, option files, what is told.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{bare, ends_well, ends_with, iot_pub};
use testkit::{Broker, DEADLINE, Program, Running, ScriptedPeer, eventually};

/// Connects to a peer that is no broker, with `-i a -m x` and these arguments; returns its CONNECT and its PUBLISH.
#[track_caller]
fn packets(args: &str, version: u8) -> (Vec<u8>, Vec<u8>) {
    let (connect, publish, _) = all_packets(iot_pub_to, args, version);
    (connect, publish)
}

fn iot_pub_to(port: u16, args: &str) -> Program {
    iot_pub(port, &format!("-i a -t t -m x {args}"))
}

/// Returns its CONNECT, its PUBLISH with QoS 0, and its DISCONNECT.
#[track_caller]
fn all_packets(
    program: impl Fn(u16, &str) -> Program,
    args: &str,
    version: u8,
) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let peer = ScriptedPeer::listen();
    let version_name = if version == 5 { "5" } else { "311" };
    let publisher = program(peer.port(), &format!("-V {version_name} {args}")).spawn();
    let mut broker = peer.accept();
    let connect = broker.read_packet();
    broker.send(connack(version));
    let publish = broker.read_packet();
    let disconnect = broker.read_packet();
    broker.close();
    ends_with(publisher, 0);
    (connect, publish, disconnect)
}

fn connack(version: u8) -> &'static [u8] {
    // Topic aliases up to 10.
    match version {
        5 => b"\x20\x06\x00\x00\x03\x22\x00\x0a",
        _ => b"\x20\x02\x00\x00",
    }
}

#[track_caller]
fn holds(packet: &[u8], part: &[u8]) {
    assert!(
        packet.windows(part.len()).any(|window| window == part),
        "no {part:02x?} in {packet:02x?}"
    );
}

/// Wrong usage, with this first line.
#[track_caller]
fn refused(program: Program, line: &str) {
    let ended = ends_with(program.spawn(), 2);
    assert_eq!(ended.stderr().lines().next(), Some(line));
}

#[test]
fn an_id_prefix_gets_the_process_id() {
    for version in ["31", "311", "5"] {
        let broker = Broker::start();
        let publisher = iot_pub(broker.port(), &format!("-m x -I pre- -V {version}")).spawn();
        let id = publisher.id();
        ends_well(publisher);
        let client = format!(" as pre-{id} (p");
        assert!(broker.log().contains(&client), "{}", broker.log());
    }
    // What is typed overrules the other's variable.
    let broker = Broker::start();
    ends_well(
        iot_pub(broker.port(), "-m x -I pre-")
            .env("IOT_ID", "set")
            .spawn(),
    );
    assert!(broker.log().contains(" as pre-"));
    ends_well(
        iot_pub(broker.port(), "-m x -i typed")
            .env("IOT_ID_PREFIX", "set")
            .spawn(),
    );
    assert!(broker.log().contains(" as typed "));
}

#[test]
fn client_ids_that_make_no_sense_are_refused() {
    refused(
        bare("-i a -I b"),
        "iot-pub: `-i` cannot be used with `-I` (leave one of them out)",
    );
    refused(
        bare("-c -I b"),
        "iot-pub: `-c` needs a client identifier, by which the broker finds the session (give --id ID)",
    );
    refused(
        bare("-V 5 -x -1"),
        "iot-pub: `-x` without an end needs a client identifier, by which the broker finds the session (give --id ID)",
    );
}

#[test]
fn the_session_expires_when_it_is_told_to() {
    for (args, property) in [
        ("-x 60", &b"\x11\x00\x00\x00\x3c"[..]),
        ("--session-expiry-interval 1", b"\x11\x00\x00\x00\x01"),
        ("-x -1", b"\x11\xff\xff\xff\xff"),
        ("-x ∞", b"\x11\xff\xff\xff\xff"),
        ("-c", b"\x11\xff\xff\xff\xff"),
        ("-c -x 7", b"\x11\x00\x00\x00\x07"),
    ] {
        holds(&packets(args, 5).0, property);
    }
    refused(
        bare("-x 60"),
        "iot-pub: `-x` needs MQTT 5, not MQTT 3.1.1 (give -V mqttv5)",
    );
    for bad in ["-2", "4294967296", "soon"] {
        refused(
            bare(&format!("-x {bad}")),
            &format!(
                "iot-pub: invalid value `{bad}` for `-x`: \
                 a session expires after 0 to 4294967294 seconds, or never: -1"
            ),
        );
    }
}

/// So many messages are on their way at a time, unacknowledged.
#[track_caller]
fn in_flight(args: &str, version: u8, expected: usize) {
    let peer = ScriptedPeer::listen();
    let version_name = if version == 5 { "5" } else { "311" };
    let args = format!("-V {version_name} -m x --count 100 --interval 0.001ms {args}");
    let _publisher = iot_pub(peer.port(), &args).spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(connack(version));
    for _ in 0..expected {
        broker.read_packet();
    }
    broker.expect_silence(Duration::from_millis(200));
}

#[test]
fn as_many_are_in_flight_as_are_allowed() {
    in_flight("-q 1", 3, 20);
    in_flight("-q 1 -M 3", 3, 3);
    in_flight("-q 1 --max-inflight 50", 3, 50);
    in_flight("-q 2 -M 50", 3, 20);
    in_flight("-q 2 -M 50", 5, 50);
}

#[test]
fn the_broker_publishes_the_will_of_a_killed_client() {
    for version in ["31", "311", "5"] {
        let broker = Broker::start();
        let subscriber = broker.mosquitto_sub(["-t", "gone/#", "-q", "2", "-F", "%t %q %p"]);
        broker.wait_for_log("Sending SUBACK", DEADLINE);
        let args = format!(
            "-V {version} --interval 1h --will-topic gone/a --will-payload -5.2 --will-qos 2 --will-retain"
        );
        let mut publisher = iot_pub(broker.port(), &args).spawn();
        common::wait_for_lines(&publisher, 1);
        publisher.kill();
        subscriber.wait_for_stdout("gone/a 2 -5.2");
        let late = broker.mosquitto_sub(["-t", "gone/#", "-F", "%r %p", "-C", "1"]);
        late.wait_for_stdout("1 -5.2");
    }
}

#[test]
fn a_will_is_empty_with_qos_0_unless_told_otherwise() {
    let (connect, _) = packets("--will-topic w", 4);
    assert_eq!(connect[9], 0b0000_0110, "{connect:02x?}");
    holds(&connect, b"\x00\x01w\x00\x00");
}

#[test]
fn parts_of_a_will_need_its_topic() {
    for (args, part) in [
        ("--will-payload x", "--will-payload"),
        ("--will-qos 1", "--will-qos"),
        ("--will-retain", "--will-retain"),
        ("-V 5 -D will content-type x", "-D"),
    ] {
        refused(
            bare(args),
            &format!(
                "iot-pub: `{part}` belongs to a will, which needs a topic (give --will-topic TOPIC)"
            ),
        );
    }
    refused(
        bare("--will-topic a/#"),
        "iot-pub: invalid value `a/#` for `--will-topic`: \
         topic name `a/#` holds the wildcard `#`, which only a topic filter may",
    );
}

#[test]
fn properties_go_with_their_packets() {
    let args = "-x 9 -D connect receive-maximum 7 -D connect maximum-packet-size 1000 -D connect topic-alias-maximum 3 \
        -D connect request-response-information 1 -D connect request-problem-information 0 -D connect user-property b 1 \
        --property connect user-property a 2 --will-topic w -D will will-delay-interval 5 -D will user-property -w -x \
        -D publish content-type -text -D publish correlation-data abc -D publish message-expiry-interval 60 \
        -D publish payload-format-indicator 1 -D publish response-topic r/t -D publish user-property z 1 \
        -D publish user-property a 2 -D disconnect session-expiry-interval 8 -D disconnect user-property k v \
        -D disconnect reason-string bye";
    let (connect, publish, disconnect) = all_packets(iot_pub_to, args, 5);
    for part in [
        &b"\x11\x00\x00\x00\x09"[..],
        b"\x21\x00\x07",
        b"\x27\x00\x00\x03\xe8",
        b"\x22\x00\x03",
        b"\x19\x01",
        b"\x17\x00",
        b"\x26\x00\x01b\x00\x011\x26\x00\x01a\x00\x012",
        b"\x18\x00\x00\x00\x05",
        b"\x26\x00\x02-w\x00\x02-x",
    ] {
        holds(&connect, part);
    }
    for part in [
        &b"\x03\x00\x05-text"[..],
        b"\x09\x00\x03abc",
        b"\x02\x00\x00\x00\x3c",
        b"\x01\x01",
        b"\x08\x00\x03r/t",
        b"\x26\x00\x01z\x00\x011\x26\x00\x01a\x00\x012",
    ] {
        holds(&publish, part);
    }
    for part in [
        &b"\x11\x00\x00\x00\x08"[..],
        b"\x26\x00\x01k\x00\x01v",
        b"\x1f\x00\x03bye",
    ] {
        holds(&disconnect, part);
    }
}

#[test]
fn a_topic_alias_is_the_one_that_was_asked_for_where_the_broker_takes_it() {
    let peer = ScriptedPeer::listen();
    let args = "-V 5 -t iot/a -m x --count 3 --interval 1ms -D publish topic-alias 7";
    let publisher = iot_pub(peer.port(), args).spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(connack(5));
    broker.expect(b"\x30\x0c\x00\x05iot/a\x03\x23\x00\x07x");
    broker.expect(b"\x30\x07\x00\x00\x03\x23\x00\x07x".repeat(2).as_slice());
    broker.read_packet();
    broker.close();
    ends_with(publisher, 0);
    let (_, publish) = packets("-D publish topic-alias 11", 5);
    assert_eq!(publish, b"\x30\x05\x00\x01t\x00x");
}

#[test]
fn a_property_makes_it_mqtt_5_unless_a_version_is_typed() {
    let broker = Broker::start();
    ends_well(iot_pub(broker.port(), "-i a -m x -D publish content-type x").spawn());
    assert!(broker.log().contains(" as a (p5, "), "{}", broker.log());
    refused(
        bare("-V 311 -D publish content-type x"),
        "iot-pub: `-D` needs MQTT 5, not MQTT 3.1.1 (give -V mqttv5)",
    );
}

#[test]
fn wrong_properties_are_named() {
    for (args, why) in [
        (
            "connect content-type x",
            "content-type is no property of connect, but of publish, will",
        ),
        (
            "publish topic-alias 0",
            "topic-alias is a whole number from 1 to 65535",
        ),
        ("publish content-type", "content-type needs a value"),
    ] {
        let line = format!("iot-pub: invalid value `{args}` for `-D`: {why}");
        refused(bare(&format!("-D {args}")), &line);
    }
    refused(
        bare("-D subscribe user-property a b"),
        "iot-pub: `-D` names a packet that this program does not send: subscribe",
    );
    refused(
        bare("-D disconnect session-expiry-interval 5"),
        "iot-pub: `-D`: disconnect session-expiry-interval needs a session that outlives the connection (give -x SECONDS)",
    );
}

/// Writes a file with these lines; returns its folder, which goes with it, and its path.
fn option_file(lines: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("options");
    fs::write(&path, lines).expect("a file");
    let path = path.display().to_string();
    (folder, path)
}

const FILE: &str = "# comment\n\n  # another\n-t iot/file\n--id file\n-k 17\n-r\n-m  -5.2 is cold \n-V mqttv5\n-D publish user-property key the rest\n";

#[test]
fn a_file_has_options_one_a_line() {
    let broker = Broker::start();
    let subscriber = broker.mosquitto_sub(["-V", "5", "-t", "iot/#", "-F", "%t|%p|%P", "-C", "1"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let (_folder, path) = option_file(FILE);
    for args in [format!("-o {path}"), format!("--options-file {path}")] {
        ends_well(iot_pub(broker.port(), &args).spawn());
        assert!(broker.log().contains(" as file (p5, c1, k17)"));
        assert!(broker.log().contains("from file (d0, q0, r1, "));
    }
    subscriber.wait_for_stdout("iot/file|-5.2 is cold |key:the rest");
}

#[test]
fn the_file_and_a_property_have_variables_too() {
    let broker = Broker::start();
    let (_folder, path) = option_file("-i file\n-m x\n");
    let program = iot_pub(broker.port(), "")
        .env("IOT_OPTIONS_FILE", path)
        .env("IOT_PROPERTY", "connect user-property a b");
    ends_well(program.spawn());
    assert!(broker.log().contains(" as file (p5, "), "{}", broker.log());
}

#[test]
fn a_file_in_its_usual_place_is_found() {
    let broker = Broker::start();
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    fs::create_dir_all(home.join(".config")).expect("a folder");
    fs::write(home.join("iot-pub"), "--id from-xdg\n").expect("a file");
    fs::write(home.join(".config/iot-pub"), "--id from-home\n").expect("a file");
    let at_home = |program: Program| program.env("HOME", home);
    let xdg = at_home(iot_pub(broker.port(), "-m x")).env("XDG_CONFIG_HOME", home);
    ends_well(xdg.spawn());
    assert!(broker.log().contains(" as from-xdg "), "{}", broker.log());
    let without = at_home(iot_pub(broker.port(), "-m x")).env("XDG_CONFIG_HOME", "");
    ends_well(without.spawn());
    assert!(broker.log().contains(" as from-home "), "{}", broker.log());
    // Another one instead.
    let (_folder, path) = option_file("-k 9\n");
    let instead = at_home(iot_pub(broker.port(), "-i instead -m x -o")).args([path]);
    ends_well(instead.env("XDG_CONFIG_HOME", home).spawn());
    assert!(broker.log().contains(" as instead (p2, c1, k9)"));
}

#[test]
fn typed_goes_before_variable_before_file() {
    let broker = Broker::start();
    let (_folder, path) = option_file(FILE);
    let program = iot_pub(
        broker.port(),
        &format!("-o {path} -i typed -D publish content-type x"),
    )
    .env("IOT_ID", "variable")
    .env("IOT_KEEPALIVE", "18")
    .env("IOT_RETAIN", "no");
    ends_well(program.spawn());
    let log = broker.log();
    assert!(log.contains(" as typed (p5, c1, k18)"), "{log}");
    assert!(
        log.contains("from typed (d0, q0, r0, m0, 'iot/file'"),
        "{log}"
    );
}

#[test]
fn what_a_file_or_a_variable_says_never_contradicts_what_is_typed() {
    let broker = Broker::start();
    let (_folder, path) = option_file("-m file\n--id-prefix file\n--quiet\n--pw x\n-u ada\n");
    let args = format!("-o {path} -i typed --model constant(5) --count 1 -d");
    let publisher = ends_with(iot_pub(broker.port(), &args).spawn(), 0);
    assert_eq!(publisher.stdout(), "iot/home2/temp 5\n");
    assert!(broker.log().contains(" as typed "), "{}", broker.log());
    let variable = iot_pub(broker.port(), "-m typed").env("IOT_MODEL", "constant(5)");
    assert_eq!(
        ends_well(variable.spawn()).stdout(),
        "iot/home2/temp typed\n"
    );
}

#[test]
fn a_file_s_mistake_is_named_with_its_line() {
    for (lines, why) in [
        ("\n-q 3", "2: invalid value `3` for `-q`: QoS is 0, 1 or 2"),
        (
            "--tpic x",
            "1: unknown option `--tpic` (a line is an option and its value, as in `--qos 1`)",
        ),
        (
            "qos 1",
            "1: unknown option `qos` (a line is an option and its value, as in `--qos 1`)",
        ),
        ("-q", "1: `-q` needs a value"),
        ("-r yes", "1: `-r` takes no value"),
        ("-o other", "1: `-o` only makes sense on the command line"),
        ("--help", "1: `--help` only makes sense on the command line"),
        (
            "-D publish topic-alias 0",
            "1: invalid value `publish topic-alias 0` for `-D`: topic-alias is a whole number from 1 to 65535",
        ),
    ] {
        let (_folder, path) = option_file(lines);
        refused(
            bare(&format!("-o {path}")),
            &format!("iot-pub: {path}:{why}"),
        );
    }
    refused(
        bare("-o nowhere"),
        "iot-pub: cannot read option file `nowhere`: no such file or directory",
    );
}

#[test]
fn debug_tells_each_packet_and_nothing_else_changes() {
    for version in ["31", "311", "5"] {
        let broker = Broker::start();
        let args = format!("-V {version} -i a -q 2 -m x -t iot/a -d");
        let publisher = ends_with(iot_pub(broker.port(), &args).spawn(), 0);
        assert_eq!(publisher.stdout(), "iot/a x\n");
        let stderr = publisher.stderr();
        let packets: Vec<&str> = stderr
            .lines()
            .map(|line| line.split([' ', ',']).collect::<Vec<_>>())
            .map(|words| {
                assert_eq!(words[..2], ["Client", "a"], "{stderr}");
                words[3]
            })
            .collect();
        assert_eq!(
            packets,
            [
                "CONNECT",
                "CONNACK",
                "PUBLISH",
                "PUBREC",
                "PUBREL",
                "PUBCOMP",
                "DISCONNECT"
            ],
            "{stderr}"
        );
        assert!(
            stderr.contains("Client a sending PUBLISH (d0, q2, r0, m1), \"iot/a\", ... (1 bytes)")
        );
    }
    refused(
        bare("-d --quiet"),
        "iot-pub: `-d` cannot be used with `--quiet` (leave one of them out)",
    );
}

#[test]
fn quiet_tells_only_the_error_that_ends_it() {
    let peer = ScriptedPeer::listen();
    let mut loud = iot_pub(peer.port(), "--quiet").spawn();
    for _ in 0..2 {
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(b"\x20\x02\x00\x03");
        broker.close();
    }
    loud.interrupt();
    assert_eq!(ends_with(loud, 0).stderr(), "");
    let failed = iot_pub(peer.port(), "--quiet").spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x05");
    let failed = ends_with(failed, 5);
    assert!(failed.stderr().ends_with("not authorized\n"));
}

/// Runs iot-pub on a terminal of its own, which shows what it is sent; `keys` is a file to send it keys by.
#[track_caller]
fn on_a_terminal(args: &str) -> (Running, std::path::PathBuf) {
    let program = env!("CARGO_BIN_EXE_iot-pub");
    let script = format!("mkfifo keys; exec script -qefc '{program} {args}' /dev/null <keys");
    let running = Program::new("sh").args(["-c", &script]).spawn();
    let keys = running.folder().join("keys");
    eventually(DEADLINE, "a pipe for the keys", || keys.exists());
    (running, keys)
}

#[test]
fn the_terminal_is_asked_for_the_password_and_does_not_show_it() {
    let broker = Broker::builder().user("ada", "s3cret").start();
    let port = broker.port();
    let (running, keys) = on_a_terminal(&format!(
        "-h 127.0.0.1 -p {port} -u ada --ask-password -m x"
    ));
    let mut keys = fs::OpenOptions::new()
        .write(true)
        .open(keys)
        .expect("a pipe");
    // The prompt has no end of line: it is there once the terminal is silent, which its settings tell.
    eventually(DEADLINE, "a terminal without echo", || {
        is_silent(running.id())
    });
    std::io::Write::write_all(&mut keys, b"wrong\x15s3cret\n").expect("a terminal");
    let ended = ends_with(running, 0);
    let shown = ended.stdout();
    assert!(shown.contains("Password of ada: "), "{shown}");
    assert!(shown.contains("iot/home2/temp x"), "{shown}");
    assert!(
        !shown.contains("s3cret") && !shown.contains("wrong"),
        "{shown}"
    );
}

/// Whether the terminal of the program that `script` runs shows nothing of what is typed.
fn is_silent(script: u32) -> bool {
    let children = fs::read_to_string(format!("/proc/{script}/task/{script}/children"));
    let Some(child) = children
        .ok()
        .and_then(|ids| ids.split_whitespace().next().map(str::to_owned))
    else {
        return false;
    };
    let terminal = Path::new("/proc").join(child).join("fd/0");
    let settings = Command::new("stty")
        .arg("-a")
        .arg("-F")
        .arg(terminal)
        .output();
    settings.is_ok_and(|settings| String::from_utf8_lossy(&settings.stdout).contains("-echo "))
}

#[test]
fn without_a_terminal_nobody_can_be_asked() {
    let program = env!("CARGO_BIN_EXE_iot-pub");
    let args = ["-w", program, "-u", "ada", "--ask-password", "-m", "x"];
    let ended = ends_with(Program::new("setsid").args(args).spawn(), 1);
    assert_eq!(
        ended.stderr(),
        "iot-pub: cannot ask for the password: there is no terminal; give --password-file FILE or set IOT_PASSWORD\n"
    );
    refused(
        bare("-u ada --ask-password -P x"),
        "iot-pub: `--ask-password` cannot be used with `-P` (leave one of them out)",
    );
}

#[test]
fn a_typed_password_file_goes_before_the_variable() {
    let broker = Broker::builder().user("ada", "s3cret").start();
    let (_folder, path) = option_file("s3cret\n");
    let args = format!("-m x -u ada --password-file {path}");
    ends_well(
        iot_pub(broker.port(), &args)
            .env("IOT_PASSWORD", "wrong")
            .spawn(),
    );
}

#[test]
fn completions_load_and_the_manual_page_renders_with_every_option() {
    let bash = ends_well(bare("--generate bash").spawn()).stdout();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("completion");
    fs::write(&file, &bash).expect("a file");
    let script = format!(
        "source {}; COMP_WORDS=(iot-pub --will-); COMP_CWORD=1; _iot__pub iot-pub --will- iot-pub; echo ${{COMPREPLY[@]}}",
        file.display()
    );
    let mut shell = Program::new("bash").args(["-euc", &script]).spawn();
    assert!(shell.wait().success(), "{}", shell.stderr());
    assert_eq!(
        shell.stdout(),
        "--will-topic --will-payload --will-qos --will-retain\n"
    );
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let text = ends_well(bare(&format!("--generate {shell}")).spawn()).stdout();
        assert!(text.contains("will-payload"), "{shell}");
    }
    let page = ends_well(bare("--generate man").spawn()).stdout();
    let file = folder.path().join("iot-pub.1");
    fs::write(&file, page).expect("a file");
    let mut groff = Program::new("groff")
        .args(["-man", "-Kutf8", "-Tutf8", "-ww", "-P-cbou"])
        .args([&file])
        .spawn();
    assert!(groff.wait().success());
    assert_eq!(groff.stderr(), "");
    let page = groff.stdout();
    let help = ends_well(bare("--help").spawn()).stdout();
    let options = help.lines().filter_map(|line| {
        let line = line.trim_start();
        let start = line.find("--").filter(|_| line.starts_with('-'))?;
        line[start..].split([' ', ',']).next()
    });
    let options: Vec<&str> = options.collect();
    assert!(options.len() > 50, "{options:?}");
    for option in options {
        assert!(page.contains(option), "{option} is missing");
    }
    for heading in ["EXIT STATUS", "FILES", "ENVIRONMENT"] {
        assert!(page.contains(heading), "{heading} is missing");
    }
}
