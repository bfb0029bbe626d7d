//! What a session that the broker keeps owes to the packet identifiers on our disk: played by a
//! peer, packet by packet.

mod common;

use std::path::Path;
use std::time::Duration;

use common::{interrupt, sqlite, sub};
use testkit::{Conversation, Program, Running, ScriptedPeer};

/// `iot-sub` with QoS 2 and a session that is kept, storing in `iot.db` in this folder.
fn program(peer: &ScriptedPeer, folder: &Path) -> Program {
    let store = format!("sqlite:{}", folder.join("iot.db").display());
    let port = peer.port().to_string();
    sub(&[
        "-p", &port, "-q", "2", "-c", "-i", "x", "-t", "t", "--store", &store,
    ])
}

/// Takes its connection, to a session that is present or not, and its subscription.
#[track_caller]
fn accept(peer: &ScriptedPeer, session_present: bool) -> Conversation {
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(&[0x20, 2, u8::from(session_present), 0]);
    subscribed(&mut broker);
    broker
}

#[track_caller]
fn subscribed(broker: &mut Conversation) {
    let subscribe = broker.read_packet();
    assert_eq!(subscribe[0], 0x82, "{subscribe:02x?}");
    broker.send(&[0x90, 3, subscribe[2], subscribe[3], 2]);
}

/// PUBLISH with topic `t`.
fn publish(qos: u8, dup: bool, id: u8, payload: &str) -> Vec<u8> {
    let flags = 0x30 | qos << 1 | u8::from(dup) << 3;
    let length = u8::try_from(5 + payload.len()).unwrap();
    [&[flags, length, 0, 1, b't', 0, id], payload.as_bytes()].concat()
}

const fn pubrec(id: u8) -> [u8; 4] {
    [0x50, 2, 0, id]
}

const fn pubrel(id: u8) -> [u8; 4] {
    [0x62, 2, 0, id]
}

const fn pubcomp(id: u8) -> [u8; 4] {
    [0x70, 2, 0, id]
}

/// How many readings are stored.
fn stored(folder: &Path) -> String {
    sqlite(&folder.join("iot.db"), "select count(*) from readings")
}

#[track_caller]
fn killed(mut program: Running, broker: Conversation) {
    program.kill();
    drop(broker);
}

#[test]
fn a_message_whose_pubrec_was_lost_in_a_crash_is_stored_once() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let first = program(&peer, folder.path()).spawn();
    let mut broker = accept(&peer, false);
    broker.send(&publish(2, false, 7, "1"));
    broker.expect(&pubrec(7));
    killed(first, broker);

    let second = program(&peer, folder.path()).spawn();
    let mut broker = accept(&peer, true);
    // mosquitto 2.0 sends it without DUP after a restart of its own.
    broker.send(&publish(2, false, 7, "1"));
    broker.expect(&pubrec(7));
    broker.send(&pubrel(7));
    broker.expect(&pubcomp(7));
    // Now it is a new one.
    broker.send(&publish(2, false, 7, "1"));
    broker.expect(&pubrec(7));
    assert_eq!(stored(folder.path()), "2\n");
    assert_eq!(
        interrupt(second),
        "iot-sub: received 2, stored 1, rejected 0, duplicates 1"
    );
}

#[test]
fn an_id_is_free_on_disk_before_its_pubcomp_is_sent() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let first = program(&peer, folder.path()).spawn();
    let mut broker = accept(&peer, false);
    broker.send(&publish(2, false, 7, "1"));
    broker.expect(&pubrec(7));
    broker.send(&pubrel(7));
    broker.expect(&pubcomp(7));
    killed(first, broker);

    let second = program(&peer, folder.path()).spawn();
    let mut broker = accept(&peer, true);
    // Equal in all, and another one.
    broker.send(&publish(2, false, 7, "1"));
    broker.expect(&pubrec(7));
    broker.send(&pubrel(7));
    broker.expect(&pubcomp(7));
    // One that isn't held any more is answered too.
    broker.send(&pubrel(9));
    broker.expect(&pubcomp(9));
    assert_eq!(stored(folder.path()), "2\n");
    drop(second);
}

