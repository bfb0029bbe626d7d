//! Many clients of one process that have little to do: what they take, and that none holds up
//! another. Threads and memory are counted, so each test runs alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use iot_core::{Client, ClientConfig, Error};
use testkit::{Broker, DEADLINE, ScriptedPeer, eventually};

const HOST: &str = "127.0.0.1";
const CLIENTS: usize = 30;

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Threads that run the loops of clients.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.trim() == "iot-core loop").count()
}

/// What a client's `on_message` gets, with the number of the client.
type Message = (usize, String);

/// Clients that have subscribed to `all` and to their own number, and report what they receive.
struct Clients {
    clients: Vec<Client>,
    messages: mpsc::Receiver<Message>,
}

impl Clients {
    /// `on_message` is called before each report.
    fn start(broker: &Broker, on_message: impl Fn(&Message) + Clone + Send + 'static) -> Self {
        let (report, messages) = mpsc::channel();
        let (reporter, subscribed) = mpsc::channel();
        let clients = (0..CLIENTS).map(|number| {
            let client = Client::new(config(), ()).unwrap();
            client.on_connect(move |client, (), _, _| {
                let filters = [("all".to_owned(), 1), (number.to_string(), 1)];
                client.subscribe_many(filters).unwrap();
            });
            let reporter = reporter.clone();
            client.on_subscribe(move |_, (), _, _| reporter.send(()).unwrap());
            let (report, on_message) = (report.clone(), on_message.clone());
            let inside = AtomicBool::new(false);
            client.on_message(move |_, (), message| {
                assert!(!inside.swap(true, Ordering::SeqCst), "two at a time");
                let message = (
                    number,
                    String::from_utf8_lossy(&message.payload).into_owned(),
                );
                on_message(&message);
                // The test may be over.
                let _ = report.send(message);
                inside.store(false, Ordering::SeqCst);
            });
            connect(&client, broker.port());
            client
        });
        let clients = clients.collect();
        for _ in 0..CLIENTS {
            subscribed.recv_timeout(DEADLINE).unwrap();
        }
        Self { clients, messages }
    }

    #[track_caller]
    fn next(&self) -> Message {
        self.messages.recv_timeout(DEADLINE).unwrap()
    }

    /// Publishes to all, or to one by its number.
    fn publish(&self, topic: &str, payload: &str) {
        let sent = self.clients[0].publish(topic, payload, 1, false);
        sent.unwrap().wait_for_publish(Some(DEADLINE)).unwrap();
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        for client in &self.clients {
            let _ = client.disconnect();
        }
    }
}

fn config() -> ClientConfig {
    ClientConfig {
        reconnect_delay: (Duration::from_millis(10), Duration::from_millis(50)),
        ..ClientConfig::default()
    }
}

fn connect(client: &Client, port: u16) {
    client
        .connect(HOST, port, Duration::from_mins(1), None)
        .unwrap();
    client.loop_start().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn each_client_has_a_thread_and_none_is_left_after_them() {
    let _alone = alone();
    let broker = Broker::start();
    let clients = Clients::start(&broker, |_| {});
    assert_eq!(threads(), CLIENTS);
    drop(clients);
    eventually(DEADLINE, "no thread is left", || threads() == 0);
}

/// The first clients take what all share.
#[cfg(target_os = "linux")]
#[test]
fn an_idle_client_takes_at_most_64_kib() {
    let _alone = alone();
    let peer = ScriptedPeer::listen();
    let start = |count| {
        let clients = (0..count).map(|_| {
            let client = Client::new(config(), ()).unwrap();
            let (reporter, connected) = mpsc::channel();
            client.on_connect(move |_, (), _, _| reporter.send(()).unwrap());
            connect(&client, peer.port());
            let mut broker = peer.accept();
            broker.read_packet();
            broker.send(b"\x20\x02\x00\x00");
            connected.recv_timeout(DEADLINE).unwrap();
            (client, broker)
        });
        clients.collect::<Vec<_>>()
    };
    let first = start(10);
    let before = resident_bytes();
    let clients = start(100);
    let each = resident_bytes().saturating_sub(before) / 100;
    assert!(each <= 64 * 1024, "{each} bytes");
    for (client, broker) in first.into_iter().chain(clients) {
        drop(broker);
        let _ = client.disconnect();
    }
}

#[cfg(target_os = "linux")]
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<usize>().unwrap() * 1024
}

