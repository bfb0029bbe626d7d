//! `connect`, `connect_async`, `reconnect`, and what `on_connect` gets.

use std::sync::Mutex;
use std::time::Instant;

use testkit::{FaultyNet, ScriptedPeer, eventually};

use super::*;

#[test]
fn connect_returns_when_connect_is_sent_and_on_connect_follows_from_the_loop() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config("a"));
    watched.connect(peer.port());
    let mut broker = peer.accept();
    broker.expect(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a");
    broker.send(CONNACK);
    assert!(watched.seen.try_recv().is_err());
    assert!(!watched.client.is_connected());
    watched.client.loop_start().unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
    assert!(watched.client.is_connected());
}

#[test]
fn connect_says_why_there_is_no_connection() {
    let broker = Broker::reserve();
    let watched = Watched::new(config("a"));
    let error = watched
        .client
        .connect(HOST, broker.port(), KEEP_ALIVE, None)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot connect to broker `127.0.0.1:{}`: connection refused (is a broker running there?)",
            broker.port()
        )
    );
    assert_eq!(error.rc(), 14);
}

#[test]
fn connect_says_which_name_has_no_address() {
    let watched = Watched::new(config("a"));
    let error = watched
        .client
        .connect("no-such-host.invalid", 1883, KEEP_ALIVE, None)
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("cannot connect to broker `no-such-host.invalid:1883`: "),
        "{text}"
    );
}

#[test]
fn a_keep_alive_out_of_its_range_is_refused() {
    let watched = Watched::new(config("a"));
    for keep_alive in [Duration::from_millis(1500), Duration::from_secs(65_536)] {
        let result = watched.client.connect_async(HOST, 1883, keep_alive, None);
        assert!(matches!(result, Err(Error::Config(_))), "{result:?}");
    }
}

#[test]
fn a_real_broker_accepts_every_protocol() {
    let broker = Broker::start();
    for protocol in ALL {
        let watched = Watched::connected(config_of(protocol, "a"), broker.port());
        watched.end();
        assert!(watched.disconnect_seen().is_ok());
    }
    let log = broker.log();
    assert!(log.contains("as a (p1, c1, k60)"), "{log}");
    assert!(log.contains("as a (p2, c1, k60)"), "{log}");
    assert!(log.contains("as a (p5, c1, k60)"), "{log}");
}

#[test]
fn connect_async_leaves_it_to_the_loop_which_waits_for_the_broker() {
    let mut broker = Broker::reserve();
    let watched = Watched::new(config("a"));
    let start = Instant::now();
    watched
        .client
        .connect_async(HOST, broker.port(), KEEP_ALIVE, None)
        .unwrap();
    watched.client.loop_start().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    match watched.next() {
        Seen::ConnectFail(Error::Connect { .. }) => {}
        other => panic!("not on_connect_fail: {other:?}"),
    }
    broker.start_again();
    while let Seen::ConnectFail(_) = watched.next() {}
    assert!(watched.client.is_connected());
}

#[test]
fn a_loop_that_was_started_first_serves_a_later_connect_and_connects_once() {
    let broker = Broker::start();
    for _ in 0..20 {
        let watched = Watched::new(config("a"));
        watched.client.loop_start().unwrap();
        watched.connect(broker.port());
        assert_eq!(watched.connect_seen(), (false, 0));
        watched.end();
        assert!(watched.disconnect_seen().is_ok());
    }
    assert_eq!(broker.log().matches("as a (p2").count(), 20);
}

#[test]
fn a_loop_that_was_started_first_serves_a_later_connect_async() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    watched.client.loop_start().unwrap();
    watched
        .client
        .connect_async(HOST, broker.port(), KEEP_ALIVE, None)
        .unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
}

#[test]
fn connect_to_another_broker_while_the_loop_runs() {
    let brokers = [Broker::start(), Broker::start()];
    let watched = Watched::connected(config("a"), brokers[0].port());
    watched.connect(brokers[1].port());
    assert!(matches!(watched.disconnect_seen(), Err(Error::Replaced)));
    assert_eq!(watched.connect_seen(), (false, 0));
    brokers[1].wait_for_log("as a (p2", DEADLINE);
}

