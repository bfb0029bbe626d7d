//! Paho C, through the crate `paho-mqtt`, with its async client and callbacks.

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Result;
use paho_mqtt::{
    AsyncClient, ConnectOptionsBuilder, CreateOptionsBuilder, Message, PersistenceType,
};

use crate::{AHEAD, FILTER, HOST, KEEP_ALIVE, PAYLOAD, TOPIC, WINDOW};

/// A message that takes longer is lost with the connection.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(1);

/// Receives until the connection ends.
pub(crate) fn receive(port: u16) -> Result<()> {
    let client = client(port)?;
    let (notify, end) = mpsc::channel();
    client.set_message_callback(|_, message| {
        if let Some(message) = message {
            black_box(message.payload().len());
        }
    });
    client.set_connection_lost_callback(move |_| {
        let _ = notify.send(());
    });
    connect(&client)?;
    client.subscribe(FILTER, 1).wait()?;
    end.recv()?;
    Ok(())
}

/// Publishes to one topic until the connection ends.
pub(crate) fn publish(port: u16, qos: i32) -> Result<()> {
    let client = client(port)?;
    connect(&client)?;
    let mut under_way = VecDeque::with_capacity(AHEAD + 1);
    loop {
        under_way.push_back(client.publish(Message::new(TOPIC, PAYLOAD, qos)));
        if under_way.len() > AHEAD
            && let Some(oldest) = under_way.pop_front()
            && oldest.wait_for(PUBLISH_TIMEOUT).is_err()
        {
            return Ok(());
        }
    }
}

fn client(port: u16) -> Result<AsyncClient> {
    let options = CreateOptionsBuilder::new()
        .server_uri(format!("tcp://{HOST}:{port}"))
        .client_id("bench")
        .persistence(PersistenceType::None)
        .max_buffered_messages(2 * i32::try_from(AHEAD)?)
        .finalize();
    Ok(AsyncClient::new(options)?)
}

fn connect(client: &AsyncClient) -> Result<()> {
    let options = ConnectOptionsBuilder::new_v3()
        .keep_alive_interval(KEEP_ALIVE)
        .max_inflight(i32::from(WINDOW))
        .finalize();
    client.connect(options).wait()?;
    Ok(())
}
