//! When the power goes, what was acknowledged is on the disk.
//!
//! A real run is recorded by strace: each write to the spool, each fsync and each acknowledgement. Then the spool's files
//! are made again as a disk would have them after a loss of power at any of these moments, with what no fsync had covered
//! missing, torn or in disorder, and opened.

mod common;

use std::path::Path;
use std::time::Duration;

use common::sub;
use iot_core::{Client, ClientConfig};
use rusqlite::{Connection, OpenFlags};
use testkit::{
    Broker, Call, DEADLINE, Loss, Mongo, PoweredDisk, Program, eventually, read_trace, traced,
};

/// Readings; large enough together that the write-ahead log is folded into the file in between, and begun again.
const COUNT: usize = 900;
/// Moments at which the power is lost, beside the acknowledgements.
const MOMENTS: usize = 60;

fn topic(number: usize) -> String {
    format!("iot/power/{number:06}")
}

/// Publishes the numbers in their order.
fn flood(port: u16) {
    let client = Client::new(ClientConfig::default(), ()).expect("a client");
    client
        .connect("127.0.0.1", port, Duration::from_secs(60), None)
        .expect("a broker");
    client.loop_start().expect("a loop");
    let payload = format!("\"{}\"", "x".repeat(6_000));
    for number in 0..COUNT {
        let info = client
            .publish(topic(number), payload.clone(), 1, false)
            .expect("room");
        // In small commits, of some ten readings.
        if number % 10 == 9 {
            info.wait_for_publish(Some(DEADLINE)).expect("a PUBACK");
        }
    }
    client.disconnect().expect("a connection");
    client.loop_stop().expect("a loop");
}

/// Counts the PUBACKs in what goes to the broker.
#[derive(Default)]
struct Acknowledgements {
    bytes: Vec<u8>,
    count: usize,
}

impl Acknowledgements {
    /// Takes what is sent next; returns whether another reading is acknowledged by it.
    fn take(&mut self, bytes: &[u8]) -> bool {
        self.bytes.extend(bytes);
        let before = self.count;
        // Of packets as long as that, or shorter, the length is one byte.
        while let [kind, length, ..] = self.bytes[..] {
            let end = 2 + usize::from(length);
            if length >= 0x80 || self.bytes.len() < end {
                break;
            }
            self.count += usize::from(kind == 0x40);
            self.bytes.drain(..end);
        }
        self.count > before
    }
}

/// Opens the spool in the folder; returns the numbers of the readings that it holds.
fn numbers(folder: &Path) -> Vec<usize> {
    let path = folder.join("s");
    if !path.exists() {
        return Vec::new();
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .expect("the spool can be opened");
    let whole: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("it can be read");
    assert_eq!(whole, "ok");
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'entries'";
    let tables: i64 = connection
        .query_row(tables, [], |row| row.get(0))
        .expect("a count");
    if tables == 0 {
        return Vec::new();
    }
    let mut select = connection
        .prepare("SELECT entry FROM entries ORDER BY seq")
        .expect("a table of entries");
    let entries = select
        .query_map([], |row| row.get::<_, Vec<u8>>(0))
        .expect("entries");
    let number = |entry: Vec<u8>| {
        let mark = b"iot/power/";
        let at = entry.windows(mark.len()).position(|bytes| bytes == mark);
        let at = at.expect("a topic of ours") + mark.len();
        let digits = std::str::from_utf8(&entry[at..at + 6]).expect("digits");
        digits.parse().expect("digits")
    };
    entries
        .map(|entry| number(entry.expect("an entry")))
        .collect()
}

/// Loses the power in one way, and looks for what was acknowledged.
#[track_caller]
fn lose(disk: &PoweredDisk, loss: Loss, acknowledged: usize, trims: bool) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    disk.lose_power(loss, folder.path());
    let found = numbers(folder.path());
    // In order and without a gap; once the store has readings, the oldest go.
    let first = found
        .first()
        .copied()
        .unwrap_or(if trims { acknowledged } else { 0 });
    assert!(first == 0 || trims, "{loss:?}: it begins with {first}");
    let expected: Vec<usize> = (first..first + found.len()).collect();
    assert_eq!(found, expected, "{loss:?}");
    assert!(
        first + found.len() >= acknowledged,
        "{loss:?}: {acknowledged} were acknowledged, the spool holds {} from {first} on",
        found.len()
    );
}

