//! The HTTP server itself.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use testkit::{Broker, DEADLINE};

use crate::common::{interrupt, publish, start, sub};
use crate::page::{address, ask, get, samples};

#[test]
fn slow_and_hostile_clients_hold_up_nobody() {
    let broker = Broker::start();
    let program = start(&broker, "none", &["--metrics", "127.0.0.1:0"]);
    let at = address(&program);
    // Many more than the server keeps open, none of which ever sends a request.
    let mut idle: Vec<_> = (0..100).map(|_| TcpStream::connect(at).unwrap()).collect();
    let mut slow = TcpStream::connect(at).unwrap();
    slow.write_all(b"GET /metrics HT").unwrap();
    let (status, page) = get(at, "/metrics");
    // The answer did not wait for a timeout of the idle ones: the youngest of them is still open.
    let youngest = idle.last_mut().unwrap();
    youngest.set_nonblocking(true).unwrap();
    let read = youngest.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(read, Err(ErrorKind::WouldBlock));
    // The oldest one was closed to make room.
    idle[0].set_read_timeout(Some(DEADLINE)).unwrap();
    assert!(matches!(idle[0].read(&mut [0]), Ok(0) | Err(_)));
    assert_eq!(status, 200);
    assert!(samples(&page).contains_key("iot_sub_received_total"));
    drop(idle);

    let endless = [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 1 << 20]].concat();
    let answer = ask(at, &endless);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    let answer = ask(at, &[0xff; 100]);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    let answer = ask(
        at,
        b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(
        answer.to_ascii_lowercase().contains("allow: get, head"),
        "{answer}"
    );
    assert_eq!(get(at, "/metrics/").0, 404);
    // A site whose name leads to this machine.
    let answer = ask(at, b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let answer = ask(at, b"HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = ask(at, b"GET /metrics HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    assert!(
        answer.contains("text/plain; version=0.0.4; charset=utf-8"),
        "{answer}"
    );
    publish(broker.port(), &["-m", "1"]);
    program.wait_for_stdout("1.0");
    interrupt(program);
}

#[test]
fn an_address_that_is_taken_is_reported_at_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut program = sub(&["--store", "none", "--metrics", &address]).spawn();
    assert_eq!(program.wait().code(), Some(1));
    let expected = format!(
        "iot-sub: cannot listen on `{address}` for --metrics: another program listens there (choose another port; "
    );
    let stderr = program.stderr();
    assert!(stderr.starts_with(&expected), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}
