//! Inserts every number under `iot/#` into MongoDB's `iot_service.sensors`. Run it with a broker
//! and a mongod on localhost, or name them:
//!
//!     cargo run -p examples --bin subscriber_mongodb -- [HOST] [PORT] [MONGODB-URL]

use std::time::Duration;

use iot_core::{Client, ClientConfig, Message};
use mongodb::Collection;
use mongodb::bson::{DateTime, Document, doc};
use tokio::runtime::Runtime;

type Error = Box<dyn std::error::Error>;

fn main() {
    if let Err(error) = run() {
        eprintln!("error: {error}");
    }
    println!("--- End Main Thread ---");
}

fn run() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let host = args.next().unwrap_or_else(|| "localhost".into());
    let port = args.next().map_or(Ok(1883), |port| port.parse())?;
    let url = args
        .next()
        .unwrap_or_else(|| "mongodb://localhost:27017".into());

    let runtime = Runtime::new()?;
    let mongodb = runtime.block_on(mongodb::Client::with_uri_str(url))?;
    let sensors = mongodb.database("iot_service").collection("sensors");
    let client = Client::new(ClientConfig::default(), (runtime, sensors))?;
    client.on_connect(|client, _userdata, _flags, rc| {
        println!("Connected with result code {}", rc.0);
        if rc.is_accepted()
            && let Err(error) = client.subscribe("iot/#", 0)
        {
            eprintln!("error: {error}");
        }
    });
    client.on_message(|_client, (runtime, sensors), message| {
        if let Err(error) = runtime.block_on(insert(sensors, message)) {
            eprintln!("error: {error}");
        }
    });

    client.connect(&host, port, Duration::from_secs(60), None)?;
    Ok(client.loop_forever()?)
}

async fn insert(sensors: &Collection<Document>, message: &Message) -> Result<(), Error> {
    let value: f64 = std::str::from_utf8(&message.payload)?.trim().parse()?;
    println!(" {} {value:?}", message.topic);
    let topic = message.topic.as_str();
    let document = doc! { "topic": topic, "value": value, "reg_date": DateTime::now() };
    sensors.insert_one(document).await?;
    Ok(())
}
