//! Files of a killed process that were damaged or lost, who may read them, and their size limit.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use testkit::{Broker, DEADLINE, Mongo, Program, Running, eventually};

use crate::common::{interrupt, start, sub};
use crate::fixture::{arrive, flood, leave, totals, values};

/// `iot-sub` with a client identifier at a broker, started by a shell after `first`.
fn start_after(first: &str, broker: &Broker, id: &str, store: &str, args: &[&str]) -> Running {
    let script = format!("{first}; exec \"$0\" \"$@\"");
    let port = broker.port().to_string();
    let program = Program::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_iot-sub")])
        .args(["-p", &port, "-i", id, "--store", store])
        .args(args)
        .spawn();
    broker.wait_for_log(&format!("Sending SUBACK to {id}"), DEADLINE);
    program
}

/// Stores so many readings, and kills the program.
fn killed(store: &str, args: &[&str], count: u32) {
    let broker = Broker::builder().config("max_queued_messages 0").start();
    let mut program = start(&broker, store, args);
    flood(broker.port(), 0..count, "");
    eventually(DEADLINE, "all are acknowledged", || {
        broker.log().matches("Received PUBACK from ").count() == count as usize
    });
    program.kill();
    program.wait();
}

fn flip_bit(path: &str, byte: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[byte] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_bit_in_the_log_after_a_kill_costs_no_reading() {
    const COUNT: u32 = 3_000;
    let broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s").display().to_string();
    let args = ["-q", "1", "--spool", &spool];
    killed(&mongo.url(), &args, COUNT);
    flip_bit(&format!("{spool}-wal"), 20_000);

    mongo.start_again();
    let program = start(&broker, &mongo.url(), &args);
    let line = program.wait_for_stderr("was damaged and has been repaired");
    let aside = line.rsplit('`').nth(1).unwrap();
    assert!(Path::new(aside).exists(), "{line}");
    arrive(&mongo, COUNT.into());
    assert_eq!(values(&mongo).len(), COUNT as usize);
    totals(program);
}

#[test]
fn a_store_with_a_damaged_log_is_repaired_and_one_without_its_database_refused() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("iot.db").display().to_string();
    let (log, url) = (format!("{store}-wal"), format!("sqlite:{store}"));
    killed(&url, &["-q", "1"], 1_000);
    flip_bit(&log, 20_000);
    let program = start(&broker, &url, &["-q", "1"]);
    program.wait_for_stderr("was damaged and has been repaired");
    interrupt(program);
    let stored = crate::common::sqlite(Path::new(&store), "SELECT count(*) FROM readings");
    assert_eq!(stored.trim(), "1000");

    killed(&url, &["-q", "1"], 1_000);
    let before = fs::read(&log).unwrap();
    for is_empty in [false, true] {
        if is_empty {
            fs::write(&store, "").unwrap();
        } else {
            fs::remove_file(&store).unwrap();
        }
        let port = broker.port().to_string();
        let mut program = sub(&["-p", &port, "--store", &url]).spawn();
        assert_eq!(program.wait().code(), Some(1));
        let expected = format!(
            "iot-sub: cannot open store `{store}`: it is missing or empty, but its write-ahead log `{log}` holds readings"
        );
        assert!(
            program.stderr().starts_with(&expected),
            "{}",
            program.stderr()
        );
        assert_eq!(fs::read(&log).unwrap(), before);
    }
}

#[test]
fn new_files_are_private_whatever_the_umask() {
    let mongo = Mongo::reserve();
    for umask in ["umask 0", "umask 022"] {
        let broker = Broker::start();
        let folder = tempfile::tempdir().unwrap();
        let [spool, store] = ["s", "iot.db"].map(|name| folder.path().join(name));
        let [spool, store] = [spool, store].map(|path| path.display().to_string());
        let store = format!("sqlite:{store}");
        let spool = ["--spool", &spool];
        let first = start_after(umask, &broker, "a", &mongo.url(), &spool);
        let second = start_after(umask, &broker, "b", &store, &[]);
        flood(broker.port(), 0..1, "");
        eventually(DEADLINE, "both have it", || {
            [&first, &second]
                .iter()
                .all(|program| program.stdout().lines().count() == 1)
        });
        let names = ["s", "s-wal", "s.lock", "iot.db", "iot.db-wal", "iot.db-shm"];
        for name in names {
            let mode = fs::metadata(folder.path().join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{umask}: {name} has mode {mode:o}");
        }
        leave(first);
        interrupt(second);
    }
}

#[test]
fn the_size_limit_of_the_process_is_handled_like_a_full_disk() {
    let broker = Broker::builder().config("max_queued_messages 0").start();
    let mongo = Mongo::reserve();
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s").display().to_string();
    let args = ["-q", "1", "--spool", &spool];
    // In blocks of 512 bytes: 1 MiB.
    let mut program = start_after("ulimit -f 2048", &broker, "a", &mongo.url(), &args);
    flood(broker.port(), 0..2_000, &"x".repeat(2_000));
    let line = program.wait_for_stderr("the file has reached the size limit of this process");
    assert!(line.contains("reading from the broker stops"), "{line}");
    assert!(program.is_running());
    program.kill();
    program.wait();
    let program = start_after("true", &broker, "b", &mongo.url(), &args);
    program.wait_for_stderr("found in the spool: ");
    leave(program);
}
