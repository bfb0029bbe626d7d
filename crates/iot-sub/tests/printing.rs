//! What is printed, and that printing holds up nothing.

mod common;

use common::{interrupt, publish, sqlite, start, sub};
use testkit::{Broker, DEADLINE, Program, Running, eventually};

#[test]
fn readings_are_printed_as_the_tutorial_prints_them() {
    let broker = Broker::start();
    let program = start(&broker, "none", &[]);
    assert_eq!(program.stderr(), "Connected with result code 0\n");
    for payload in ["10", "-5.25", "1e16", "0.00001", " 7 ", "true"] {
        broker.mosquitto_pub(["-t", "iot/x", "-m", payload]);
    }
    program.wait_for_stdout("true");
    assert_eq!(
        program.stdout(),
        " iot/x 10.0\n iot/x -5.25\n iot/x 1e+16\n iot/x 1e-05\n iot/x 7.0\n iot/x true\n"
    );
    assert_eq!(interrupt(program), "iot-sub: received 6, rejected 0");
}

#[test]
fn several_filters_can_be_named() {
    let broker = Broker::start();
    let program = start(&broker, "none", &["-t", "a/#", "-t", "b/+/c"]);
    for topic in ["iot/x", "a", "b/x/c", "b/x", "a/b/c"] {
        broker.mosquitto_pub(["-t", topic, "-m", "1"]);
    }
    program.wait_for_stdout(" a/b/c 1.0");
    assert_eq!(program.stdout(), " a 1.0\n b/x/c 1.0\n a/b/c 1.0\n");
}

#[test]
fn a_closed_stdout_ends_the_printing_not_the_storing() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let port = broker.port().to_string();
    let program = sub(&[
        "-p",
        &port,
        "--store",
        &format!("sqlite:{}", file.display()),
    ])
    .close_stdout_after("1.0")
    .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    for value in ["1", "2", "3", "4"] {
        publish(broker.port(), &["-m", value]);
    }
    eventually(DEADLINE, "all four are stored", || {
        sqlite(&file, "select count(*) from sensors") == "4\n"
    });
    assert_eq!(
        interrupt(program),
        "iot-sub: received 4, stored 4, rejected 0"
    );
}

/// `iot-sub` whose stdout is on a full disk.
fn on_a_full_disk(port: u16, args: &[&str]) -> Running {
    let script = "exec \"$0\" \"$@\" >/dev/full";
    let port = port.to_string();
    Program::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_iot-sub"), "-p", &port])
        .args(args)
        .spawn()
}

#[test]
fn a_full_disk_ends_the_printing_not_the_storing_and_is_reported() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let mut program = on_a_full_disk(broker.port(), &["--store", &store, "--csv"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    for value in ["1", "2", "3", "4"] {
        publish(broker.port(), &["-m", value]);
    }
    program.wait_for_stderr("printing stops");
    eventually(DEADLINE, "all four are stored", || {
        sqlite(&file, "select count(*) from sensors") == "4\n"
    });
    program.interrupt();
    assert_eq!(program.wait().code(), Some(1));
    // The header of the columns fails before or after the connection is made.
    let stderr = program.stderr();
    assert_eq!(
        stderr.replace("Connected with result code 0\n", ""),
        "iot-sub: cannot write to standard output: no space left on device; printing stops, storing continues\n\
         iot-sub: received 4, stored 4, rejected 0\n\
         iot-sub: cannot write to standard output: no space left on device\n"
    );
}

#[test]
fn a_full_disk_ends_a_program_that_only_prints_with_1() {
    const FAILURE: &str = "iot-sub: cannot write to standard output: no space left on device\n";
    let broker = Broker::start();
    for args in [&["--csv"][..], &["-v"], &["--json", "-C", "1"]] {
        let mut program = on_a_full_disk(broker.port(), &[&["--store", "none"], args].concat());
        let stderr = || program.stderr();
        eventually(DEADLINE, "the program ends", || {
            broker.mosquitto_pub(["-t", "iot/x", "-m", "2"]);
            stderr().contains(FAILURE)
        });
        assert_eq!(program.wait().code(), Some(1), "{args:?}");
        assert_eq!(program.stderr().matches("standard output").count(), 1);
    }
    let mut program = on_a_full_disk(broker.port(), &["--generate", "man"]);
    assert_eq!(program.wait().code(), Some(1));
    assert_eq!(program.stderr(), FAILURE);
}

#[test]
fn a_closed_stdout_ends_a_program_that_only_prints() {
    let broker = Broker::start();
    let port = broker.port().to_string();
    let mut program = sub(&["-p", &port, "--store", "none"])
        .close_stdout_after("1.0")
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    publish(broker.port(), &["-m", "1"]);
    program.wait_for_stdout("1.0");
    // The next lines meet a closed pipe.
    eventually(DEADLINE, "the program ends", || {
        broker.mosquitto_pub(["-t", "iot/x", "-m", "2"]);
        !program.is_running()
    });
    assert_eq!(program.wait().code(), Some(0), "{}", program.stderr());
}

/// On a terminal, only: into a pipe the bytes go as they are.
#[test]
fn control_characters_from_strangers_do_not_reach_a_terminal() {
    let broker = Broker::start();
    // mosquitto accepts no control characters in topics.
    let topic = "iot/]52;c;cm0=";
    let payload = "\"\u{1b}[2J\u{9b}31m\u{7}\"";
    let iot_sub = format!(
        "{} -p {} --store none -C 2",
        env!("CARGO_BIN_EXE_iot-sub"),
        broker.port()
    );
    for format in ["", " -v", " -F %t:%p", " --json", " --csv"] {
        let before = broker.log().matches("Sending SUBACK").count();
        let command = format!("{iot_sub}{format}");
        let mut program = Program::new("script")
            .args(["-qec", &command, "/dev/null"])
            .spawn();
        eventually(DEADLINE, "a subscription", || {
            broker.log().matches("Sending SUBACK").count() > before
        });
        broker.mosquitto_pub(["-t", topic, "-m", payload]);
        broker.mosquitto_pub(["-t", "iot/a", "-m", "1"]);
        assert!(program.wait().success());
        let output = program.stdout();
        assert!(output.contains("iot/a"), "{format}: {output:?}");
        let mut stray = output.chars().filter(|it| it.is_control());
        let is_clean = stray.all(|it| matches!(it, '\r' | '\n'));
        assert!(is_clean, "{format}: {output:?}");
    }
    let mut piped = Program::new("sh")
        .args(["-c", &format!("{iot_sub} -v")])
        .spawn();
    eventually(DEADLINE, "a subscription", || {
        broker.log().matches("Sending SUBACK").count() == 6
    });
    broker.mosquitto_pub(["-t", topic, "-m", payload]);
    broker.mosquitto_pub(["-t", "iot/a", "-m", "1"]);
    assert!(piped.wait().success());
    assert_eq!(piped.stdout(), format!("{topic} {payload}\niot/a 1\n"));
}
