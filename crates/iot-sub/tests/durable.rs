//! `--durable`: a session that the broker keeps while nobody is there.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{documents, interrupt, publish, sqlite, sub};
use testkit::{
    Broker, Conversation, DEADLINE, FaultyDisk, Mongo, Nats, Program, ScriptedPeer, eventually,
};

/// `iot-sub --durable`, storing in `iot.db` in this folder, which also has its state.
fn durable(port: u16, folder: &Path) -> Program {
    let store = format!("sqlite:{}", folder.join("iot.db").display());
    let port = port.to_string();
    sub(&["-p", &port, "--durable", "--store", &store]).env("XDG_STATE_HOME", folder)
}

/// The file of the session, if there is one.
fn state(folder: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(folder.join("iot-sub")).ok()?;
    let mut files = files.map(|file| file.expect("a file").path());
    files.find(|path| path.extension().is_some_and(|end| end == "session"))
}

/// What is in it.
fn noted(folder: &Path) -> String {
    let text = state(folder).map(fs::read_to_string);
    text.and_then(Result::ok).unwrap_or_default()
}

/// Waits until so many readings are stored.
#[track_caller]
fn stored(folder: &Path, count: usize) {
    eventually(DEADLINE, format_args!("{count} are stored"), || {
        sqlite(&folder.join("iot.db"), "select count(*) from readings") == format!("{count}\n")
    });
}

fn subscriptions(broker: &Broker) -> usize {
    broker.log().matches("Received SUBSCRIBE").count()
}

