//! `loop_once`, `loop_start`, `loop_stop`, `loop_forever`.

use testkit::{FaultyNet, ScriptedPeer};

use super::*;

#[test]
fn loop_once_does_one_round_after_the_other() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    watched.connect(broker.port());
    loop_until(&watched.client, || watched.client.is_connected());
    assert_eq!(watched.connect_seen(), (false, 0));
    watched.client.subscribe("t", 0).unwrap();
    watched.client.publish("t", "x", 0, false).unwrap();
    let mut messages = Vec::new();
    loop_until(&watched.client, || {
        messages.extend(watched.seen.try_recv());
        messages.len() == 1
    });
}

#[test]
fn loop_once_waits_no_longer_than_its_timeout() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    watched.connect(broker.port());
    loop_until(&watched.client, || watched.client.is_connected());
    let start = Instant::now();
    watched.client.loop_once(Duration::ZERO).unwrap();
    watched.client.loop_once(Duration::from_millis(30)).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn loop_once_says_why_the_connection_is_lost_and_does_not_reconnect() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let watched = Watched::new(config("a"));
    watched.connect(net.port());
    loop_until(&watched.client, || watched.client.is_connected());
    net.cut();
    let error = loop {
        if let Err(error) = watched.client.loop_once(Duration::from_secs(1)) {
            break error;
        }
    };
    assert!(matches!(error, Error::Closed), "{error}");
    for _ in 0..3 {
        let result = watched.client.loop_once(LONG);
        assert!(matches!(result, Err(Error::NotConnected)), "{result:?}");
    }
    assert_eq!(net.connections(), 1);
    watched.client.reconnect().unwrap();
    loop_until(&watched.client, || watched.client.is_connected());
}

#[test]
fn loop_once_ends_with_ok_after_disconnect_and_then_has_no_connection() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    watched
        .client
        .on_connect(|client, (), _, _| client.disconnect().unwrap());
    watched.connect(broker.port());
    let end = Instant::now() + DEADLINE;
    while watched.seen.try_recv().is_err() {
        watched.client.loop_once(Duration::from_millis(50)).unwrap();
        assert!(Instant::now() < end);
    }
    let result = watched.client.loop_once(LONG);
    assert!(matches!(result, Err(Error::NotConnected)), "{result:?}");
}

#[test]
fn loop_once_and_loop_forever_need_a_broker_s_name() {
    let watched = Watched::new(config("a"));
    let result = watched.client.loop_once(LONG);
    assert!(matches!(result, Err(Error::NotConnected)));
    let result = watched.client.loop_forever();
    assert!(matches!(result, Err(Error::NotConnected)));
    watched
        .client
        .connect_async(HOST, 1, KEEP_ALIVE, None)
        .unwrap();
    let result = watched.client.loop_once(LONG);
    assert!(matches!(result, Err(Error::NotConnected)));
}

#[test]
fn loop_forever_connects_where_connect_async_has_left_it_to_it() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    watched
        .client
        .connect_async(HOST, broker.port(), KEEP_ALIVE, None)
        .unwrap();
    let client = watched.client.clone();
    let thread = std::thread::spawn(move || client.loop_forever());
    assert_eq!(watched.connect_seen(), (false, 0));
    watched.client.disconnect().unwrap();
    assert!(in_time(move || thread.join()).unwrap().is_ok());
}

#[test]
fn only_one_loop_runs_at_a_time() {
    let broker = Broker::start();
    let watched = Watched::connected(config("a"), broker.port());
    let client = &watched.client;
    assert!(matches!(client.loop_start(), Err(Error::Running)));
    assert!(matches!(client.loop_forever(), Err(Error::Running)));
    assert!(matches!(client.loop_once(LONG), Err(Error::Running)));
    client.loop_stop().unwrap();
    client.loop_once(Duration::ZERO).unwrap();
}

#[test]
fn loop_stop_leaves_the_connection_to_the_next_loop() {
    let broker = Broker::start();
    let watched = Watched::connected(config("a"), broker.port());
    for _ in 0..3 {
        watched.client.loop_stop().unwrap();
        assert!(watched.client.is_connected());
        watched.client.loop_start().unwrap();
    }
    let sent = watched.client.publish("t", "x", 1, false).unwrap();
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
    assert!(watched.seen.try_recv().is_err());
}

#[test]
fn loop_stop_without_a_thread_says_so() {
    let watched = Watched::new(config("a"));
    assert!(matches!(watched.client.loop_stop(), Err(Error::NotRunning)));
    watched.client.loop_start().unwrap();
    watched.client.loop_stop().unwrap();
    assert!(matches!(watched.client.loop_stop(), Err(Error::NotRunning)));
}

