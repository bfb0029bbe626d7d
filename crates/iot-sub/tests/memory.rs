//! No message makes the program take more memory than `examples/iot-sub.service` allows it.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{interrupt, sqlite, start};
use testkit::{Broker, Running};

const UNIT: &str = include_str!("../../../examples/iot-sub.service");

/// The unit's limit in KiB.
fn limit() -> u64 {
    let limit = UNIT
        .lines()
        .find_map(|line| line.strip_prefix("MemoryMax="));
    let mebibytes = limit.unwrap().strip_suffix('M').unwrap();
    mebibytes.parse::<u64>().unwrap() * 1024
}

/// The most memory that the program has had at once, in KiB.
fn peak(program: &Running) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().strip_suffix(" kB").unwrap();
    peak.trim().parse().unwrap()
}

fn publish(broker: &Broker, args: &[&str]) {
    let output = Command::new("mosquitto_pub")
        .args([
            "-h",
            "127.0.0.1",
            "-p",
            &broker.port().to_string(),
            "-q",
            "1",
        ])
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Publishes the file several times, and checks the memory and what is kept.
#[track_caller]
fn case(folder: &Path, payload: &[u8], times: usize, store: &str) {
    let file = folder.join("payload");
    fs::write(&file, payload).unwrap();
    let broker = Broker::start();
    let program = start(&broker, store, &["-q", "1"]);
    for _ in 0..times {
        publish(&broker, &["-t", "iot/large", "-f", file.to_str().unwrap()]);
    }
    publish(&broker, &["-t", "iot/z", "-m", "1.5"]);
    program.wait_for_stdout("iot/z");
    let peak = peak(&program);
    assert!(peak < limit(), "{peak} KiB");
    let totals = interrupt(program);
    assert!(totals.contains(&format!("rejected {times}")), "{totals}");
}

/// A tree that would take 30 times the memory of its text.
fn arrays() -> Vec<u8> {
    let mut text = b"[".to_vec();
    text.extend(b"[],".repeat((16 << 20) / 3 - 2));
    text.extend(b"[]]");
    text
}

#[test]
fn no_payload_takes_more_memory_than_the_unit_allows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    case(folder.path(), &arrays(), 1, &store);
    case(folder.path(), &arrays(), 20, &store);
    case(folder.path(), &vec![b'['; 255 << 20], 1, &store);
    assert_eq!(
        sqlite(&file, "select count(*), sum(length) from sensors_rejected"),
        format!("22|{}\n", 21 * arrays().len() + (255 << 20))
    );
}