#[test]
fn connect_that_fails_while_the_loop_runs_says_so_to_its_caller() {
    let (broker, nobody) = (Broker::start(), Broker::reserve());
    let watched = Watched::connected(config("a"), broker.port());
    let result = watched
        .client
        .connect(HOST, nobody.port(), KEEP_ALIVE, None);
    assert!(matches!(result, Err(Error::Connect { .. })), "{result:?}");
}

#[test]
fn each_refusal_is_reported_with_its_code() {
    for (protocol, rc, meaning) in [
        (Protocol::V311, 1, "unacceptable protocol version"),
        (Protocol::V311, 2, "client identifier rejected"),
        (Protocol::V311, 3, "server unavailable"),
        (Protocol::V311, 4, "bad user name or password"),
        (Protocol::V311, 5, "not authorized"),
        (Protocol::V311, 6, "unused code 6"),
        (Protocol::V311, 127, "unused code 127"),
        (Protocol::V311, 255, "unknown reason code 0xff"),
        (Protocol::V5, 1, "unacceptable protocol version"),
        (Protocol::V5, 0x84, "unsupported protocol version"),
        (Protocol::V5, 0x87, "not authorized"),
        (Protocol::V5, 0x8a, "banned"),
    ] {
        let peer = ScriptedPeer::listen();
        let watched = Watched::new(config_of(protocol, "a"));
        watched.connect(peer.port());
        let mut broker = peer.accept();
        broker.read_packet();
        broker.send(&[0x20, 2, 0, rc]);
        watched.client.loop_start().unwrap();
        match watched.next() {
            Seen::Connect { rc: code, .. } => {
                assert_eq!(code.0, rc);
                assert_eq!(code.to_string(), meaning);
                assert!(!code.is_accepted());
            }
            other => panic!("not on_connect: {other:?}"),
        }
        let error = watched.disconnect_seen().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the broker refuses the connection: {meaning}")
        );
        assert_eq!(error.rc(), rc);
        // It tries again, as Paho does.
        peer.accept().read_packet();
    }
}

#[test]
fn bad_credentials_are_refused_and_good_ones_are_not() {
    let broker = Broker::builder().user("ada", "s3cret").start();
    for (protocol, refused) in [(Protocol::V311, 5), (Protocol::V5, 0x87)] {
        for (password, rc) in [("wrong", refused), ("s3cret", 0)] {
            let watched = Watched::new(ClientConfig {
                username: Some("ada".into()),
                password: Some(password.into()),
                ..config_of(protocol, "a")
            });
            watched.connect(broker.port());
            watched.client.loop_start().unwrap();
            assert_eq!(watched.connect_seen(), (false, rc));
            let _ = watched.client.disconnect();
            watched.client.loop_stop().unwrap();
        }
    }
}

#[test]
fn the_session_is_there_again_with_clean_session_off() {
    let broker = Broker::start();
    for protocol in BOTH {
        for (clean_session, expected) in [(false, false), (false, true), (true, false)] {
            let watched = Watched::new(ClientConfig {
                clean_session,
                ..config_of(protocol, &format!("a{protocol}").replace(' ', ""))
            });
            watched.connect(broker.port());
            watched.client.loop_start().unwrap();
            assert_eq!(watched.connect_seen(), (expected, 0), "{protocol}");
            watched.end();
        }
    }
}

#[test]
fn an_empty_client_id_becomes_a_random_one() {
    let broker = Broker::start();
    let watched = Watched::connected(config(""), broker.port());
    let id = watched.client.client_id();
    assert!(id.starts_with("iot-"), "{id}");
    broker.wait_for_log(&format!("as {id} (p2"), DEADLINE);
}

#[test]
fn an_empty_client_id_with_clean_session_off_is_an_error_that_says_so() {
    let error = Client::new(kept(Protocol::V5, ""), ()).unwrap_err();
    assert!(
        error.to_string().contains("needs clean session on"),
        "{error}"
    );
}

#[test]
fn the_connection_starts_from_the_bind_address() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    watched
        .client
        .connect(
            "localhost",
            broker.port(),
            KEEP_ALIVE,
            Some([127, 0, 0, 2].into()),
        )
        .unwrap();
    broker.wait_for_log("New connection from 127.0.0.2:", DEADLINE);
}

#[test]
fn a_bind_address_of_another_family_says_so() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    let local = Some("::1".parse().unwrap());
    let error = watched
        .client
        .connect(HOST, broker.port(), KEEP_ALIVE, local)
        .unwrap_err();
    assert!(
        error.to_string().ends_with("of the local address's family"),
        "{error}"
    );
}

