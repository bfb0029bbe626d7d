//! What the tests of iot-pub share: the program, and a subscriber that misses nothing.

#![allow(dead_code, reason = "no test needs all of it")]

use std::ffi::OsStr;
use std::thread;

use testkit::{Broker, DEADLINE, FaultyNet, Program, Running, eventually};

/// Prepares iot-pub for the broker on `port` of 127.0.0.1, with further arguments between spaces.
pub(crate) fn iot_pub(port: u16, args: &str) -> Program {
    let port = port.to_string();
    bare(&format!("-h 127.0.0.1 -p {port} {args}"))
}

/// Prepares iot-pub with these arguments only.
pub(crate) fn bare(args: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_iot-pub")).args(args.split_whitespace())
}

/// Starts `mosquitto_sub` with these arguments. Returns when the broker has acknowledged this
/// subscription.
#[track_caller]
pub(crate) fn subscriber(
    broker: &Broker,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Running {
    let acknowledged = || broker.log().matches("Sending SUBACK").count();
    let before = acknowledged();
    let subscriber = broker.mosquitto_sub(args);
    eventually(DEADLINE, "a subscription", || acknowledged() > before);
    subscriber
}

/// Waits until it has printed this many lines.
#[track_caller]
pub(crate) fn wait_for_lines(running: &Running, count: usize) {
    eventually(DEADLINE, format!("{count} lines on stdout"), || {
        running.stdout().lines().count() >= count
    });
}

/// Waits for the end, which must come with this exit code.
#[track_caller]
pub(crate) fn ends_with(mut running: Running, code: i32) -> Running {
    let status = running.wait();
    let stderr = running.stderr();
    assert_eq!(status.code(), Some(code), "{status}; stderr: {stderr}");
    running
}

/// Ends with 0, and has written nothing to stderr.
#[track_caller]
pub(crate) fn ends_well(running: Running) -> Running {
    let running = ends_with(running, 0);
    assert_eq!(running.stderr(), "");
    running
}

/// A broker with a durable subscriber to `iot/#`, for which it keeps everything.
pub(crate) struct Inbox {
    pub(crate) broker: Broker,
}

const DURABLE: [&str; 7] = ["-c", "-i", "inbox", "-q", "2", "-t", "iot/#"];

impl Inbox {
    #[track_caller]
    pub(crate) fn open() -> Self {
        let broker = Broker::builder()
            .persistent()
            .config("queue_qos0_messages true")
            .config("max_queued_messages 0")
            .start();
        let mut subscriber = broker.mosquitto_sub(DURABLE.into_iter().chain(["-E"]));
        assert!(subscriber.wait().success());
        Self { broker }
    }

    pub(crate) fn port(&self) -> u16 {
        self.broker.port()
    }

    pub(crate) fn net(&self) -> FaultyNet {
        FaultyNet::to(self.port())
    }

    /// Returns all that has arrived, in order, each as `TOPIC PAYLOAD`.
    #[track_caller]
    pub(crate) fn arrived(&self) -> Vec<String> {
        const LAST: &str = "iot/last message";
        self.broker
            .mosquitto_pub(["-q", "2", "-t", "iot/last", "-m", "message"]);
        let subscriber = self
            .broker
            .mosquitto_sub(DURABLE.into_iter().chain(["-F", "%t %p"]));
        subscriber.wait_for_stdout(LAST);
        let lines = subscriber.stdout();
        let arrived = lines.lines().take_while(|line| *line != LAST);
        arrived.map(String::from).collect()
    }
}

/// Returns the lines of a text.
pub(crate) fn lines(text: &str) -> Vec<String> {
    text.lines().map(String::from).collect()
}

/// Runs all cases at the same time, because they mostly wait for the next attempt to connect.
#[track_caller]
pub(crate) fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, case: impl Fn(T) + Sync) {
    let case = &case;
    thread::scope(|scope| {
        for input in cases {
            scope.spawn(move || case(input));
        }
    });
}
