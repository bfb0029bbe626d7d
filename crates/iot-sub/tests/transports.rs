//! How the broker is reached: each transport's options and `-L`, by their effect.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::{interrupt, sub};
use testkit::{Authority, Broker, DEADLINE, SocksProxy};

/// Of the next client: the broker's log tells them apart by their ids.
static NUMBER: AtomicUsize = AtomicUsize::new(1);

/// Subscribes with these options, and gets what is published to `iot/a`.
#[track_caller]
fn receives(broker: &Broker, options: &str) {
    for version in ["31", "311", "5"] {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let client = format!("sub-{number}-");
        let words = format!("--store none -q 1 -i {client} -V {version} {options}");
        let words: Vec<_> = words.split(' ').collect();
        let program = sub(&words).spawn();
        broker.wait_for_log(&format!("Sending SUBACK to {client}"), DEADLINE);
        broker.mosquitto_pub([
            "-u", "ada", "-P", "pw", "-q", "1", "-t", "iot/a", "-m", "25.5",
        ]);
        program.wait_for_stdout(" iot/a 25.5");
        interrupt(program);
        broker.wait_for_log(&format!("Client {client} disconnected."), DEADLINE);
    }
}

fn broker(authority: &Authority) -> Broker {
    let pair = authority.server(&["localhost"]);
    Broker::builder()
        .user("ada", "pw")
        .listener("ws", "protocol websockets")
        .tls("tls", &pair, "")
        .tls("wss", &pair, "protocol websockets")
        .unix_socket()
        .start()
}

#[test]
fn a_unix_socket_and_a_proxy_carry_each_version() {
    let broker = broker(&Authority::new());
    let socks = SocksProxy::start();
    receives(
        &broker,
        &format!("-u ada -P pw --unix {}", broker.socket().display()),
    );
    let proxied = format!("-u ada -P pw --proxy {} -p {}", socks.url(), broker.port());
    receives(&broker, &proxied);
    assert_eq!(
        socks.asked()[0],
        format!("name localhost:{}", broker.port())
    );
}

#[test]
fn tls_and_websocket_carry_each_version() {
    let authority = Authority::new();
    let broker = broker(&authority);
    let ca = authority.path();
    let ca = ca.display();
    let (tls, ws, wss) = (
        broker.port_of("tls"),
        broker.port_of("ws"),
        broker.port_of("wss"),
    );
    receives(
        &broker,
        &format!("-u ada -P pw --cafile {ca} -p {tls} --nodelay"),
    );
    receives(
        &broker,
        &format!("-u ada -P pw -p {ws} --ws --nodelay=false"),
    );
    receives(
        &broker,
        &format!("-L wss://ada:pw@localhost:{wss}/iot/%61 --cafile {ca}"),
    );
}

#[test]
fn the_topic_of_a_url_stands_beside_those_that_are_typed() {
    let broker = broker(&Authority::new());
    let port = broker.port();
    let url = format!("mqtt://ada:pw@localhost:{port}/from/url/#");
    let subscribed = |client: &str, words: &[&str], variable: &str| {
        let words = [
            &["--store", "none", "-u", "ada", "-P", "pw", "-i", client],
            words,
        ]
        .concat();
        let mut program = sub(&words);
        if !variable.is_empty() {
            program = program.env("IOT_URL", variable);
        }
        let program = program.spawn();
        broker.wait_for_log(&format!("Sending SUBACK to {client}"), DEADLINE);
        interrupt(program);
        let log = broker.log();
        ["iot/#", "typed", "from/url/#"].map(|filter| log.contains(&format!("{client} 0 {filter}")))
    };
    let nowhere = "mqtt://nowhere/variable";
    let both = ["-t", "typed", "-L", &url];
    assert_eq!(subscribed("both", &both, nowhere), [false, true, true]);
    let place = url.replace("/from/url/#", "");
    let without = ["-t", "typed", "-L", &place];
    assert_eq!(subscribed("without", &without, ""), [false, true, false]);
    assert_eq!(subscribed("alone", &["-L", &url], ""), [false, false, true]);
    assert_eq!(
        subscribed("typed", &["-t", "typed"], &url),
        [false, true, false]
    );
    assert_eq!(subscribed("variable", &[], &url), [false, false, true]);
}

#[test]
fn the_embedded_broker_needs_no_way_to_it() {
    for option in [
        "--ws",
        "--unix=/s",
        "--insecure",
        "--url=mqtt://b",
        "--proxy=socks5h://p",
    ] {
        let mut program = sub(&["--embedded", "--store", "none", option]).spawn();
        let status = program.wait();
        let stderr = program.stderr();
        assert_eq!(status.code(), Some(2), "{option}: {stderr}");
        let name = option.split('=').next().unwrap();
        let name = match name {
            "--url" => "the host in `--url`".to_owned(),
            name => format!("`{name}`"),
        };
        let line = format!("iot-sub: `--embedded` cannot be used with {name} ");
        assert!(stderr.starts_with(&line), "{option}: {stderr}");
    }
}

#[test]
fn tls_that_fails_ends_the_program_with_1() {
    let authority = Authority::new();
    let broker = broker(&authority);
    let other = Authority::new();
    let port = broker.port_of("tls").to_string();
    let ca = other.path().display().to_string();
    let mut program = sub(&["--store", "none", "-p", &port, "--cafile", &ca]).spawn();
    let status = program.wait();
    assert_eq!(status.code(), Some(1));
    let line = format!(
        "iot-sub: cannot connect to broker `localhost:{port}`: the broker's certificate comes from an authority that is not trusted here (--cafile FILE trusts the one in FILE)\n"
    );
    assert_eq!(program.stderr(), line);
}