#[test]
fn what_is_published_while_it_is_away_comes_in_the_next_run() {
    let (broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    let first = durable(broker.port(), folder.path()).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let log = broker.log();
    let connected = log.lines().find(|line| line.contains(" as iot-")).unwrap();
    assert!(connected.contains("(p5, c0, "), "{connected}");
    interrupt(first);
    publish(broker.port(), &["-q", "1", "-m", "1"]);

    let mut second = durable(broker.port(), folder.path()).spawn();
    second.wait_for_stdout("1.0");
    stored(folder.path(), 1);
    assert_eq!(subscriptions(&broker), 1);
    second.kill();
    publish(broker.port(), &["-q", "1", "-m", "2"]);
    let third = durable(broker.port(), folder.path()).spawn();
    third.wait_for_stdout("2.0");
    stored(folder.path(), 2);
    interrupt(third);
    assert_eq!(subscriptions(&broker), 1);
}

#[test]
fn a_resumed_session_is_brought_to_the_filters_that_are_given() {
    let (broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    let run = |filters: &[&str]| durable(broker.port(), folder.path()).args(filters).spawn();
    let first = run(&["-t", "a", "-t", "b"]);
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    interrupt(first);
    let second = run(&["-t", "b", "-t", "c"]);
    broker.wait_for_log("Sending UNSUBACK", DEADLINE);
    eventually(DEADLINE, "all is noted", || {
        let text = noted(folder.path());
        !text.contains("\"a\"") && text.contains("\"b\"") && text.contains("\"c\"")
    });
    interrupt(second);
    for topic in ["a", "b", "c"] {
        broker.mosquitto_pub(["-q", "1", "-t", topic, "-m", "1"]);
    }
    let third = run(&["-t", "b", "-t", "c"]);
    third.wait_for_stdout(" c 1.0");
    assert_eq!(third.stdout(), " b 1.0\n c 1.0\n");
    assert_eq!(subscriptions(&broker), 2);
    // Another QoS is another subscription.
    interrupt(third);
    let fourth = run(&["-t", "b", "-t", "c", "-q", "2"]);
    eventually(DEADLINE, "it subscribes", || subscriptions(&broker) == 3);
    interrupt(fourth);
}

/// CONNECT's protocol level and its flags.
fn level_and_flags(connect: &[u8]) -> (u8, u8) {
    assert_eq!(&connect[4..8], b"MQTT");
    (connect[8], connect[9])
}

#[track_caller]
fn suback(broker: &mut Conversation, is_v5: bool) -> Vec<u8> {
    let subscribe = broker.read_packet();
    assert_eq!(subscribe[0], 0x82, "{subscribe:02x?}");
    let (id, properties) = (&subscribe[2..4], &[0][..usize::from(is_v5)]);
    let answer = [&[0x90, 3 + u8::from(is_v5)], id, properties, &[1]].concat();
    broker.send(&answer);
    subscribe
}

#[test]
fn it_is_mqtt_5_with_a_week_s_session_and_2_000_on_their_way() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let program = durable(peer.port(), folder.path()).spawn();
    let mut broker = peer.accept();
    let connect = broker.read_packet();
    assert_eq!(level_and_flags(&connect), (5, 0));
    let has = |bytes: &[u8]| connect.windows(bytes.len()).any(|part| part == bytes);
    assert!(has(b"\x11\x00\x09\x3a\x80"), "{connect:02x?}");
    assert!(has(b"\x21\x07\xd0"), "{connect:02x?}");
    broker.send(b"\x20\x03\x00\x00\x00");
    let subscribe = suback(&mut broker, true);
    assert_eq!(subscribe.last(), Some(&1), "QoS 1: {subscribe:02x?}");
    drop(program);

    // What is given counts.
    let given = ["-x", "60", "-q", "2", "-i", "mine"];
    let program = durable(peer.port(), folder.path()).args(given).spawn();
    let mut broker = peer.accept();
    let connect = broker.read_packet();
    let has = |bytes: &[u8]| connect.windows(bytes.len()).any(|part| part == bytes);
    assert!(
        has(b"\x11\x00\x00\x00\x3c") && has(b"\x00\x04mine"),
        "{connect:02x?}"
    );
    broker.send(b"\x20\x03\x00\x00\x00");
    let subscribe = suback(&mut broker, true);
    assert_eq!(subscribe.last(), Some(&2), "QoS 2: {subscribe:02x?}");
    drop(program);
}

#[test]
fn where_mqtt_5_is_refused_it_is_3_1_1_without_clean_session() {
    // As MQTT 5 says it, as 3.1.1 does, and as old brokers do.
    for refusal in [&b"\x20\x03\x00\x84\x00"[..], b"\x20\x02\x00\x01", b""] {
        let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
        let program = durable(peer.port(), folder.path()).spawn();
        let mut broker = peer.accept();
        assert_eq!(level_and_flags(&broker.read_packet()).0, 5);
        broker.send(refusal);
        broker.close();
        let mut broker = peer.accept();
        assert_eq!(level_and_flags(&broker.read_packet()), (4, 0));
        broker.send(b"\x20\x02\x00\x00");
        suback(&mut broker, false);
        let line = program.wait_for_stderr("trying MQTT 3.1.1");
        assert!(line.contains("doesn't take MQTT 5"), "{line}");
        // And it stays so.
        broker.close();
        let mut broker = peer.accept();
        assert_eq!(level_and_flags(&broker.read_packet()), (4, 0));
        broker.send(b"\x20\x02\x01\x00");
        program.wait_for_stderr("lost broker");
        drop(program);
    }
}

#[test]
fn a_broker_that_knows_3_1_1_only_keeps_the_session_too() {
    let (nats, folder) = (Nats::start(), tempfile::tempdir().unwrap());
    let run = || durable(nats.port(), folder.path()).spawn();
    let first = run();
    first.wait_for_stderr("trying MQTT 3.1.1");
    eventually(DEADLINE, "the subscription stands", || {
        noted(folder.path()).contains("iot/#")
    });
    interrupt(first);
    publish(nats.port(), &["-q", "1", "-m", "7"]);
    let second = run();
    second.wait_for_stdout("7.0");
    interrupt(second);
}

#[test]
fn a_session_that_may_have_begun_anew_is_subscribed_again() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let run = || {
        durable(peer.port(), folder.path())
            .args(["-V", "311"])
            .spawn()
    };
    let mut first = run();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    suback(&mut broker, false);
    broker.send(b"\x32\x08\x00\x01t\x00\x011.5");
    assert_eq!(broker.read_packet(), b"\x40\x02\x00\x01");
    broker.close();
    // It dies with the answer under way: the broker has begun a session of which it doesn't know.
    let mut broker = peer.accept();
    broker.read_packet();
    first.kill();
    let second = run();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x01\x00");
    suback(&mut broker, false);
    drop(second);
}

#[test]
fn a_subscription_that_was_granted_with_less_is_asked_for_and_told_in_each_run() {
    let broker = Broker::builder().config("max_qos 1").start();
    let folder = tempfile::tempdir().unwrap();
    for run in 1..=2 {
        let program = durable(broker.port(), folder.path())
            .args(["-q", "2"])
            .spawn();
        program.wait_for_stderr("grants QoS 1 at most for `iot/#`, not 2");
        interrupt(program);
        assert_eq!(subscriptions(&broker), run);
    }
}

