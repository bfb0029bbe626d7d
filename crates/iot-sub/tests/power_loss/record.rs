//! A run of `iot-sub` under strace, while numbered readings are published.

use std::path::Path;
use std::time::Duration;

use iot_core::{Client, ClientConfig};
use testkit::{Broker, Call, DEADLINE, Mongo, eventually, read_trace, traced};

/// Readings; large enough together that the write-ahead log is folded into the file in between, and
/// begun again.
pub(crate) const COUNT: usize = 900;

/// What was recorded.
pub(crate) struct Recording {
    pub(crate) calls: Vec<Call>,
    /// The broker's.
    pub(crate) port: u16,
}

fn topic(number: usize) -> String {
    format!("iot/power/{number:06}")
}

/// Returns the number in such a topic, wherever that stands in the bytes.
pub(crate) fn number(bytes: &[u8]) -> Option<usize> {
    let mark = b"iot/power/";
    let at = bytes.windows(mark.len()).position(|bytes| bytes == mark)? + mark.len();
    let digits = std::str::from_utf8(bytes.get(at..at + 6)?).ok()?;
    digits.parse().ok()
}

/// Publishes the numbers in their order, ten at a time: `iot-sub` has acknowledged them before the
/// next ten come, so that its commits are small, however fast the publisher is.
fn flood(broker: &Broker, qos: u8) {
    let client = Client::new(ClientConfig::default(), ()).expect("a client");
    client
        .connect("127.0.0.1", broker.port(), Duration::from_secs(60), None)
        .expect("a broker");
    client.loop_start().expect("a loop");
    let payload = format!("\"{}\"", "x".repeat(6_000));
    let done = match qos {
        1 => "Received PUBACK from traced",
        _ => "Received PUBCOMP from traced",
    };
    for number in 0..COUNT {
        client
            .publish(topic(number), payload.clone(), qos, false)
            .expect("room");
        if number % 10 == 9 {
            eventually(DEADLINE, "all so far are acknowledged", || {
                broker.log().matches(done).count() > number
            });
        }
    }
    client.disconnect().expect("a connection");
    client.loop_stop().expect("a loop");
}

/// Records a run, with the store there from the beginning or never; the spool is `disk/s` in the
/// folder.
pub(crate) fn record(folder: &Path, mongo: &Mongo, qos: u8, is_there: bool) -> Recording {
    std::fs::create_dir(folder.join("disk")).expect("a folder");
    let broker = Broker::builder().config("max_queued_messages 0").start();
    let url = mongo.url();
    let trace = folder.join("trace");
    let spool = folder.join("disk/s").display().to_string();
    let port = broker.port().to_string();
    let program = env!("CARGO_BIN_EXE_iot-sub");
    let mut program = traced(program, &trace)
        .args(["-h", "127.0.0.1", "-p", &port, "-i", "traced", "-c"])
        .args(["-q", &qos.to_string()])
        .args(["--store", &url, "--spool", &spool])
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    flood(&broker, qos);
    program.terminate();
    if !is_there {
        // Once more, so that it doesn't wait for the store.
        program.wait_for_stderr("Ctrl-C ends at once");
        program.terminate();
    }
    let status = program.wait();
    assert!(status.success(), "{}", program.stderr());
    // strace, which the program doesn't wait for, writes the end last.
    eventually(DEADLINE, "strace has ended", || {
        let trace = std::fs::read_to_string(&trace).unwrap_or_default();
        trace
            .lines()
            .last()
            .is_some_and(|line| line.contains("+++ exited"))
    });
    Recording {
        calls: read_trace(&trace),
        port: broker.port(),
    }
}
