//! What is different on a terminal. `script` runs a program on one.

mod common;

use std::fs::{self, File};
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

#[test]
fn a_line_break_in_a_topic_is_no_new_line_of_an_export() {
    let mut store = Store::new();
    store.insert(&[("home/a\nhome/forged,,9,,", number(1.5), None, DAY)]);
    for args in ["export", "export --wide", "export --every 1h"] {
        let mut program = on_a_terminal(&store, args);
        assert!(program.wait().success(), "{}", program.stdout());
        let shown = program.stdout();
        assert_eq!(shown.lines().count(), 2, "{args}: {shown:?}");
        assert!(shown.contains("home/a\\nhome/forged"), "{args}: {shown:?}");
    }
}

#[test]
fn watch_ends_when_its_file_is_deleted_or_replaced() {
    for (is_replaced, why) in [
        (false, "was deleted while it was read"),
        (
            true,
            "was replaced by another file (start again to read that one)",
        ),
    ] {
        let mut store = Store::new();
        store.insert(&[("home/a", number(1.5), None, DAY)]);
        let mut program = on_a_terminal(&store, "latest --watch=50ms");
        program.wait_for_stdout("home/a");
        if is_replaced {
            let copy = store.folder.path().join("copy.db");
            fs::copy(store.path(), &copy).unwrap();
            fs::rename(copy, store.path()).unwrap();
        } else {
            fs::remove_file(store.path()).unwrap();
        }
        let code = program.wait().code();
        assert_eq!(code, Some(1), "{}", program.stdout());
        let line = format!("iot-view: store `{}` {why}", store.path().display());
        assert!(program.stdout().contains(&line), "{:?}", program.stdout());
    }
}
