//! Publishes a simulated temperature to `iot/home2/temp` every 2 seconds. Run it with a broker on
//! localhost, or name one:
//!
//!     cargo run -p examples --bin publisher -- [HOST] [PORT]

use std::thread::sleep;
use std::time::Duration;

use iot_core::{Client, ClientConfig, Error};

fn main() {
    if let Err(error) = run() {
        eprintln!("error: {error}");
    }
    println!("--- End Main Thread ---");
}

fn run() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    let host = args.next().unwrap_or_else(|| "localhost".into());
    let port = args.next().and_then(|port| port.parse().ok());

    let client = Client::new(ClientConfig::default(), ())?;
    client.on_connect(|_client, _userdata, _flags, rc| {
        println!("Connected with result code {}", rc.0);
    });
    client.connect(&host, port.unwrap_or(1883), Duration::from_secs(60), None)?;
    client.loop_start()?;
    loop {
        let value = 25.0 + rand::random::<f64>();
        match client.publish("iot/home2/temp", value, 0, false) {
            Ok(_) => println!("iot/home2/temp {value}"),
            Err(error) => eprintln!("error: {error}"),
        }
        sleep(Duration::from_secs(2));
    }
}