#[test]
fn each_client_gets_everything_in_order() {
    let _alone = alone();
    let broker = Broker::start();
    let clients = Clients::start(&broker, |_| {});
    let mut received = vec![Vec::new(); CLIENTS];
    let mut sent = Vec::new();
    for burst in 0..3 {
        for number in 0..20 {
            sent.push(format!("{burst}-{number}"));
            clients.publish("all", sent.last().unwrap());
        }
        for _ in 0..20 * CLIENTS {
            let (client, payload) = clients.next();
            received[client].push(payload);
        }
    }
    for of_one in received {
        assert_eq!(of_one, sent);
    }
}

#[test]
fn callbacks_that_block_stop_only_their_own_clients() {
    const BLOCKED: usize = CLIENTS / 2;
    let _alone = alone();
    let broker = Broker::start();
    let gate: &Mutex<()> = Box::leak(Box::default());
    let clients = Clients::start(&broker, move |(_, payload)| {
        if payload == "block" {
            drop(gate.lock());
        }
    });
    let closed = gate.lock().unwrap();
    // The first one publishes, and waits for that.
    for number in 1..=BLOCKED {
        clients.publish(&number.to_string(), "block");
        clients.publish(&number.to_string(), "later");
    }
    clients.publish("all", "to all");
    let mut free: Vec<Message> = (BLOCKED..CLIENTS).map(|_| clients.next()).collect();
    free.sort();
    let others = std::iter::once(0).chain(BLOCKED + 1..CLIENTS);
    let expected: Vec<_> = others.map(|number| (number, "to all".to_owned())).collect();
    assert_eq!(free, expected);
    assert!(clients.messages.try_recv().is_err());
    drop(closed);
    let mut received = vec![Vec::new(); CLIENTS];
    for _ in 0..3 * BLOCKED {
        let (client, payload) = clients.next();
        received[client].push(payload);
    }
    for of_one in &received[1..=BLOCKED] {
        assert_eq!(of_one[..], ["block", "later", "to all"]);
    }
}

#[test]
fn a_callback_that_panics_ends_only_its_own_loop() {
    let _alone = alone();
    let broker = Broker::start();
    let clients = Clients::start(&broker, |(_, payload)| assert_ne!(payload, "panic"));
    clients.publish("1", "panic");
    clients.publish("all", "to all");
    let mut received: Vec<usize> = (1..CLIENTS).map(|_| clients.next().0).collect();
    received.sort_unstable();
    let others: Vec<_> = (0..CLIENTS).filter(|number| *number != 1).collect();
    assert_eq!(received, others);
    let client = clients.clients[1].clone();
    assert!(
        std::thread::spawn(move || client.loop_stop())
            .join()
            .is_err()
    );
    clients.clients[2].loop_stop().unwrap();
}

#[test]
fn calls_on_an_idle_client_take_effect_at_once() {
    let _alone = alone();
    let broker = Broker::start();
    let clients = Clients::start(&broker, |_| {});
    let [one, two, three, four] = &clients.clients[..4] else {
        unreachable!("there are more");
    };
    assert!(matches!(one.loop_start(), Err(Error::Running)));
    assert!(matches!(one.loop_forever(), Err(Error::Running)));
    one.loop_stop().unwrap();
    one.loop_start().unwrap();
    let (reporter, ended) = mpsc::channel();
    two.on_disconnect(move |_, (), result| reporter.send(result.is_ok()).unwrap());
    two.disconnect().unwrap();
    assert!(ended.recv_timeout(DEADLINE).unwrap());
    let (reporter, connected) = mpsc::channel();
    three.on_connect(move |_, (), _, _| reporter.send(()).unwrap());
    three.reconnect().unwrap();
    connected.recv_timeout(DEADLINE).unwrap();
    // `on_publish`, if it is set, is called before the wait is over.
    four.publish("t", "x", 1, false)
        .unwrap()
        .wait_for_publish(Some(DEADLINE))
        .unwrap();
    let (reporter, published) = mpsc::channel();
    four.on_publish(move |_, (), mid, _| reporter.send(mid).unwrap());
    let sent = four.publish("t", "x", 1, false).unwrap();
    sent.wait_for_publish(Some(DEADLINE)).unwrap();
    assert_eq!(published.try_recv(), Ok(sent.mid()));
}

#[test]
fn an_idle_client_keeps_the_connection_alive() {
    let _alone = alone();
    let peer = ScriptedPeer::listen();
    let client = Client::new(config(), ()).unwrap();
    let second = Duration::from_secs(1);
    client.connect(HOST, peer.port(), second, None).unwrap();
    client.loop_start().unwrap();
    let mut broker = peer.accept();
    broker.read_packet();
    broker.send(b"\x20\x02\x00\x00");
    for _ in 0..2 {
        broker.expect(b"\xc0\x00");
        broker.send(b"\xd0\x00");
    }
    // One that doesn't answer is left.
    broker.expect(b"\xc0\x00");
    let _again = peer.accept();
    let _ = client.disconnect();
}
