//! In the place of `mosquitto_pub`: by the name of a link, or with `--mosquitto`.

mod common;

use std::os::unix::fs::symlink;

use testkit::{Broker, Program};

#[test]
fn it_publishes_without_an_echo_and_reads_mosquittos_option_file() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("mosquitto_pub");
    symlink(env!("CARGO_BIN_EXE_iot-pub"), &link).unwrap();
    let config = tempfile::tempdir().unwrap();
    std::fs::write(config.path().join("iot-pub"), "-t iot/wrong\n").unwrap();
    std::fs::write(config.path().join("mosquitto_pub"), "-t iot/{a}\n-q 1\n").unwrap();
    let subscriber = common::subscriber(&broker, ["-t", "iot/#", "-v", "-C", "2"]);
    let by_name = Program::new(&link).args(["-p", &port, "-m", "x"]);
    let by_option =
        Program::new(env!("CARGO_BIN_EXE_iot-pub")).args(["-p", &port, "-m", "x", "--mosquitto"]);
    for program in [by_name, by_option] {
        let mut program = program
            .env("XDG_CONFIG_HOME", config.path())
            .env("IOT_TOPIC", "iot/wrong")
            .spawn();
        assert!(program.wait().success(), "{}", program.stderr());
        assert_eq!((program.stdout(), program.stderr()), Default::default());
    }
    let mut subscriber = subscriber;
    assert!(subscriber.wait().success());
    assert_eq!(subscriber.stdout(), "iot/{a} x\niot/{a} x\n");
}

#[test]
fn its_exit_codes_are_mosquittos() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("mosquitto_pub");
    symlink(env!("CARGO_BIN_EXE_iot-pub"), &link).unwrap();
    // Nothing listens on port 1.
    for args in [
        &["-p", "1", "-t", "a"][..],
        &["-p", "1", "-m", "x"],
        &["-p", "1", "-t", "a", "-m", "x"],
        &["-t", "a", "-m", "x", "-q", "7"],
        &["-t", "a/#", "-m", "x"],
        &["--help"],
    ] {
        let mut theirs = Program::new("mosquitto_pub").args(args).spawn();
        let mut ours = Program::new(&link).args(args).spawn();
        let (theirs, status) = (theirs.wait(), ours.wait());
        assert_eq!(status.code(), theirs.code(), "{args:?}: {}", ours.stderr());
    }
}

#[test]
fn an_empty_file_is_an_empty_message_and_empty_standard_input_an_error() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let file = tempfile::NamedTempFile::new().unwrap();
    let empty = file.path().to_str().unwrap();
    let subscriber = common::subscriber(&broker, ["-t", "iot/a", "-F", "%l", "-C", "2"]);
    for (args, code) in [(&["-f", empty][..], 0), (&["-s"], 1)] {
        let theirs = Program::new("mosquitto_pub");
        let ours = Program::new(env!("CARGO_BIN_EXE_iot-pub")).args(["--mosquitto"]);
        for program in [theirs, ours] {
            let program = program.args(["-p", &port, "-t", "iot/a"]).args(args);
            assert_eq!(program.spawn().wait().code(), Some(code), "{args:?}");
        }
    }
    let mut subscriber = subscriber;
    assert!(subscriber.wait().success());
    assert_eq!(subscriber.stdout(), "0\n0\n");
}
