//! Calls from other threads and from callbacks while the loop runs: no deadlock, no lost wake-up.

use std::collections::HashSet;
use std::thread;

use testkit::eventually;

use super::*;

#[test]
fn many_threads_publish_and_wait() {
    let broker = Broker::start();
    let watched = Watched::subscribed(config("a"), &broker, "t/#", 1);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let client = watched.client.clone();
            thread::spawn(move || {
                for number in 0..100 {
                    let topic = format!("t/{thread}/{number}");
                    let sent = client.publish(topic, "", number % 3, false).unwrap();
                    sent.wait_for_publish(Some(DEADLINE)).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        in_time(move || thread.join()).unwrap();
    }
    let mut topics = HashSet::new();
    eventually(DEADLINE, "every message arrives", || {
        for seen in watched.seen.try_iter() {
            match seen {
                Seen::Message(message) => topics.insert(message.topic.to_string()),
                other => panic!("{other:?}"),
            };
        }
        topics.len() == 400
    });
    watched.end();
}

#[test]
fn an_idle_loop_wakes_up_for_each_call_at_once() {
    let broker = Broker::start();
    let watched = Watched::connected(config("a"), broker.port());
    let start = Instant::now();
    for _ in 0..300 {
        let sent = watched.client.publish("t", "x", 1, false).unwrap();
        sent.wait_for_publish(Some(DEADLINE)).unwrap();
    }
    // A lost wake-up would cost the rest of the keep alive.
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn every_call_from_other_threads_while_callbacks_run() {
    let broker = Broker::start();
    let watched = Watched::subscribed(config("a"), &broker, "t", 1);
    let calls: Vec<fn(&Client)> = vec![
        |client| drop(client.publish("t", "x", 1, false)),
        |client| drop(client.publish("t", "x", 0, false)),
        |client| drop(client.subscribe("t", 1)),
        |client| drop(client.unsubscribe("u")),
        |client| client.user_data_set(()),
        |client| client.on_connect_fail(|_, (), _| {}),
        |client| assert!(!client.client_id().is_empty()),
        |client| assert!(client.is_connected()),
    ];
    let threads: Vec<_> = calls
        .into_iter()
        .map(|call| {
            let client = watched.client.clone();
            thread::spawn(move || (0..100).for_each(|_| call(&client)))
        })
        .collect();
    for thread in threads {
        in_time(move || thread.join()).unwrap();
    }
    let client = watched.client.clone();
    in_time(move || {
        client.disconnect().unwrap();
        client.loop_stop().unwrap();
    });
}

#[test]
fn a_callback_answers_every_message() {
    // Or mosquitto waits 40 ms for each second packet to be taken.
    let broker = Broker::builder().config("set_tcp_nodelay true").start();
    let watched = Watched::new(config("a"));
    let (report, done) = mpsc::channel();
    watched.client.on_connect(|client, (), _, _| {
        client.subscribe("ping", 1).unwrap();
        client.publish("ping", 100, 1, false).unwrap();
    });
    watched.client.on_message(move |client, (), message| {
        let left: u32 = std::str::from_utf8(&message.payload)
            .unwrap()
            .parse()
            .unwrap();
        if left == 0 {
            report.send(()).unwrap();
        } else {
            client.publish("ping", left - 1, 1, false).unwrap();
        }
    });
    watched.connect(broker.port());
    watched.client.loop_start().unwrap();
    done.recv_timeout(DEADLINE).unwrap();
}

#[test]
fn connect_and_disconnect_from_several_threads_leave_a_client_that_works() {
    let broker = Broker::start();
    let watched = Watched::connected(config("a"), broker.port());
    let port = broker.port();
    let threads: Vec<_> = (0..3)
        .map(|number| {
            let client = watched.client.clone();
            thread::spawn(move || {
                for _ in 0..10 {
                    let _ = match number {
                        0 => client.connect(HOST, port, KEEP_ALIVE, None),
                        1 => client.disconnect(),
                        _ => client.loop_start(),
                    };
                }
            })
        })
        .collect();
    for thread in threads {
        in_time(move || thread.join()).unwrap();
    }
    let client = watched.client.clone();
    in_time(move || {
        let _ = client.disconnect();
        let _ = client.loop_stop();
        client.connect(HOST, port, KEEP_ALIVE, None).unwrap();
        client.loop_start().unwrap();
        let sent = client.publish("t", "x", 1, false).unwrap();
        sent.wait_for_publish(Some(DEADLINE)).unwrap();
    });
}
