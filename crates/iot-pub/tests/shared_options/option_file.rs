//! Option files, and what wins: typed, variable, or file.

use std::fs;

use testkit::{Broker, DEADLINE, Program};

use crate::common::{bare, ends_well, ends_with, iot_pub};
use crate::helpers::refused;

/// Writes a file with these lines. Returns its folder, which is removed with it, and its path.
pub(crate) fn option_file(lines: &str) -> (tempfile::TempDir, String) {
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
fn typed_beats_variable_beats_file() {
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
fn a_file_or_a_variable_never_contradicts_what_is_typed() {
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