#[test]
fn loop_stop_inside_a_callback_takes_effect_after_it() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    let (report, stopped) = mpsc::channel();
    watched.client.on_connect(move |client, (), _, _| {
        client.loop_stop().unwrap();
        assert!(matches!(client.loop_start(), Err(Error::Running)));
        report.send(()).unwrap();
    });
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    stopped.recv_timeout(DEADLINE).unwrap();
    // The next start waits for the end of the thread that stops.
    let client = watched.client.clone();
    in_time(move || client.loop_start()).unwrap();
    let sent = watched.client.publish("t", "x", 1, false).unwrap();
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
}

#[test]
fn loop_stop_while_the_loop_dials_or_waits() {
    let broker = Broker::reserve();
    let watched = Watched::new(ClientConfig {
        reconnect_delay: (LONG, LONG),
        ..config("a")
    });
    watched
        .client
        .connect_async(HOST, broker.port(), KEEP_ALIVE, None)
        .unwrap();
    watched.client.loop_start().unwrap();
    assert!(matches!(watched.next(), Seen::ConnectFail(_)));
    in_time(move || watched.client.loop_stop()).unwrap();
}

/// It stops the loop that was started, not a later one.
#[test]
fn loop_stop_after_the_loop_has_ended_stops_no_later_one() {
    let broker = Broker::start();
    let watched = Watched::connected(config("a"), broker.port());
    watched.end();
    assert!(watched.disconnect_seen().is_ok());
    watched.connect(broker.port());
    let client = watched.client.clone();
    let thread = std::thread::spawn(move || client.loop_forever());
    assert_eq!(watched.connect_seen(), (false, 0));
    watched.client.disconnect().unwrap();
    assert!(in_time(move || thread.join()).unwrap().is_ok());
}

#[test]
fn a_loop_inside_a_callback_is_refused() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    let (report, results) = mpsc::channel();
    watched.client.on_connect(move |client, (), _, _| {
        report.send(client.loop_once(LONG)).unwrap();
        report.send(client.loop_forever()).unwrap();
    });
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    for _ in 0..2 {
        let result = results.recv_timeout(DEADLINE).unwrap();
        assert!(matches!(result, Err(Error::InCallback)), "{result:?}");
    }
}

#[test]
fn a_loop_inside_another_client_s_callback_is_fine_and_not_nested() {
    let broker = Broker::start();
    let outer = Watched::new(config("outer"));
    let inner = Watched::new(config("inner"));
    inner.connect(broker.port());
    let (report, results) = mpsc::channel();
    let again = outer.client.clone();
    inner.client.on_connect(move |_, (), _, _| {
        report.send(again.loop_once(LONG)).unwrap();
    });
    let client = inner.client.clone();
    outer.client.on_connect(move |_, (), _, _| {
        loop_until(&client, || client.is_connected());
    });
    outer.connect(broker.port());
    outer.client.loop_start().unwrap();
    let result = results.recv_timeout(DEADLINE).unwrap();
    assert!(matches!(result, Err(Error::InCallback)), "{result:?}");
}

#[test]
fn a_callback_that_panics_ends_its_loop_and_not_the_client() {
    let broker = Broker::start();
    let watched = Watched::new(config("a"));
    let (report, called) = mpsc::channel();
    watched.client.on_connect(move |_, (), _, _| {
        report.send(()).unwrap();
        panic!("on purpose");
    });
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    called.recv_timeout(DEADLINE).unwrap();
    let client = watched.client.clone();
    let thread = std::thread::spawn(move || client.loop_stop());
    let panic = in_time(move || thread.join()).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    watched.client.loop_start().unwrap();
    let sent = watched.client.publish("t", "x", 1, false).unwrap();
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
    watched.end();
}

#[test]
fn a_panic_that_nobody_has_asked_for_meets_the_next_loop_start() {
    let peer = ScriptedPeer::listen();
    let watched = Watched::new(config("a"));
    watched
        .client
        .on_connect(|_, (), _, _| panic!("on purpose"));
    watched.connect(peer.port());
    watched.client.loop_start().unwrap();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(CONNACK);
    let client = watched.client.clone();
    let start = move || {
        while let Err(error) = client.loop_start() {
            assert!(matches!(error, Error::Running), "{error}");
            std::thread::yield_now();
        }
    };
    let thread = std::thread::spawn(start);
    let panic = in_time(move || thread.join()).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"on purpose"));
    // It was reported once.
    watched.client.loop_start().unwrap();
    watched.client.loop_stop().unwrap();
}
