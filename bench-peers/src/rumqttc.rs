//! rumqttc, with its async client and event loop on one thread.

use std::hint::black_box;

use anyhow::{Result, bail};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};

use crate::{AHEAD, FILTER, HOST, KEEP_ALIVE, PAYLOAD, TOPIC, WINDOW};

/// Receives until the connection ends.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn receive(port: u16) -> Result<()> {
    let (client, mut event_loop) = client(port);
    client.subscribe(FILTER, QoS::AtLeastOnce).await?;
    while let Ok(event) = event_loop.poll().await {
        if let Event::Incoming(Packet::Publish(message)) = event {
            black_box(message.payload.len());
        }
    }
    Ok(())
}

/// Publishes to one topic until the connection ends.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn publish(port: u16, qos: u8) -> Result<()> {
    let qos = match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => bail!("QoS 0 and 1 are measured"),
    };
    let (client, mut event_loop) = client(port);
    tokio::spawn(async move { while client.publish(TOPIC, qos, false, PAYLOAD).await.is_ok() {} });
    while event_loop.poll().await.is_ok() {}
    Ok(())
}

fn client(port: u16) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new("bench", HOST, port);
    options.set_keep_alive(KEEP_ALIVE).set_inflight(WINDOW);
    AsyncClient::new(options, AHEAD)
}