#[test]
fn the_loop_reconnects_after_a_broker_restart() {
    let mut broker = Broker::start();
    for protocol in ALL {
        let watched = Watched::connected(config_of(protocol, "a"), broker.port());
        broker.restart();
        watched.reconnect_seen();
        watched.end();
    }
}

#[test]
fn loop_forever_reconnects_after_a_cut() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let watched = Watched::new(config("a"));
    watched.connect(net.port());
    let client = watched.client.clone();
    let thread = std::thread::spawn(move || client.loop_forever());
    assert_eq!(watched.connect_seen(), (false, 0));
    net.cut();
    watched.reconnect_seen();
    watched.client.disconnect().unwrap();
    assert!(in_time(move || thread.join()).unwrap().is_ok());
}

#[test]
fn reconnect_goes_to_the_same_broker_again() {
    let broker = Broker::start();
    let watched = Watched::connected(config("a"), broker.port());
    watched.end();
    assert!(watched.disconnect_seen().is_ok());
    watched.client.reconnect().unwrap();
    watched.client.loop_start().unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
}

#[test]
fn reconnect_inside_on_disconnect_keeps_the_loop_going() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    let (report, disconnected) = mpsc::channel();
    let report = Mutex::new(report);
    watched.client.on_disconnect(move |client, (), result| {
        report.lock().unwrap().send(result.is_ok()).unwrap();
        client.reconnect().unwrap();
    });
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    for _ in 0..3 {
        assert_eq!(watched.connect_seen(), (false, 0));
        watched.client.disconnect().unwrap();
        assert!(disconnected.recv_timeout(DEADLINE).unwrap());
    }
    assert_eq!(watched.connect_seen(), (false, 0));
}

#[test]
fn reconnect_inside_on_disconnect_under_loop_once() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let watched = Watched::new(config("a"));
    watched.connect(net.port());
    loop_until(&watched.client, || watched.client.is_connected());
    watched
        .client
        .on_disconnect(|client, (), _| client.reconnect().unwrap());
    net.cut();
    loop_until(&watched.client, || net.connections() == 2);
    loop_until(&watched.client, || watched.client.is_connected());
}

#[test]
fn connect_inside_a_callback_goes_to_another_broker() {
    let (first, second) = (Broker::start(), Broker::start());
    let watched = Watched::connected(config("a"), first.port());
    let port = second.port();
    watched.client.on_disconnect(move |client, (), _| {
        client.connect(HOST, port, KEEP_ALIVE, None).unwrap();
    });
    watched.client.disconnect().unwrap();
    assert_eq!(watched.connect_seen(), (false, 0));
    second.wait_for_log("as a (p2", DEADLINE);
}

#[test]
fn a_client_can_be_used_inside_a_runtime() {
    let broker = Broker::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let watched = Watched::new(config("a"));
        watched.connect(broker.port());
        loop_until(&watched.client, || watched.client.is_connected());
        let sent = watched.client.publish("t", "1", 1, false).unwrap();
        loop_until(&watched.client, || sent.is_published());
        watched.client.disconnect().unwrap();
        drop(watched);
    });
}

#[test]
fn a_broker_that_never_answers_is_given_up_and_tried_again() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(ClientConfig {
        connect_timeout: Duration::from_millis(100),
        ..config("a")
    });
    watched.connect(peer.port());
    watched.client.loop_start().unwrap();
    let mut silent = peer.accept();
    silent.read_packet();
    assert!(matches!(
        watched.disconnect_seen(),
        Err(Error::ConnectTimeout)
    ));
    silent.expect_end();
    peer.accept().read_packet();
}

#[test]
fn a_second_client_of_the_same_id_takes_the_connection_over() {
    let broker = Broker::start();
    let first = Watched::connected(config("twin"), broker.port());
    first.client.on_disconnect(|client, (), _| {
        // Or the two would take it from each other for ever.
        let _ = client.disconnect();
    });
    let second = Watched::connected(config("twin"), broker.port());
    eventually(DEADLINE, "the first one is gone", || {
        !first.client.is_connected()
    });
    in_time(move || first.client.loop_stop()).unwrap();
    assert!(second.client.is_connected());
}
