//! Publishers of numbered readings, each on a thread and a session of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use iot_core::{Client, ClientConfig, MessageInfo};

use torture::message::{PUBLISHERS, qos};
use torture::shape::Shape;

/// Messages in flight of each: mosquitto 2.0.11 loses QoS 2 messages beyond 20.
const UNDER_WAY: usize = 20;
/// How long the broker may take to acknowledge.
const ACK_TIMEOUT: Duration = Duration::from_mins(2);

/// The publishers at work.
pub(crate) struct Publishers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<usize>>,
}

impl Publishers {
    /// Starts them, each at `rate` readings a second.
    pub(crate) fn start(port: u16, rate: u32, shape: Shape) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..PUBLISHERS)
            .map(|number| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || publish(number, port, rate, (shape, &stop)))
            })
            .collect();
        Self { stop, threads }
    }

    /// Ends them after the broker has acknowledged everything; returns how many readings each sent.
    pub(crate) fn finish(self) -> Vec<usize> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.threads.into_iter().map(JoinHandle::join);
        joined
            .map(|kept| kept.expect("a publisher finishes"))
            .collect()
    }
}

fn publish(number: usize, port: u16, rate: u32, (shape, stop): (Shape, &AtomicBool)) -> usize {
    let qos = qos(number);
    let config = ClientConfig {
        client_id: format!("publisher{number}"),
        // Otherwise a lost connection would turn old messages into new ones.
        clean_session: false,
        reconnect_delay: (Duration::from_millis(100), Duration::from_secs(1)),
        ..ClientConfig::default()
    };
    let client = Client::new(config, ()).expect("a client");
    client
        .connect("127.0.0.1", port, Duration::from_mins(1), None)
        .expect("a broker");
    client.loop_start().expect("a loop");
    let mut under_way: VecDeque<MessageInfo> = VecDeque::new();
    let wait = |info: MessageInfo| {
        info.wait_for_publish(Some(ACK_TIMEOUT))
            .expect("the broker acknowledges");
    };
    let pause = Duration::from_secs(1) / rate;
    let mut next = Instant::now();
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let (topic, payload) = (shape.topic((number, count)), shape.payload((number, count)));
        under_way.push_back(client.publish(topic, payload, qos, false).expect("room"));
        count += 1;
        if under_way.len() >= UNDER_WAY
            && let Some(oldest) = under_way.pop_front()
        {
            wait(oldest);
        }
        // A late reading does not make the next ones early.
        next = (next + pause).max(Instant::now());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    under_way.into_iter().for_each(wait);
    client.disconnect().expect("a connection");
    client.loop_stop().expect("a loop");
    count
}