#[test]
fn another_message_under_a_held_id_is_stored_and_reported() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let first = program(&peer, folder.path()).spawn();
    let mut broker = accept(&peer, false);
    broker.send(&publish(2, false, 7, "1"));
    broker.expect(&pubrec(7));
    killed(first, broker);

    let second = program(&peer, folder.path()).spawn();
    let mut broker = accept(&peer, true);
    broker.send(&publish(2, true, 7, "2"));
    broker.expect(&pubrec(7));
    second.wait_for_stderr("the broker has lost its session state");
    assert_eq!(stored(folder.path()), "2\n");
    killed(second, broker);

    let third = program(&peer, folder.path()).spawn();
    let mut broker = accept(&peer, true);
    broker.send(&publish(2, true, 7, "2"));
    broker.expect(&pubrec(7));
    assert_eq!(stored(folder.path()), "2\n");
    drop(third);
}

#[test]
fn a_lost_session_s_ids_are_removed_before_we_subscribe() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let first = program(&peer, folder.path()).spawn();
    let mut broker = accept(&peer, false);
    broker.send(&publish(2, false, 7, "1"));
    broker.expect(&pubrec(7));
    killed(first, broker);

    let second = program(&peer, folder.path()).spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(&[0x20, 2, 0, 0]);
    let subscribe = broker.read_packet();
    assert_eq!(subscribe[0], 0x82);
    assert_eq!(
        sqlite(&folder.path().join("iot.db"), "select count(*) from held"),
        "0\n"
    );
    killed(second, broker);

    let third = program(&peer, folder.path()).spawn();
    let mut broker = accept(&peer, true);
    broker.send(&publish(2, false, 7, "1"));
    broker.expect(&pubrec(7));
    assert_eq!(stored(folder.path()), "2\n");
    drop(third);
}

#[test]
fn mqtt_3_1_holds_nothing_across_a_connection() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let run = || program(&peer, folder.path()).args(["-V", "31"]).spawn();
    let first = run();
    let mut broker = accept(&peer, false);
    broker.send(&publish(2, false, 7, "1"));
    broker.expect(&pubrec(7));
    killed(first, broker);

    let second = run();
    let mut broker = accept(&peer, false);
    broker.send(&publish(2, true, 7, "1"));
    broker.expect(&pubrec(7));
    assert_eq!(stored(folder.path()), "2\n");
    drop(second);
}

#[test]
fn qos_1_that_comes_again_is_stored_once_where_its_puback_never_left() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let program = program(&peer, folder.path()).spawn();
    let mut broker = accept(&peer, false);
    broker.send(&publish(1, false, 1, "1"));
    broker.expect(&[0x40, 2, 0, 1]);
    // While somebody else writes, nothing is committed.
    let other = lock(&folder.path().join("iot.db"));
    broker.send(&publish(1, false, 2, "2"));
    broker.expect_silence(Duration::from_millis(50));
    broker.close();
    let mut broker = accept(&peer, true);
    // Its PUBACK may have left, for all that we know.
    broker.send(&publish(1, true, 1, "1"));
    broker.send(&publish(1, true, 2, "2"));
    broker.expect_silence(Duration::from_millis(50));
    drop(other);
    broker.expect(&[0x40, 2, 0, 1, 0x40, 2, 0, 2]);
    assert_eq!(stored(folder.path()), "3\n");
    assert_eq!(
        interrupt(program),
        "iot-sub: received 4, stored 3, rejected 0, duplicates 1"
    );
}

/// Locks the file for writing until it is dropped: the `sqlite3` program does.
fn lock(path: &Path) -> Lock {
    let script = "(echo 'BEGIN IMMEDIATE; SELECT 1;'; read -r _) | sqlite3 \"$0\"";
    let mut child = std::process::Command::new("sh")
        .args(["-c", script])
        .arg(path)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("sh");
    let mut answer = [0; 2];
    let stdout = child.stdout.as_mut().expect("a pipe");
    std::io::Read::read_exact(stdout, &mut answer)
        .expect("sqlite3 (scripts/install-test-servers installs it)");
    Lock(child)
}

struct Lock(std::process::Child);

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
