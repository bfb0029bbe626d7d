//! A disk that is full while the session is written down.

use std::path::Path;

use testkit::{DEADLINE, FaultyDisk, Program, ScriptedPeer, eventually};

use crate::common::interrupt;
use crate::fixture::{durable, noted};
use crate::protocol::suback;

/// On MQTT 3.1.1, with the files of its session on a disk that can be full; what is stored lies
/// elsewhere.
fn on(disk: &FaultyDisk, port: u16, folder: &Path, store: &Path) -> Program {
    let program = durable(port, store).args(["-V", "311"]);
    disk.under(program.env("XDG_STATE_HOME", folder))
}

#[track_caller]
pub(crate) fn noted_as_certain(folder: &Path) {
    eventually(DEADLINE, "the session is noted", || {
        let text = noted(folder);
        text.contains("iot/#") && text.contains("\"certain\": true")
    });
}

#[test]
fn on_a_full_disk_it_connects_once_there_is_room_for_the_session() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let store = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::at(folder.path());
    let run = || on(&disk, peer.port(), folder.path(), store.path()).spawn();
    let resumes = || {
        let mut broker = peer.accept();
        broker.read_packet();
        let text = noted(folder.path());
        assert!(text.contains("\"certain\": false"), "{text}");
        broker.send(b"\x20\x02\x01\x00");
        broker
    };
    let mut first = run();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    suback(&mut broker, false);
    noted_as_certain(folder.path());
    // The connection is lost.
    disk.fill();
    broker.close();
    let line = first.wait_for_stderr("connecting when there is room");
    assert!(
        line.starts_with("iot-sub: cannot write session `")
            && line.contains(": no space left on device; connecting"),
        "{line}"
    );
    disk.heal();
    let broker = resumes();
    noted_as_certain(folder.path());
    first.kill();
    drop(broker);
    // It starts, and is stopped or goes on.
    disk.fill();
    let stopped = run();
    stopped.wait_for_stderr("connecting when there is room");
    interrupt(stopped);
    let second = run();
    second.wait_for_stderr("connecting when there is room");
    disk.heal();
    let mut broker = resumes();
    broker.send(b"\x32\x08\x00\x01t\x00\x011.5");
    second.wait_for_stdout("1.5");
    drop(second);
}

#[test]
fn a_disk_that_fills_up_during_a_connection_hides_no_subscription() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let store = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::at(folder.path());
    let run = || on(&disk, peer.port(), folder.path(), store.path()).spawn();
    let connects = |answer: &[u8]| {
        let mut broker = peer.accept();
        broker.read_packet();
        disk.fill();
        broker.send(answer);
        suback(&mut broker, false);
        broker.send(b"\x32\x08\x00\x01t\x00\x011.5");
        assert_eq!(broker.read_packet(), b"\x40\x02\x00\x01");
        broker
    };
    let mut first = run();
    let broker = connects(b"\x20\x02\x00\x00");
    first.kill();
    drop(broker);
    disk.heal();
    // The broker has the session; what is in it is not known here.
    let second = run();
    let _broker = connects(b"\x20\x02\x01\x00");
    disk.heal();
    noted_as_certain(folder.path());
    drop(second);
}
