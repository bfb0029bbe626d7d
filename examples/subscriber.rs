//! Prints every reading under `iot/#`. Run it with a broker on localhost, or name one:
//!
//!     cargo run -p examples --bin subscriber -- [HOST] [PORT]

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
    client.on_connect(|client, _userdata, _flags, rc| {
        println!("Connected with result code {}", rc.0);
        if rc.is_accepted()
            && let Err(error) = client.subscribe("iot/#", 0)
        {
            eprintln!("error: {error}");
        }
    });
    client.on_disconnect(|_client, _userdata, rc| {
        if let Err(error) = rc {
            eprintln!("error: {error}");
        }
    });
    client.on_message(|_client, _userdata, message| {
        let value = String::from_utf8_lossy(&message.payload);
        println!(" {} {value}", message.topic);
    });

    client.connect(&host, port.unwrap_or(1883), Duration::from_secs(60), None)?;
    client.loop_forever()
}
