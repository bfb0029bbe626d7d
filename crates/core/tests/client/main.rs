//! Paho's calls and callbacks against a real mosquitto, a faulty network, and scripted peers.

mod acknowledging;
mod answers;
mod callbacks;
mod connecting;
mod delivery;
mod ending;
mod exchanges;
mod interop;
mod looping;
mod publishing;
mod settings;
mod subscribing;
mod threads;
#[cfg(all(feature = "tls", feature = "websocket"))]
mod transport;
mod version_5;
mod waiting;
mod wire;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use iot_core::{Client, ClientConfig, ConnectCode, Error, Message, Protocol};
use testkit::{Broker, DEADLINE};

const ALL: [Protocol; 3] = [Protocol::V31, Protocol::V311, Protocol::V5];
/// Versions whose CONNACK has the session-present flag.
const BOTH: [Protocol; 2] = [Protocol::V311, Protocol::V5];
const KEEP_ALIVE: Duration = LONG;
/// Longer than any wait of a test may last.
const LONG: Duration = Duration::from_mins(1);
const HOST: &str = "127.0.0.1";
/// A CONNACK of 3.1.1 that accepts, without a session.
const CONNACK: &[u8] = b"\x20\x02\x00\x00";

/// What the callbacks have seen.
#[derive(Debug)]
enum Seen {
    Connect {
        session_present: bool,
        rc: ConnectCode,
    },
    ConnectFail(Error),
    Disconnect(Result<(), Error>),
    Message(Message),
}

/// A client whose callbacks report to the test.
struct Watched {
    client: Client,
    seen: mpsc::Receiver<Seen>,
}

/// A configuration that reconnects at once.
fn config(client_id: &str) -> ClientConfig {
    ClientConfig {
        client_id: client_id.into(),
        reconnect_delay: (Duration::from_millis(10), Duration::from_millis(50)),
        ..ClientConfig::default()
    }
}

fn config_of(protocol: Protocol, client_id: &str) -> ClientConfig {
    ClientConfig {
        protocol,
        ..config(client_id)
    }
}

/// A configuration whose session is kept.
fn kept(protocol: Protocol, client_id: &str) -> ClientConfig {
    ClientConfig {
        clean_session: false,
        ..config_of(protocol, client_id)
    }
}

impl Watched {
    #[track_caller]
    fn new(config: ClientConfig) -> Self {
        let client = Client::new(config, ()).expect("the configuration is right");
        let (report, seen) = mpsc::channel();
        let reporter = report.clone();
        client.on_connect(move |_, (), flags, rc| {
            let session_present = flags.session_present;
            let _ = reporter.send(Seen::Connect {
                session_present,
                rc,
            });
        });
        let reporter = report.clone();
        client.on_connect_fail(move |_, (), error| {
            let _ = reporter.send(Seen::ConnectFail(error.clone()));
        });
        let reporter = report.clone();
        client.on_disconnect(move |_, (), result| {
            let _ = reporter.send(Seen::Disconnect(result.clone()));
        });
        client.on_message(move |_, (), message| {
            let _ = report.send(Seen::Message(message.clone()));
        });
        Self { client, seen }
    }

    /// A client that is connected, its loop running on a thread of its own.
    #[track_caller]
    fn connected(config: ClientConfig, port: u16) -> Self {
        let watched = Self::new(config);
        watched.connect(port);
        watched.client.loop_start().expect("no loop runs yet");
        assert_eq!(watched.connect_seen().1, 0);
        watched
    }

    /// A client that has subscribed, and whose subscription the broker has taken.
    #[track_caller]
    fn subscribed(config: ClientConfig, broker: &Broker, filter: &str, qos: i32) -> Self {
        let id = config.client_id.clone();
        let watched = Self::connected(config, broker.port());
        watched.client.subscribe(filter, qos).expect("connected");
        broker.wait_for_log(&format!("Sending SUBACK to {id}"), DEADLINE);
        watched
    }

    #[track_caller]
    fn connect(&self, port: u16) {
        self.client
            .connect(HOST, port, KEEP_ALIVE, None)
            .expect("the broker is there");
    }

    /// Starts the loop where it has ended.
    #[track_caller]
    fn ensure_loop(&self) {
        match self.client.loop_start() {
            Ok(()) | Err(Error::Running) => {}
            Err(error) => panic!("{error}"),
        }
    }

    #[track_caller]
    fn next(&self) -> Seen {
        match self.seen.recv_timeout(DEADLINE) {
            Ok(seen) => seen,
            Err(error) => panic!("no callback was called: {error}"),
        }
    }

    /// The next call must be of `on_connect`: session present, code.
    #[track_caller]
    fn connect_seen(&self) -> (bool, u8) {
        match self.next() {
            Seen::Connect {
                session_present,
                rc,
            } => (session_present, rc.0),
            other => panic!("not on_connect: {other:?}"),
        }
    }

    /// The next call must be of `on_disconnect`.
    #[track_caller]
    fn disconnect_seen(&self) -> Result<(), Error> {
        match self.next() {
            Seen::Disconnect(result) => result,
            other => panic!("not on_disconnect: {other:?}"),
        }
    }

    /// Waits for `on_disconnect` and then `on_connect`, whatever fails in between.
    #[track_caller]
    fn reconnect_seen(&self) {
        self.disconnect_seen().expect_err("not asked for");
        while let Seen::ConnectFail(_) | Seen::Disconnect(_) = self.next() {}
    }

    /// The next call must be of `on_message`.
    #[track_caller]
    fn message(&self) -> Message {
        match self.next() {
            Seen::Message(message) => message,
            other => panic!("not on_message: {other:?}"),
        }
    }

    /// The next message's payload as text.
    #[track_caller]
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.message().payload).into_owned()
    }

    /// Ends the connection and the loop.
    #[track_caller]
    fn end(&self) {
        self.client.disconnect().expect("connected");
        self.client.loop_stop().expect("the loop was started");
    }
}

/// A loop that is left to itself would go on dialling, and find the broker of another test.
impl Drop for Watched {
    fn drop(&mut self) {
        self.client.on_connect(|client, (), _, _| {
            let _ = client.disconnect();
        });
        self.client.on_disconnect(|_, (), _| {});
        let _ = self.client.disconnect();
    }
}

/// Runs `act` on a thread; panics where it doesn't end in time.
#[track_caller]
fn in_time<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let _ = done.send(act());
    });
    match wait.recv_timeout(DEADLINE) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("not within {DEADLINE:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("it ends by sending or by a panic"),
        },
    }
}

/// Calls `loop_once` until `over` says so.
#[track_caller]
fn loop_until(client: &Client, mut over: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !over() {
        assert!(Instant::now() < end, "not within {DEADLINE:?}");
        client
            .loop_once(Duration::from_millis(50))
            .expect("connected");
    }
}
