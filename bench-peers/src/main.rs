//! What a Rust programmer would choose instead of iot-core, against the peer of `bench-core`: each
//! client runs until the peer closes the connection.
//!
//! ```text
//! bench-peers rumqttc|paho-c receive|publish PORT QOS
//! ```

mod paho_c;
mod rumqttc;

use std::time::Duration;

use anyhow::{Result, bail};

const HOST: &str = "127.0.0.1";
const FILTER: &str = "iot/#";
const TOPIC: &str = "iot/home00/temp";
const PAYLOAD: &str = "25.37";
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// QoS 1 messages in flight, as with the other clients.
const WINDOW: u16 = 1_000;
/// Messages that a publisher hands over before it waits.
const AHEAD: usize = 10_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["rumqttc", "receive", port, _] => rumqttc::receive(port.parse()?),
        ["rumqttc", "publish", port, qos] => rumqttc::publish(port.parse()?, qos.parse()?),
        ["paho-c", "receive", port, _] => paho_c::receive(port.parse()?),
        ["paho-c", "publish", port, qos] => paho_c::publish(port.parse()?, qos.parse()?),
        _ => bail!("arguments: rumqttc|paho-c receive|publish PORT QOS"),
    }
}
