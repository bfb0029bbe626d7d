//! `--page`: the page in a browser. What it shows is tested in Chromium, by `scripts/test-page`.

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use common::{interrupt, sub};
use testkit::Broker;

/// Returns what the first line of `iot-sub` on stderr is, which ends at once.
#[track_caller]
fn refused(args: &[&str]) -> String {
    let mut program = sub(&["--store", "none"]).args(args).spawn();
    assert!(!program.wait().success());
    program
        .stderr()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn get(address: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request =
        format!("GET / HTTP/1.1\r\nhost: {address}\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn an_address_that_others_reach_needs_a_word_about_passwords() {
    assert_eq!(
        refused(&["--page=0.0.0.0:0"]),
        "iot-sub: `--page` shows the page to everybody who reaches 0.0.0.0:0 (give \
         --page-password-file FILE, or --page-no-password)"
    );
    assert_eq!(
        refused(&["--page-no-password"]),
        "iot-sub: `--page-no-password` needs --page"
    );
    assert_eq!(
        refused(&["--page", "127.0.0.1:0"]),
        "iot-sub: `--page` takes its value behind `=`: `--page=127.0.0.1:0`"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "\n").unwrap();
    let file = file.display().to_string();
    assert_eq!(
        refused(&["--page", "--page-password-file", &file]),
        format!("iot-sub: the page's password file `{file}` begins with an empty line")
    );
}

#[test]
fn a_port_in_use_is_named_with_what_helps() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let line = refused(&[&format!("--page={address}")]);
    let expected = format!("iot-sub: cannot listen on `{address}` for --page: ");
    assert!(line.starts_with(&expected), "{line}");
    assert!(
        line.ends_with("(choose another port; port 0 uses a free one)"),
        "{line}"
    );
}

#[test]
fn the_page_s_address_is_printed_and_the_password_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "geheim\nmore\n").unwrap();
    let broker = Broker::start();
    let program = sub(&[
        "-p",
        &broker.port().to_string(),
        "--store",
        "none",
        "--page=127.0.0.1:0",
        "--page-password-file",
        &file.display().to_string(),
    ])
    .spawn();
    let line = program.wait_for_stderr("the page is at");
    let address = line.strip_prefix("iot-sub: the page is at http://");
    let address = address.and_then(|line| line.strip_suffix('/')).unwrap();
    program.wait_for_stderr("Connected");
    assert!(get(address, "").starts_with("HTTP/1.1 401 "));
    let password = "authorization: Basic OmdlaGVpbQ==\r\n";
    assert!(get(address, password).starts_with("HTTP/1.1 200 "));
    interrupt(program);
}
