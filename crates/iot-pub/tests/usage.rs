//! Help, version, and what is said of a command line that is wrong: before anything connects.

mod common;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use common::{bare, ends_with};
use testkit::Program;

/// Wrong usage: exit code 2, nothing on stdout, and this line on stderr, and no other.
#[track_caller]
fn refused(program: Program, line: &str) {
    let ended = ends_with(program.spawn(), 2);
    assert_eq!(ended.stderr(), format!("{line}\n"));
    assert_eq!(ended.stdout(), "");
}

#[track_caller]
fn case(args: &str, line: &str) {
    refused(bare(args), line);
}

#[test]
fn help_fits_on_two_screens_and_names_the_way_to_the_rest() {
    let ended = ends_with(bare("--help").env("COLUMNS", "100").spawn(), 0);
    assert_eq!(ended.stderr(), "");
    let help = ended.stdout();
    let lines = help.lines().count();
    assert!((60..=84).contains(&lines), "{lines} lines");
    assert_eq!(help.matches("\n  iot-pub ").count(), 3);
    assert!(help.contains("--help-all") && help.contains("--generate man"));
    insta::assert_snapshot!("help", help);
}

#[test]
fn help_all_has_every_option_with_its_variable_but_not_its_value() {
    let program = bare("--help-all").env("COLUMNS", "100");
    let program = program.env("IOT_PASSWORD", "s3cret");
    let ended = ends_with(program.env("IOT_HOST", "set-host").spawn(), 0);
    let help = ended.stdout();
    assert!(!help.contains("s3cret") && !help.contains("set-host"));
    assert!(help.contains("[env: IOT_PASSWORD]") && help.contains("[env: IOT_HOST]"));
    assert!(help.contains("--tls-keylog") && help.contains("--will-topic"));
    insta::assert_snapshot!("help_all", help);
}

