//! `--forget`.

use testkit::{Broker, DEADLINE, Mongo, ScriptedPeer, eventually};

use crate::common::{documents, interrupt, publish, sqlite, sub};
use crate::fixture::{durable, noted, state, subscriptions};

#[test]
fn what_is_in_the_spool_outlives_a_session_that_is_forgotten() {
    let (broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    let mut mongo = Mongo::reserve();
    let port = broker.port().to_string();
    let run = |args: &[&str]| {
        let program = sub(&["-p", &port, "--durable", "--store", &mongo.url()]).args(args);
        program.env("XDG_STATE_HOME", folder.path()).spawn()
    };
    let mut first = run(&["-i", "mine"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    publish(broker.port(), &["-q", "1", "-m", "7"]);
    broker.wait_for_log("Received PUBACK from mine", DEADLINE);
    first.kill();
    let mut forget = run(&["-i", "mine", "--forget"]);
    assert!(forget.wait().success(), "{}", forget.stderr());
    let stderr = forget.stderr();
    assert!(stderr.contains("is forgotten\n"), "{stderr}");
    assert!(stderr.contains("messages in the spool `"), "{stderr}");
    assert!(
        stderr.ends_with("1 (the next run delivers them)\n"),
        "{stderr}"
    );
    let second = run(&["-i", "mine"]);
    second.wait_for_stderr("found in the spool: 1");
    mongo.start_again();
    eventually(DEADLINE, "it is delivered", || {
        documents(&mongo, "sensors").len() == 1
    });
    interrupt(second);
}

#[test]
fn forget_ends_the_session_at_the_broker_and_here() {
    let (broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    for version in ["5", "311"] {
        let run = |args: &[&str]| {
            durable(broker.port(), folder.path())
                .args(["-V", version])
                .args(args)
                .spawn()
        };
        let first = run(&[]);
        broker.wait_for_log("Sending SUBACK", DEADLINE);
        eventually(DEADLINE, "the subscription is noted", || {
            noted(folder.path()).contains("iot/#")
        });
        interrupt(first);
        publish(broker.port(), &["-q", "1", "-m", "1"]);
        let mut forget = run(&["--forget"]);
        assert!(forget.wait().success(), "{}", forget.stderr());
        let stderr = forget.stderr();
        assert!(
            stderr.starts_with("iot-sub: the session of client identifier `iot-"),
            "{stderr}"
        );
        assert!(stderr.ends_with("is forgotten\n"), "{stderr}");
        let mut again = run(&["--forget"]);
        assert_eq!(again.wait().code(), Some(1));
        assert!(
            again.stderr().contains("there is no session to forget"),
            "{}",
            again.stderr()
        );

        let before = subscriptions(&broker);
        let second = run(&[]);
        eventually(DEADLINE, "it subscribes", || {
            subscriptions(&broker) > before
        });
        publish(broker.port(), &["-q", "1", "-m", "2"]);
        second.wait_for_stdout("2.0");
        assert_eq!(second.stdout(), " iot/home2/temp 2.0\n");
        interrupt(second);
        let mut forget = run(&["--forget"]);
        assert!(forget.wait().success());
    }
}

#[test]
fn a_session_that_cannot_be_forgotten_is_kept() {
    let (mut broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    let program = durable(broker.port(), folder.path()).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    interrupt(program);
    broker.stop();
    let mut forget = durable(broker.port(), folder.path())
        .args(["--forget"])
        .spawn();
    assert_eq!(forget.wait().code(), Some(1));
    let port = broker.port();
    assert_eq!(
        forget.stderr(),
        format!(
            "iot-sub: the session is not forgotten: cannot connect to broker `localhost:{port}`: connection refused (is a \
             broker running there?)\n"
        )
    );
    assert!(state(folder.path()).is_some());
}

#[test]
fn a_session_that_is_in_use_is_not_forgotten() {
    let (broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    let mongo = Mongo::reserve();
    let port = broker.port().to_string();
    let run = |args: &[&str]| {
        let program = sub(&["-p", &port, "--durable", "--store", &mongo.url()]).args(args);
        program.env("XDG_STATE_HOME", folder.path()).spawn()
    };
    let first = run(&[]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let mut forget = run(&["--forget"]);
    assert_eq!(forget.wait().code(), Some(1));
    let stderr = forget.stderr();
    assert!(
        stderr.ends_with(".session`: another iot-sub uses it (end it first)\n"),
        "{stderr}"
    );
    publish(broker.port(), &["-q", "1", "-m", "7"]);
    first.wait_for_stdout("7.0");
}

#[test]
fn a_session_is_forgotten_whether_its_store_is_there_or_not() {
    let (broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    let mongo = Mongo::reserve();
    let port = broker.port().to_string();
    let file = folder.path().join("iot.db");
    let sqlite = format!("sqlite:{}", file.display());
    for store in [
        &["--store", &mongo.url(), "--ack-after", "store"][..],
        &["--store", &sqlite],
    ] {
        let mut forget = sub(&["-p", &port, "--forget", "-i", "mine"])
            .args(store)
            .env("XDG_STATE_HOME", folder.path())
            .spawn();
        assert!(forget.wait().success(), "{}", forget.stderr());
        let expected = "iot-sub: the session of client identifier `mine` at broker `localhost:";
        assert!(forget.stderr().starts_with(expected), "{}", forget.stderr());
    }
    assert!(!file.exists(), "it made a store to forget something");
}

#[test]
fn with_the_session_its_packet_ids_are_forgotten() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let mongo = Mongo::reserve();
    let port = peer.port().to_string();
    let (spool, file) = (folder.path().join("spool"), folder.path().join("iot.db"));
    let ways = [
        (
            &spool,
            vec![
                "--store".to_owned(),
                mongo.url(),
                "--spool".to_owned(),
                spool.display().to_string(),
            ],
        ),
        (
            &file,
            vec!["--store".to_owned(), format!("sqlite:{}", file.display())],
        ),
    ];
    for (path, store) in ways {
        let run = |args: &[&str]| {
            sub(&["-p", &port, "--durable", "-V", "311", "-q", "2"])
                .args(&store)
                .args(args)
                .env("XDG_STATE_HOME", folder.path())
                .spawn()
        };
        let mut first = run(&[]);
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(b"\x20\x02\x00\x00");
        let subscribe = broker.read_packet();
        broker.send(&[0x90, 3, subscribe[2], subscribe[3], 2]);
        broker.send(b"\x34\x08\x00\x01t\x00\x071.5");
        broker.expect(&[0x50, 2, 0, 7]);
        first.kill();
        let held = || sqlite(path, "select count(*) from held");
        assert_eq!(held(), "1\n");
        let mut forget = run(&["--forget"]);
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(b"\x20\x02\x00\x00");
        assert_eq!(broker.read_packet()[0], 0xe0);
        broker.close();
        assert!(forget.wait().success(), "{}", forget.stderr());
        assert_eq!(held(), "0\n");
    }
    // The reading itself was acknowledged.
    assert_eq!(sqlite(&spool, "select count(*) from entries"), "1\n");
}

#[test]
fn forget_does_not_wait_for_a_broker_that_hangs() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let mut forget = durable(peer.port(), folder.path())
        .args(["-i", "mine", "--forget"])
        .spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    forget.interrupt();
    assert_eq!(forget.wait().code(), Some(1));
    assert_eq!(
        forget.stderr(),
        "iot-sub: the session is not forgotten: it was interrupted\n"
    );
}