/// Records a run of `iot-sub`, with the store there from the beginning or only after it.
fn record(folder: &Path, mongo: &Mongo, is_there: bool) -> (Vec<Call>, u16) {
    let broker = Broker::builder().config("max_queued_messages 0").start();
    let url = mongo.url();
    let trace = folder.join("trace");
    let spool = folder.join("disk/s").display().to_string();
    let port = broker.port().to_string();
    let program = env!("CARGO_BIN_EXE_iot-sub");
    let mut program = traced(program, &trace)
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-q",
            "1",
            "-i",
            "traced",
            "-c",
        ])
        .args(["--store", &url, "--spool", &spool])
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    flood(broker.port());
    eventually(DEADLINE, "all are acknowledged", || {
        broker.log().matches("Received PUBACK from traced").count() >= COUNT
    });
    program.terminate();
    if !is_there {
        // Once more, so that it doesn't wait for the store.
        program.wait_for_stderr("Ctrl-C again");
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
    (read_trace(&trace), broker.port())
}

/// Loses the power at each acknowledgement, before and after fsyncs.
fn check(folder: &Path, mongo: &Mongo, trims: bool) {
    std::fs::create_dir(folder.join("disk")).expect("a folder");
    let (calls, port) = record(folder, mongo, trims);
    let syncs = calls
        .iter()
        .filter(|call| matches!(call, Call::SyncEnds { .. }));
    let syncs = syncs.count();
    assert!(syncs > 20, "{syncs} fsyncs");
    let each = (syncs / MOMENTS).max(1);
    let mut disk = PoweredDisk::at(&folder.join("disk"));
    let mut acknowledgements = Acknowledgements::default();
    let (mut sync, mut seed) = (0, 0);
    for call in &calls {
        match call {
            Call::Send { port: to, bytes } if *to == port => {
                // Nothing that no fsync has covered is acknowledged: as if the power were lost right now.
                if acknowledgements.take(bytes) {
                    lose(&disk, Loss::All, acknowledgements.count, trims);
                }
            }
            Call::SyncEnds { .. } => {
                sync += 1;
                if sync % each == 0 {
                    seed += 1;
                    for loss in [
                        Loss::All,
                        Loss::Nothing,
                        Loss::Torn(seed),
                        Loss::Shuffled(seed),
                    ] {
                        lose(&disk, loss, acknowledgements.count, trims);
                    }
                }
                disk.replay(call);
                if sync % each == 0 {
                    lose(&disk, Loss::All, acknowledgements.count, trims);
                }
            }
            _ => disk.replay(call),
        }
    }
    assert_eq!(acknowledgements.count, COUNT);
    // And iot-sub itself takes what there is.
    if !trims {
        let after = folder.join("after");
        std::fs::create_dir(&after).expect("a folder");
        disk.lose_power(Loss::All, &after);
        let broker = Broker::reserve();
        let program: Program = sub(&[
            "-p",
            &broker.port().to_string(),
            "--store",
            &mongo.url(),
            "--spool",
            &after.join("s").display().to_string(),
        ]);
        let program = program.spawn();
        program.wait_for_stderr(&format!("found in the spool: {COUNT}"));
    }
}

#[test]
fn what_was_acknowledged_before_the_power_went_is_in_the_spool() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    check(folder.path(), &Mongo::reserve(), false);
}

#[test]
fn what_was_acknowledged_is_in_the_spool_or_the_store_while_that_takes_readings() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    check(folder.path(), &Mongo::start(), true);
}