#[test]
fn version() {
    let ended = ends_with(bare("--version").spawn(), 0);
    let expected = format!("iot-pub {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(ended.stdout(), expected);
    assert_eq!(ended.stderr(), "");
}

#[test]
fn intervals() {
    const WANTED: &str =
        "a duration is a positive number of seconds, or one with its unit: 500ms, 2s, 1m, 1h or 1d";
    for bad in [
        "0",
        "0s",
        "-1s",
        "2w",
        "s",
        "1e400h",
        "NaN",
        "inf",
        "1s2",
        "0.0000001ms",
    ] {
        let line = format!("iot-pub: invalid value `{bad}` for `--interval`: {WANTED}");
        case(&format!("--interval {bad}"), &line);
    }
    case(
        "--interval",
        "iot-pub: `--interval` needs a value: <DURATION>",
    );
}

#[test]
fn counts() {
    for bad in ["0", "-1", "1.5", "many", "18446744073709551616"] {
        let line = format!(
            "iot-pub: invalid value `{bad}` for `--count`: \
             a count is a whole number, 1 or more"
        );
        case(&format!("--count {bad}"), &line);
    }
}

#[test]
fn values_out_of_their_range() {
    for (args, line) in [
        ("-q 3", "`3` for `-q`: QoS is 0, 1 or 2"),
        (
            "-p 0",
            "`0` for `-p`: a port is a whole number from 1 to 65535",
        ),
        (
            "-p 65536",
            "`65536` for `-p`: a port is a whole number from 1 to 65535",
        ),
        (
            "-k 65536",
            "`65536` for `-k`: a keep alive is 0 to 65535 seconds",
        ),
        ("-k -1", "`-1` for `-k`: a keep alive is 0 to 65535 seconds"),
        (
            "--model -5.2",
            "`-5.2` for `--model`: `-5.2` is not a model (models: uniform, normal, walk, sine, daily, steps, \
             constant, counter; to add to a model: dropout, spike, stuck, drift, clamp)",
        ),
        (
            "--max-queued 0",
            "`0` for `--max-queued`: a whole number from 1 to 65000 is needed",
        ),
        (
            "-V 4",
            "`4` for `-V` (possible values: mqttv31, mqttv311, mqttv5, 31, 311, 5)",
        ),
        ("-A here", "`here` for `-A`: invalid IP address syntax"),
        (
            "-t a/+",
            "`a/+` for `-t`: topic name `a/+` contains the wildcard `+` (only topic filters have wildcards)",
        ),
        (
            "-t=",
            "`` for `-t`: a topic must have at least one character",
        ),
    ] {
        case(args, &format!("iot-pub: invalid value {line}"));
    }
}

#[test]
fn unknown_words() {
    case(
        "foo",
        "iot-pub: unexpected word `foo` (a host is given with -h HOST, a topic with -t TOPIC; --help lists the options)",
    );
    case(
        "--xyzzy",
        "iot-pub: unknown option `--xyzzy` (--help lists the options)",
    );
    case(
        "--topc a",
        "iot-pub: unknown option `--topc` (did you mean `--topic`?)",
    );
    case(
        "-h",
        "iot-pub: `-h` is the broker's host and needs a value, as in `-h localhost` (--help prints the help)",
    );
}

#[test]
fn a_variable_is_checked_like_its_option() {
    refused(
        bare("").env("IOT_QOS", "3"),
        "iot-pub: invalid value `3` for variable `IOT_QOS`: QoS is 0, 1 or 2",
    );
    refused(
        bare("").env("IOT_RETAIN", "perhaps"),
        "iot-pub: invalid value `perhaps` for variable `IOT_RETAIN`: a flag is yes or no, true or false, 1 or 0",
    );
}

#[test]
fn a_value_that_is_not_utf_8_is_named_and_not_shown() {
    let value = OsStr::from_bytes(b"secret\xff");
    refused(
        bare("-m 1 -u a -P").args([value]),
        "iot-pub: the value of `-P` is not UTF-8",
    );
    refused(
        bare("-m 1").env("IOT_TOPIC", value),
        "iot-pub: the value of variable `IOT_TOPIC` is not UTF-8",
    );
}

#[test]
fn a_long_value_does_not_fill_the_terminal() {
    let value = "x".repeat(100_000);
    let ended = ends_with(bare("-q").args([&value]).spawn(), 2);
    let line = ended.stderr();
    assert!(line.starts_with("iot-pub: invalid value `xxx") && line.len() < 1_000);
    assert!(
        line.ends_with("xxx` for `-q`: QoS is 0, 1 or 2\n"),
        "{line}"
    );
}

#[cfg(unix)]
#[test]
fn a_file_without_an_end_is_refused() {
    for (options, what) in [
        ("-o /dev/zero", "option file"),
        ("--scenario /dev/zero", "scenario"),
        ("-m 1 -u a --password-file /dev/zero", "password file"),
        ("-m 1 --cafile /dev/zero", "CA file"),
        ("-m 1 --cert /dev/zero --key k", "client certificate"),
    ] {
        let mut program = bare(options).spawn();
        assert!(!program.wait().success());
        let expected =
            format!("iot-pub: cannot read {what} `/dev/zero`: it is larger than 16 MiB\n");
        assert_eq!(program.stderr(), expected);
    }
}

#[test]
fn options_that_do_not_go_together() {
    for args in ["-c", "-c -i="] {
        case(
            args,
            "iot-pub: `-c` needs a client identifier, by which the broker finds the session (give --id ID)",
        );
    }
    case(
        "-P x",
        "iot-pub: a password needs a user name on MQTT 3.1.1 (give --username NAME)",
    );
}

#[test]
fn an_error_names_the_layer_that_it_comes_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("options");
    std::fs::write(&file, "# the greenhouse\n-c\n").expect("a file");
    let file = file.display();
    let needs = "needs a client identifier, by which the broker finds the session (give --id ID)";
    case(
        &format!("-o {file}"),
        &format!("iot-pub: `-c` ({file}:2) {needs}"),
    );
    refused(
        bare("").env("IOT_DISABLE_CLEAN_SESSION", "yes"),
        &format!("iot-pub: variable `IOT_DISABLE_CLEAN_SESSION` {needs}"),
    );
    refused(
        bare("").env("IOT_MESSAGE", "x").env("IOT_MODEL", "walk"),
        "iot-pub: variable `IOT_MESSAGE` cannot be used with variable `IOT_MODEL` (leave one of them out)",
    );
    refused(
        bare("").env("IOT_URL", "mqtt://u:secret@b:0"),
        "iot-pub: invalid value for variable `IOT_URL`: the URL's port is not 1 to 65535 (a `/`, `@` or `:` in a user name or password is written %2F, %40, %3A)",
    );
}

#[test]
fn a_password_file_that_can_not_be_read() {
    let ended = ends_with(bare("-u ada --password-file nowhere").spawn(), 1);
    assert_eq!(
        ended.stderr(),
        "iot-pub: cannot read password file `nowhere`: no such file or directory\n"
    );
}

#[test]
fn a_password_is_never_shown() {
    for args in [
        "-P s3cret",
        "-u ada -P s3cret -q 3",
        "-u ada --pw=s3cret --nonsense",
        "-u ada -Ps3cret foo",
        "-u ada -P s3cret -P",
        "-u ada -P s3cret -p 1 -h 127.0.0.1 --fail-fast",
    ] {
        let mut program = bare(args).spawn();
        assert!(!program.wait().success(), "{args}");
        assert!(!program.stderr().contains("s3cret"), "{}", program.stderr());
    }
}
