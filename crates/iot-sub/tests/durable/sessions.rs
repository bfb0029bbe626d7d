//! What the next run receives, and who may use the session.

use testkit::{Broker, DEADLINE, ScriptedPeer, eventually};

use crate::common::{interrupt, publish, sub};
use crate::disk::noted_as_certain;
use crate::fixture::{durable, noted, stored, subscriptions};
use crate::protocol::suback;

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

/// mosquitto 2.0 restores the session after its restart, but not its shared subscriptions.
#[test]
fn a_shared_subscription_survives_a_restart_of_the_broker() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::builder().persistent().start();
    let member = durable(broker.port(), folder.path())
        .args(["-t", "$share/g/iot/#"])
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    broker.restart();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    publish(broker.port(), &["-q", "1", "-m", "1"]);
    member.wait_for_stdout("1.0");
    interrupt(member);
}

#[test]
fn a_resumed_session_is_brought_to_the_filters_that_are_given() {
    let (broker, folder) = (Broker::start(), tempfile::tempdir().unwrap());
    let run = |filters: &[&str]| durable(broker.port(), folder.path()).args(filters).spawn();
    let first = run(&["-t", "a", "-t", "b"]);
    eventually(DEADLINE, "the session is noted", || {
        noted(folder.path()).contains("\"certain\": true")
    });
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
    // It dies before the answer arrives: the broker has begun a session of which it doesn't know.
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
fn a_subscription_that_was_granted_with_less_is_repeated_and_reported_in_each_run() {
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

#[test]
fn a_kill_before_an_unsubscription_is_answered_leads_to_a_new_subscription() {
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
            "iot-sub: lost broker `localhost:{port}`: another client with client identifier `mine` has taken the session \
             over (give one of the two another --id)"
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
        line.ends_with("is another client connected with client identifier `mine`?"),
        "{line}"
    );
}

#[test]
fn nobody_else_has_a_random_client_identifier() {
    let peer = ScriptedPeer::listen();
    let port = peer.port().to_string();
    let program = sub(&["-p", &port, "--store", "none", "-t", "a"]).spawn();
    for round in 0..4 {
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(b"\x20\x02\x00\x00");
        if round < 3 {
            suback(&mut broker, false);
            broker.close();
        }
    }
    let stderr = program.stderr();
    assert!(stderr.contains("lost broker"), "{stderr}");
    assert!(!stderr.contains("is another client"), "{stderr}");
}

#[test]
fn options_that_contradict_a_durable_session_are_reported() {
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
