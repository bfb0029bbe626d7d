//! Addresses of brokers and stores that can never work: wrong usage, with the right form, and
//! without a password.

mod common;

use std::fs;

use common::sub;
use testkit::Program;

#[track_caller]
fn refused(mut program: Program, expected: &str) {
    program = program.args(["-t", "a"]);
    let mut program = program.spawn();
    let status = program.wait();
    let stderr = program.stderr();
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(expected), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(!stderr.contains("PW"), "{stderr}");
}

#[test]
fn a_host_that_cannot_be_one_is_wrong_usage() {
    for (host, help) in [
        ("localhost:1883", "--host localhost --port 1883"),
        ("mqtt://x", "-L URL"),
        ("", "as in --host localhost"),
        (" localhost", "without spaces"),
        ("ada:PW@b", "-u NAME"),
    ] {
        refused(sub(&["--store", "none", "-h", host]), help);
        refused(sub(&["--store", "none"]).env("IOT_HOST", host), help);
    }
}

#[test]
fn what_alerts_cannot_use_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    let plain = folder.path().join("plain");
    fs::write(&plain, "").unwrap();
    let plain = plain.display().to_string();
    let alert = ["--store", "none", "--alert", "# > 1"];
    for (option, value, why) in [
        (
            "--alert-exec",
            "./nox",
            "cannot run `./nox`: there is no such file",
        ),
        ("--alert-exec", "nox", "there is no such program in PATH"),
        ("--alert-exec", &path, "it is a directory"),
        ("--alert-exec", &plain, "it is not executable"),
        (
            "--alert-exec",
            "sh -c true",
            "(it takes no arguments: write a script)",
        ),
        ("--alert-file", &path, "needs a file, and"),
        ("--alert-file", "/dev/null", "is a device or a pipe"),
    ] {
        refused(sub(&alert).args([option, value]), why);
    }
}

#[test]
fn a_line_of_an_option_file_is_one_option() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("options");
    fs::write(&file, "-h localhost -p 1883\n").unwrap();
    let path = file.display().to_string();
    refused(
        sub(&["--store", "none", "-o", &path]),
        "an option file has one option a line",
    );
}

#[test]
fn a_rejected_store_shows_no_password() {
    for (store, help) in [
        ("postgres://u:PW@h/db", "a store is mongodb://…"),
        ("postgres:u:PW@h", "a store is mongodb://…"),
        (
            "mongodb://u:PW@bad host/db",
            "a host in the MongoDB URL has a space in it",
        ),
        ("sqlite://", "needs the path of a file"),
        ("sqlite:/dev/null", "`/dev/null` is a device or a pipe"),
    ] {
        refused(sub(&["--store", store]), help);
        refused(sub(&[]).env("IOT_STORE", store), help);
    }
    refused(
        sub(&["--spool", "/dev/null"]),
        "`--spool` needs a file, and `/dev/null` is a device or a pipe",
    );
}

#[test]
fn a_path_after_sqlite_may_begin_with_two_slashes() {
    let mut program = sub(&["-h", "127.0.0.1", "-p", "1", "--store", "sqlite://x.db"]).spawn();
    program.wait_for_stderr("waiting for broker");
    assert!(program.folder().join("x.db").is_file());
    program.interrupt();
    assert!(program.wait().success());
}
