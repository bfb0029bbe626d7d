//! `page`: live readings from a broker. What the page shows is tested in Chromium, by
//! `scripts/test-page`.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use common::{DAY, Store, number, view};
use testkit::{Authority, Broker, DEADLINE, Program};

/// Returns the first lines of the page's events up to one that contains `text`.
#[track_caller]
fn wait_for_event(address: &str, text: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let request = format!("GET /api/events HTTP/1.1\r\nhost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines();
    let found = lines.find(|line| line.as_ref().unwrap().contains(text));
    assert!(found.is_some());
}

#[test]
fn live_readings_come_over_each_transport() {
    let authority = Authority::new();
    let pair = authority.server(&["localhost"]);
    let broker = Broker::builder()
        .user("ada", "pw")
        .listener("ws", "protocol websockets")
        .tls("tls", &pair, "")
        .unix_socket()
        .start();
    let mut store = Store::new();
    store.insert(&[("iot/a", number(1.0), None, DAY)]);
    let password = store.folder.path().join("password");
    std::fs::write(&password, "pw\n").unwrap();
    let (ca, password) = (authority.path(), password.display().to_string());
    let tls = broker.port_of("tls");
    let ways = [
        format!(
            "-L mqtts://ada:pw@localhost:{tls} --cafile {}",
            ca.display()
        ),
        format!(
            "--host localhost -p {tls} -u ada --password-file {password} --cafile {} -V 5",
            ca.display()
        ),
        format!(
            "--host localhost -p {} --ws -u ada -P pw",
            broker.port_of("ws")
        ),
        format!(
            "--unix {} -u ada -P pw -i the-page",
            broker.socket().display()
        ),
    ];
    for (number, way) in ways.iter().enumerate() {
        let program = Program::new(env!("CARGO_BIN_EXE_iot-view"))
            .args(["page", "127.0.0.1:0", "--store", &store.url()])
            .args(way.split(' '));
        let mut page = program.spawn();
        let line = page.wait_for_stderr("the page is at");
        let address = line.split("http://").nth(1).unwrap().trim_end_matches('/');
        // Retained, as the page may subscribe after this.
        let topic = format!("iot/live{number}");
        broker.mosquitto_pub([
            "-u", "ada", "-P", "pw", "-q", "1", "-r", "-t", &topic, "-m", "25.5",
        ]);
        wait_for_event(address, &topic);
        page.interrupt();
        assert!(page.wait().success());
    }
    assert!(broker.log().contains("the-page"));
}

#[test]
fn options_of_a_broker_need_one() {
    let store = Store::new();
    for (args, line) in [
        (
            &["--cafile", "ca.pem"][..],
            "`--cafile` needs a broker (give --host HOST)",
        ),
        (&["-u", "ada"], "`-u` needs a broker (give --host HOST)"),
        (&["-k", "5"], "`-k` needs a broker (give --host HOST)"),
        (
            &["--tls-alpn", "mqtt"],
            "`--tls-alpn` needs a broker (give --host HOST)",
        ),
        (
            &["--host", "localhost:1883"],
            "invalid value `localhost:1883` for `--host`: the port is an option of its own: --host localhost --port 1883",
        ),
    ] {
        let mut all = vec!["page", "127.0.0.1:0"];
        all.extend(args);
        let done = view(&store, &all);
        assert_eq!(done.code, 2, "{}", done.stderr);
        assert_eq!(done.stderr, format!("iot-view: {line}\n"));
    }
}
