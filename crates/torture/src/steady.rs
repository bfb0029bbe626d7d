//! Publishers of numbered messages at a steady rate, one for each broker, each on a thread of its
//! own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::shape::Shape;
use iot_core::{Client, ClientConfig, MessageInfo};

/// Messages in flight of each.
const IN_FLIGHT: u16 = 500;
/// How much lateness is made up for.
const CATCH_UP: Duration = Duration::from_millis(50);
/// How long the broker may take to acknowledge. A node that is away is back within this time.
const ACK_TIMEOUT: Duration = Duration::from_mins(3);

/// A publisher that is less early sends its next message at once.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);
/// How often a publisher that is too far ahead looks again.
const LOOK: Duration = Duration::from_millis(2);

/// How fast all publishers together send.
#[derive(Clone, Debug)]
pub enum Pace {
    /// So many messages a second.
    Rate(u32),
    /// As fast as they are taken: never more than `ahead` messages before the count `taken`, which
    /// the caller keeps up to date. So the rate is one that can be sustained, and no queue grows.
    AsTaken {
        /// How many messages are taken so far.
        taken: Arc<AtomicUsize>,
        /// How many more may be sent.
        ahead: usize,
    },
}

/// The publishers at work.
pub struct SteadyPublishers {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<usize>>,
}

impl SteadyPublishers {
    /// Starts one on each of these brokers.
    pub fn start(brokers: &[(String, u16)], pace: &Pace) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicUsize::new(0));
        let count = u32::try_from(brokers.len()).expect("a few brokers");
        let start = |(number, broker): (usize, &(String, u16))| {
            let (stop, sent, broker) = (Arc::clone(&stop), Arc::clone(&sent), broker.clone());
            let brake = Brake::new(pace.clone(), count, (Arc::clone(&stop), Arc::clone(&sent)));
            thread::spawn(move || publish(number, &broker, brake, (&stop, &sent)))
        };
        let threads = brokers.iter().enumerate().map(start).collect();
        Self {
            stop,
            sent,
            threads,
        }
    }

    /// How many messages were given to the clients so far.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends them after the brokers have acknowledged everything; returns how many messages each
    /// sent.
    pub fn finish(self) -> Vec<usize> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.threads.into_iter().map(JoinHandle::join);
        joined
            .map(|kept| kept.expect("a publisher finishes"))
            .collect()
    }
}

/// What makes a publisher wait before its next message.
struct Brake {
    pace: Pace,
    publishers: u32,
    next: Instant,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
}

impl Brake {
    fn new(pace: Pace, publishers: u32, (stop, sent): (Arc<AtomicBool>, Arc<AtomicUsize>)) -> Self {
        Self {
            pace,
            publishers,
            next: Instant::now(),
            stop,
            sent,
        }
    }

    fn wait(&mut self) {
        match &self.pace {
            Pace::Rate(rate) => {
                let pause = Duration::from_secs(1) * self.publishers / *rate;
                // Some late messages are made up for; after an outage the rate is the usual one.
                let now = Instant::now();
                self.next = (self.next + pause).max(now.checked_sub(CATCH_UP).unwrap_or(now));
                let early = self.next.saturating_duration_since(Instant::now());
                // Each sleep takes time of a processor.
                if early >= SHORTEST_SLEEP {
                    thread::sleep(early);
                }
            }
            Pace::AsTaken { taken, ahead } => {
                let is_ahead = || {
                    let limit = taken.load(Ordering::Relaxed) + ahead;
                    self.sent.load(Ordering::Relaxed) >= limit
                };
                while is_ahead() && !self.stop.load(Ordering::Relaxed) {
                    thread::sleep(LOOK);
                }
            }
        }
    }
}

fn publish(
    number: usize,
    (host, port): &(String, u16),
    mut brake: Brake,
    (stop, sent): (&AtomicBool, &AtomicUsize),
) -> usize {
    let config = ClientConfig {
        client_id: format!("publisher{number}"),
        clean_session: false,
        keep_alive: Duration::from_secs(5),
        max_inflight: IN_FLIGHT,
        reconnect_delay: (Duration::from_millis(100), Duration::from_secs(1)),
        ..ClientConfig::default()
    };
    let client = Client::new(config, ()).expect("a client");
    client
        .connect_async(host, *port, Duration::from_secs(5), None)
        .expect("a valid address");
    client.loop_start().expect("a loop");
    let mut under_way: VecDeque<MessageInfo> = VecDeque::new();
    let wait = |info: MessageInfo| {
        info.wait_for_publish(Some(ACK_TIMEOUT))
            .expect("the broker acknowledges");
    };
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let key = (number, count);
        let (topic, payload) = (Shape::FewTopics.topic(key), Shape::FewTopics.payload(key));
        under_way.push_back(client.publish(topic, payload, 1, false).expect("room"));
        count += 1;
        sent.fetch_add(1, Ordering::Relaxed);
        if under_way.len() >= usize::from(IN_FLIGHT)
            && let Some(oldest) = under_way.pop_front()
        {
            wait(oldest);
        }
        brake.wait();
    }
    under_way.into_iter().for_each(wait);
    client.disconnect().expect("a connection");
    client.loop_stop().expect("a loop");
    count
}
