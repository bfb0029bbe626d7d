//! `--health`, which asks a running program.

use std::net::TcpListener;

use testkit::{Broker, Mongo, ScriptedPeer};

use crate::common::{start, sub};
use crate::page::{address, becomes};

/// Runs `--health URL`; returns the exit code and stderr.
fn health(url: &str) -> (Option<i32>, String) {
    let mut program = sub(&["--health", url]).spawn();
    (program.wait().code(), program.stderr())
}

#[test]
fn a_program_that_is_ready_is_healthy_whatever_other_options_say() {
    let broker = Broker::start();
    let program = start(&broker, "none", &["--metrics", "127.0.0.1:0"]);
    let at = address(&program);
    becomes(at, "ready", 1.0);
    assert_eq!(health(&format!("http://{at}")), (Some(0), String::new()));
    assert_eq!(
        health(&format!("http://{at}/livez")),
        (Some(0), String::new())
    );
    // In a container the variables of the run are set here as well.
    let url = format!("http://{at}/readyz");
    let check = sub(&["--health", &url]).env("IOT_METRICS", at.to_string());
    let mut check = check.env("IOT_STORE", "mongodb://localhost:1").spawn();
    assert_eq!(check.wait().code(), Some(0), "{}", check.stderr());
}

#[test]
fn a_program_that_waits_is_alive_and_not_ready() {
    let mongo = Mongo::reserve();
    let program = sub(&["--store", &mongo.url(), "--ack-after", "store"])
        .args(["--metrics", "127.0.0.1:0"])
        .spawn();
    let at = address(&program);
    program.wait_for_stderr("waiting for store");
    let expected =
        format!("iot-sub: `http://{at}/readyz` answers 503: not ready: the store is away\n");
    assert_eq!(health(&format!("http://{at}")), (Some(1), expected));
    assert_eq!(health(&format!("http://{at}/livez")).0, Some(0));
}

#[test]
fn a_server_that_is_away_or_none_of_ours_is_unhealthy() {
    let at = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let expected = format!(
        "iot-sub: `http://{at}/readyz` does not answer: connection refused (does iot-sub run there with --metrics?)\n"
    );
    assert_eq!(health(&format!("http://{at}")), (Some(1), expected));

    let peer = ScriptedPeer::listen();
    let port = peer.port();
    let url = format!("http://127.0.0.1:{port}/livez");
    let mut check = sub(&["--health", &url]).spawn();
    let mut server = peer.accept();
    server.send(b"\x1b[31mSSH-2.0\r\n");
    server.close();
    assert_eq!(check.wait().code(), Some(1));
    let expected = format!("iot-sub: `{url}` does not answer with HTTP\n");
    assert_eq!(check.stderr(), expected);

    let (code, line) = health("localhost:9464");
    assert_eq!(code, Some(2), "{line}");
}
