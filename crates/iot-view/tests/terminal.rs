//! What is different on a terminal. `script` runs a program on one.

mod common;

use std::fs::File;
use std::io::Read;
use std::process::Command;
use std::thread;
use std::time::Duration;

use common::{DAY, Store, number};
use testkit::{Program, Running};

/// Runs `iot-view` with a store on a terminal.
fn on_a_terminal(store: &Store, args: &str) -> Running {
    let command = format!(
        "{} {args} --store {}",
        env!("CARGO_BIN_EXE_iot-view"),
        store.url()
    );
    Program::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("TERM", "xterm")
        .current_dir(store.folder.path())
        .spawn()
}

#[test]
fn watch_prints_the_table_again() {
    let mut store = Store::new();
    store.insert(&[("home/a", number(1.5), Some("°C"), DAY)]);
    let mut program = on_a_terminal(&store, "latest --watch=100ms");
    program.wait_for_stdout("home/a");
    store.insert(&[("home/a", number(77.25), Some("°C"), DAY + 1_000)]);
    program.wait_for_stdout("77.25");
    program.terminate();
    program.wait();
}

#[test]
fn an_export_shows_its_progress() {
    let mut store = Store::new();
    let rows: Vec<_> = (0..60_000)
        .map(|index| {
            (
                "home/a",
                number(f64::from(index)),
                None,
                DAY + i64::from(index) * 1_000,
            )
        })
        .collect();
    store.insert(&rows);
    let fifo = store.folder.path().join("day.csv");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let mut program = on_a_terminal(&store, "export --since 2026-06-21 -o day.csv");
    let mut file = File::open(&fifo).unwrap();
    // The program fills the pipe and waits. Its next line about that comes a fifth of a second
    // after the one before, at the earliest.
    thread::sleep(Duration::from_millis(500));
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert!(program.wait().success(), "{}", program.stdout());
    let lines = bytes.split(|&byte| byte == b'\n').count() - 1;
    assert_eq!(lines, 60_001);
    let shown = program.stdout();
    assert!(shown.contains(" rows") && shown.contains(" %"), "{shown:?}");
    assert!(shown.contains("60000 rows"), "{shown:?}");
}

#[test]
fn prune_asks_on_a_terminal() {
    let mut store = Store::new();
    store.insert(&[("home/a", number(1.5), None, DAY)]);
    let command = format!(
        "echo no | script -qec '{} prune --older-than 1d --store {}' /dev/null",
        env!("CARGO_BIN_EXE_iot-view"),
        store.url()
    );
    let mut program = Program::new("sh").args(["-c", &command]).spawn();
    assert_eq!(program.wait().code(), Some(1), "{}", program.stdout());
    let shown = program.stdout();
    assert!(
        shown.contains("[y/N]") && shown.contains("nothing is deleted"),
        "{shown}"
    );
    assert_eq!(common::view(&store, &["export"]).stdout.lines().count(), 2);
}
