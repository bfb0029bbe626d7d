//! Latency: a message is published every second, and waited for in the store.

use std::time::{Duration, Instant};

use iot_core::{Client, ClientConfig};

use crate::world::{PROBE_TOPIC, World};

/// The messages, one after the other.
pub(crate) struct Probe {
    client: Client,
    number: i64,
    under_way: Option<Instant>,
}

impl Probe {
    pub(crate) fn start(port: u16) -> Self {
        let config = ClientConfig::new("probe");
        let client = Client::new(config, ()).expect("a client");
        let keep_alive = Duration::from_secs(60);
        client
            .connect("127.0.0.1", port, keep_alive, None)
            .expect("a broker");
        client.loop_start().expect("a loop");
        Self {
            client,
            number: 0,
            under_way: None,
        }
    }

    /// Publishes the next one if the latest is stored, and returns how long that took.
    pub(crate) fn step(&mut self, world: &World) -> Option<Duration> {
        if let Some(published) = self.under_way {
            let number = world.latest(PROBE_TOPIC)?;
            if number < self.number {
                return None;
            }
            self.under_way = None;
            return Some(published.elapsed());
        }
        self.number += 1;
        let payload = format!("{{\"n\":{}}}", self.number);
        self.under_way = Some(Instant::now());
        let published = self.client.publish(PROBE_TOPIC, payload, 1, false);
        published.expect("room");
        None
    }
}
