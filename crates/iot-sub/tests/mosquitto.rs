//! In the place of `mosquitto_sub`: by the name of a link, or with `--mosquitto`. And what a
//! terminal and a person's log get of text from others.

mod common;

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use common::{start, sub};
use testkit::{Broker, DEADLINE, Program, ScriptedPeer};

/// A link of that name to the program.
fn link(folder: &tempfile::TempDir) -> PathBuf {
    let link = folder.path().join("mosquitto_sub");
    symlink(env!("CARGO_BIN_EXE_iot-sub"), &link).unwrap();
    link
}

#[test]
fn it_prints_payloads_stores_nothing_and_reads_mosquittos_option_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("iot-sub"), "-t wrong\n--json\n").unwrap();
    std::fs::write(folder.path().join("mosquitto_sub"), "-t a/b@1\n").unwrap();
    let links = tempfile::tempdir().unwrap();
    let link = link(&links);
    for program in [Program::new(&link), sub(&["--mosquitto"])] {
        let broker = Broker::start();
        let port = broker.port().to_string();
        let mut program = program
            .args(["-p", &port, "-C", "2"])
            .env("XDG_CONFIG_HOME", folder.path())
            .env("IOT_TOPIC", "wrong")
            .env("IOT_STORE", "sqlite:iot.db")
            .spawn();
        broker.wait_for_log("a/b@1 (QoS 0)", DEADLINE);
        broker.mosquitto_pub(["-t", "a/b@1", "-m", "any text"]);
        broker.mosquitto_pub(["-t", "a/b@1", "-m", "25"]);
        assert!(program.wait().success(), "{}", program.stderr());
        assert_eq!(program.stdout(), "any text\n25\n");
        assert_eq!(program.stderr(), "");
        assert!(!program.folder().join("iot.db").exists());
    }
}

#[test]
fn its_exit_codes_are_mosquittos() {
    let folder = tempfile::tempdir().unwrap();
    let link = link(&folder);
    // Nothing listens on port 1.
    for args in [
        &["-p", "1"][..],
        &["-p", "1", "-t", "a"],
        &["-t", "a", "-q", "7"],
        &["-t", "a", "-k", "65536"],
        &["--unknown"],
        &["--help"],
        &["--version"],
    ] {
        let mut theirs = Program::new("mosquitto_sub").args(args).spawn();
        let mut ours = Program::new(&link).args(args).spawn();
        let (theirs, status) = (theirs.wait(), ours.wait());
        assert_eq!(status.code(), theirs.code(), "{args:?}: {}", ours.stderr());
    }
}

#[test]
fn a_refused_connection_ends_it_with_the_broker_s_code() {
    let folder = tempfile::tempdir().unwrap();
    let link = link(&folder);
    for program in [PathBuf::from("mosquitto_sub"), link] {
        let peer = ScriptedPeer::listen();
        let port = peer.port().to_string();
        let mut program = Program::new(program).args(["-p", &port, "-t", "a"]).spawn();
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(b"\x20\x02\x00\x05");
        assert_eq!(program.wait().code(), Some(5), "{}", program.stderr());
    }
}

#[test]
fn an_option_that_tls_cannot_serve_is_answered_with_the_reason() {
    for (args, reason) in [
        (["--psk", "00ff"], "the TLS library has no pre-shared keys"),
        (
            ["--ciphers", "x"],
            "offers only ciphers that are known to be secure",
        ),
        (["--tls-engine", "x"], "the TLS library has no engines"),
    ] {
        let mut program = sub(&args).spawn();
        assert_eq!(program.wait().code(), Some(2));
        let line = format!("iot-sub: `{}` is not supported: ", args[0]);
        assert!(program.stderr().starts_with(&line), "{}", program.stderr());
        assert!(program.stderr().contains(reason), "{}", program.stderr());
    }
}

#[test]
fn without_a_store_nothing_has_to_be_a_reading() {
    let broker = Broker::start();
    let program = start(&broker, "none", &["-t", "a"]);
    for payload in ["on", "25", "{\"a\":1}", "1e999"] {
        broker.mosquitto_pub(["-t", "a", "-m", payload]);
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"\x01\n\x1b").unwrap();
    broker.mosquitto_pub(["-t", "a", "-f", &file.path().display().to_string()]);
    broker.mosquitto_pub(["-t", "a", "-n"]);
    broker.mosquitto_pub(["-t", "a", "-m", "last"]);
    program.wait_for_stdout(" a last");
    let expected = " a on\n a 25.0\n a {\"a\":1}\n a 1e999\n a \x01\n\x1b\n a \n a last\n";
    assert_eq!(program.stdout(), expected);
    let line = common::interrupt(program);
    assert_eq!(line, "iot-sub: received 7, rejected 0");
}

#[test]
fn a_payload_kind_that_is_given_counts_without_a_store_too() {
    let broker = Broker::start();
    let program = start(&broker, "none", &["-t", "a", "--payload", "number"]);
    broker.mosquitto_pub(["-t", "a", "-m", "on"]);
    program.wait_for_stderr("rejected a message on `a`: not a number");
}

#[test]
fn text_from_others_forges_no_line_in_messages() {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let mut program = sub(&[
        "-p",
        &port,
        "-V",
        "5",
        "--store",
        "none",
        "-t",
        "a",
        "--fail-fast",
    ])
    .spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    // CONNACK: not authorized, with a reason string.
    let reason = b"no\n\x1b]52;c;cm0=\x07iot-sub: all is well";
    let length = u8::try_from(reason.len()).unwrap();
    let mut packet = vec![0x20, length + 6, 0, 0x87, length + 3, 0x1f, 0, length];
    packet.extend_from_slice(reason);
    broker.send(&packet);
    assert_eq!(program.wait().code(), Some(0x87));
    let stderr = program.stderr();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.contains("no\\n\\u{1b}]52;c;cm0=\\u{7}iot-sub: all is well"),
        "{stderr}"
    );
}
