//! What the embedded broker acknowledges is in the store, whatever happens to the process.

mod broker;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod crash;
mod ends;
mod in_flight;
mod keep_alive;
mod limits;
mod memory;
mod sessions;
mod wills;

use std::path::{Path, PathBuf};

use common::{sqlite, sub};
use rusqlite::Connection;
use tempfile::TempDir;
use testkit::{Program, Running};

/// The files of one embedded broker, over several lives of it.
struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    /// The store.
    fn path(&self) -> PathBuf {
        self.folder.path().join("iot.db")
    }

    /// The broker's folder.
    fn broker(&self) -> PathBuf {
        self.folder.path().join("iot.db.broker")
    }

    /// Starts the broker on a free port, and returns that port.
    #[track_caller]
    fn start(&self, args: &[&str]) -> (Running, u16) {
        self.start_with(args, |program| program)
    }

    #[track_caller]
    fn start_with(&self, args: &[&str], change: impl FnOnce(Program) -> Program) -> (Running, u16) {
        let store = format!("sqlite:{}", self.path().display());
        let program = sub(&["--embedded", "--listen", "127.0.0.1:0", "--store", &store]);
        let program = change(program.args(args)).spawn();
        let line = program.wait_for_stderr("broker listens on");
        let port = line.rsplit_once(':').unwrap().1.parse().unwrap();
        (program, port)
    }

    /// What the store holds.
    fn query(&self, query: &str) -> String {
        sqlite(&self.path(), query)
    }

    #[track_caller]
    fn count(&self, topic: &str) -> u64 {
        let query = format!("select count(*) from sensors where topic = '{topic}'");
        self.query(&query).trim().parse().unwrap()
    }

    /// Holds the store locked, as another program that writes to it, until the lock is dropped.
    fn lock(&self) -> Locked {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(testkit::DEADLINE).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Locked {
            _connection: connection,
        }
    }
}

struct Locked {
    _connection: Connection,
}

/// Starts `iot-pub` on a port; `lines` are its standard input.
#[track_caller]
fn publisher(port: u16, args: &[&str], lines: &Path) -> Running {
    let port = port.to_string();
    Program::new(testkit::program("iot-pub"))
        .args(["-p", &port, "-l"])
        .args(args)
        .stdin(std::fs::File::open(lines).unwrap())
        .spawn()
}

/// A file of `count` lines of 900 bytes, each with its number.
fn lines(folder: &TempDir, count: u32) -> PathBuf {
    let path = folder.path().join("lines");
    let line = |number| {
        let line = format!("{{\"n\":{number},\"fill\":\"");
        format!("{line}{}\"}}\n", "x".repeat(897 - line.len()))
    };
    let lines: String = (0..count).map(line).collect();
    std::fs::write(&path, lines).unwrap();
    path
}

/// The broker's last line, after it has ended with this exit code.
#[track_caller]
fn ended(mut program: Running, code: i32) -> String {
    let status = program.wait();
    let stderr = program.stderr();
    assert_eq!(status.code(), Some(code), "{stderr}");
    stderr
}
