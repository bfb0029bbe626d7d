//! Passwords: the prompt on the terminal, and files.

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::{Broker, DEADLINE, Program, Running, eventually};

use crate::common::{bare, ends_well, ends_with, iot_pub};
use crate::helpers::refused;
use crate::option_file::option_file;

/// Runs iot-pub on a terminal. Returns it, and a pipe that sends keys to the terminal.
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
    // The prompt has no end of line. It is there when the terminal does not echo.
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

/// Returns whether the terminal of the program that `script` runs does not echo what is typed.
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
fn without_a_terminal_there_is_no_prompt() {
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