/// On MQTT 3.1.1, with the files of its session on a disk that can be full; what is stored lies elsewhere.
fn on(disk: &FaultyDisk, port: u16, folder: &Path, store: &Path) -> Program {
    let program = durable(port, store).args(["-V", "311"]);
    disk.under(program.env("XDG_STATE_HOME", folder))
}

#[track_caller]
fn noted_as_certain(folder: &Path) {
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

#[test]
fn who_dies_before_an_unsubscription_is_answered_subscribes_again() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let run = |filter: &str| {
        let program = durable(peer.port(), folder.path());
        program.args(["-V", "311", "-t", filter]).spawn()
    };
    let resumes = |present: u8| {
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(&[0x20, 2, present, 0]);
        broker
    };
    let first = run("iot/#");
    let mut broker = resumes(0);
    suback(&mut broker, false);
    noted_as_certain(folder.path());
    drop(first);
    drop(broker);
    let mut second = run("b");
    let mut broker = resumes(1);
    suback(&mut broker, false);
    assert_eq!(broker.read_packet()[0], 0xa2);
    second.kill();
    drop(broker);
    let third = run("iot/#");
    suback(&mut resumes(1), false);
    drop(third);
}

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
    assert!(stderr.contains("1 stay in the spool `"), "{stderr}");
    assert!(
        stderr.ends_with("to be delivered by the next run\n"),
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
fn a_second_process_would_take_the_session_over_and_is_refused() {
    let (broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    let first = durable(broker.port(), folder.path()).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let mut second = durable(broker.port(), folder.path()).spawn();
    assert_eq!(second.wait().code(), Some(1));
    let stderr = second.stderr();
    assert!(
        stderr.ends_with(".session`: another iot-sub uses it (give this one an --id of its own)\n"),
        "{stderr}"
    );
    interrupt(first);
}

#[test]
fn a_takeover_ends_the_program_with_a_line_that_says_so() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let port = peer.port();
    let mut program = durable(port, folder.path()).args(["-i", "mine"]).spawn();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x03\x00\x00\x00");
    suback(&mut broker, true);
    broker.send(b"\xe0\x01\x8e");
    assert_eq!(program.wait().code(), Some(1));
    assert_eq!(
        program.stderr().lines().last().unwrap(),
        format!(
            "iot-sub: lost broker `localhost:{port}`: another client with ID `mine` has taken the session over (give one of \
             the two another --id)"
        )
    );
}

#[test]
fn a_broker_that_closes_again_and_again_makes_one_suspect_a_takeover() {
    let (peer, folder) = (ScriptedPeer::listen(), tempfile::tempdir().unwrap());
    let program = durable(peer.port(), folder.path())
        .args(["-i", "mine"])
        .spawn();
    for _ in 0..3 {
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(b"\x20\x03\x00\x00\x00");
        suback(&mut broker, true);
        broker.close();
    }
    let line = program.wait_for_stderr("soon after they were made");
    assert!(
        line.ends_with("is another client running with ID `mine`?"),
        "{line}"
    );
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
            stderr.starts_with("iot-sub: the session of client ID `iot-"),
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
        let expected = "iot-sub: the session of client ID `mine` at broker `localhost:";
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
fn who_forgets_waits_for_no_broker_that_hangs() {
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

#[test]
fn what_contradicts_a_durable_session_is_told() {
    for (args, expected) in [
        (
            &["-V", "31"][..],
            "`--durable` needs MQTT 3.1.1 or 5: an MQTT 3.1 broker does not say whether it still has the session (give -V mqttv5)",
        ),
        (
            &["-q", "0"],
            "`--durable` needs QoS 1 or 2: the broker keeps no messages with QoS 0 (give -q 1)",
        ),
        (
            &["-I", "x"],
            "`--durable` cannot be used with `-I` (leave one of them out)",
        ),
        (
            &["-x", "0"],
            "`--durable` needs a session that outlives the connection (give -x SECONDS, not -x 0)",
        ),
    ] {
        let mut program = sub(&["--durable", "--store", "none"]).args(args).spawn();
        assert_eq!(program.wait().code(), Some(2));
        assert_eq!(program.stderr(), format!("iot-sub: {expected}\n"));
    }
}
