//! User data, and callbacks that are replaced.

use super::*;

#[test]
fn every_callback_gets_the_user_data() {
    let broker = Broker::start();
    let client = Client::new(config("a"), Vec::<String>::new()).unwrap();
    client.on_connect(|client, log, flags, rc| {
        assert!(!flags.session_present && flags.properties.is_none());
        log.push(format!("connect {}", rc.0));
        client.subscribe("t", 0).unwrap();
        client.publish("t", "x", 0, false).unwrap();
    });
    client.on_message(|client, log, message| {
        log.push(format!("message {}", message.topic));
        client.disconnect().unwrap();
    });
    let (report, result) = mpsc::channel();
    client.on_disconnect(move |_, log, result| {
        log.push(format!("disconnect {}", result.is_ok()));
        report.send(log.clone()).unwrap();
    });
    client
        .connect(HOST, broker.port(), KEEP_ALIVE, None)
        .unwrap();
    in_time(move || client.loop_forever()).unwrap();
    assert_eq!(
        result.recv_timeout(DEADLINE).unwrap(),
        ["connect 0", "message t", "disconnect true"]
    );
}

/// A client that ends with its test: its loop would go on dialling.
struct Ending<U: Send + 'static>(Client<U>);

impl<U: Send + 'static> std::ops::Deref for Ending<U> {
    type Target = Client<U>;

    fn deref(&self) -> &Client<U> {
        &self.0
    }
}

impl<U: Send + 'static> Drop for Ending<U> {
    fn drop(&mut self) {
        let _ = self.0.disconnect();
    }
}

/// A client that reports its user data at each message, and waits for the test then.
fn reporting(broker: &Broker) -> (Ending<i32>, mpsc::Receiver<i32>) {
    let client = Client::new(config("a"), 1).unwrap();
    let (report, data) = mpsc::channel();
    client.on_connect(|client, _, _, _| {
        client.subscribe("t", 0).unwrap();
    });
    client.on_message(move |_, data, _| {
        report.send(*data).unwrap();
        *data += 1;
    });
    client
        .connect(HOST, broker.port(), KEEP_ALIVE, None)
        .unwrap();
    client.loop_start().unwrap();
    broker.wait_for_log("Sending SUBACK to a", DEADLINE);
    (Ending(client), data)
}

#[test]
fn user_data_set_outside_a_callback() {
    let broker = Broker::start();
    let (client, data) = reporting(&broker);
    for expected in [1, 2] {
        client.publish("t", "", 0, false).unwrap();
        assert_eq!(data.recv_timeout(DEADLINE).unwrap(), expected);
    }
    // After the callback has given it back.
    client
        .publish("t", "", 1, false)
        .unwrap()
        .wait_for_publish(Some(DEADLINE))
        .unwrap();
    assert_eq!(data.recv_timeout(DEADLINE).unwrap(), 3);
    client.loop_stop().unwrap();
    client.user_data_set(10);
    client.loop_start().unwrap();
    client.publish("t", "", 0, false).unwrap();
    assert_eq!(data.recv_timeout(DEADLINE).unwrap(), 10);
}

#[test]
fn user_data_set_inside_a_callback_is_what_the_next_one_gets() {
    let broker = Broker::start();
    let (client, _) = reporting(&broker);
    let (report, data) = mpsc::channel();
    client.on_message(move |client, data, _| {
        report.send(*data).unwrap();
        client.user_data_set(100);
        *data = -1;
    });
    for expected in [1, 100, 100] {
        client.publish("t", "", 0, false).unwrap();
        assert_eq!(data.recv_timeout(DEADLINE).unwrap(), expected);
    }
}

#[test]
fn user_data_set_by_another_thread_while_a_callback_runs() {
    let broker = Broker::start();
    let (client, _) = reporting(&broker);
    let (report, data) = mpsc::channel();
    let (go, wait) = mpsc::channel();
    client.on_message(move |_, data, _| {
        report.send(*data).unwrap();
        let _ = wait.recv_timeout(DEADLINE);
    });
    client.publish("t", "", 0, false).unwrap();
    assert_eq!(data.recv_timeout(DEADLINE).unwrap(), 1);
    client.user_data_set(7);
    go.send(()).unwrap();
    client.publish("t", "", 0, false).unwrap();
    assert_eq!(data.recv_timeout(DEADLINE).unwrap(), 7);
    go.send(()).unwrap();
}

#[test]
fn a_callback_replaces_itself_and_others() {
    let broker = Broker::start();
    let watched = Watched::subscribed(config("a"), &broker, "t", 0);
    let (report, calls) = mpsc::channel();
    let then = report.clone();
    watched.client.on_message(move |client, (), _| {
        report.send("first").unwrap();
        let report = then.clone();
        client.on_message(move |_, (), _| report.send("second").unwrap());
        let report = then.clone();
        client.on_disconnect(move |_, (), _| report.send("end").unwrap());
        client.publish("t", "", 0, false).unwrap();
    });
    watched.client.publish("t", "", 0, false).unwrap();
    for expected in ["first", "second"] {
        assert_eq!(calls.recv_timeout(DEADLINE).unwrap(), expected);
    }
    watched.end();
    assert_eq!(calls.recv_timeout(DEADLINE).unwrap(), "end");
    // What was replaced is gone, and with it what it held.
    assert!(calls.recv_timeout(Duration::ZERO).is_err());
}

/// What a callback holds may call the client when it is dropped.
#[test]
fn replacing_a_callback_drops_the_old_one_without_a_lock() {
    struct Caller(Client);
    impl Drop for Caller {
        fn drop(&mut self) {
            self.0.on_connect_fail(|_, (), _| {});
        }
    }
    let watched = Watched::new(config("a"));
    let caller = Caller(watched.client.clone());
    watched.client.on_message(move |_, (), _| {
        let _ = &caller;
    });
    in_time(move || watched.client.on_message(|_, (), _| {}));
}

#[test]
fn without_callbacks_nothing_is_missed() {
    let broker = Broker::start();
    let client = Client::new(config("a"), ()).unwrap();
    client
        .connect(HOST, broker.port(), KEEP_ALIVE, None)
        .unwrap();
    loop_until(&client, || client.is_connected());
    client.subscribe("t", 2).unwrap();
    let sent = client.publish("t", "x", 2, false).unwrap();
    loop_until(&client, || sent.is_published());
    loop_until(&client, || broker.log().contains("Received PUBCOMP from a"));
    client.disconnect().unwrap();
}
