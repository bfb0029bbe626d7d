//! What the tests of the built programs share.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses its own part"
)]

use std::collections::VecDeque;
use std::process::Command;
use std::time::Duration;

use iot_core::{Client, ClientConfig, MessageInfo};
use mongodb::bson::Document;
use testkit::{Broker, DEADLINE, Mongo, Program, Running};

/// `iot-sub` with arguments.
pub fn sub(args: &[&str]) -> Program {
    Program::new(env!("CARGO_BIN_EXE_iot-sub")).args(args)
}

/// `iot-sub` at a broker, with a store; returns once its subscription stands.
#[track_caller]
pub fn start(broker: &Broker, store: &str, args: &[&str]) -> Running {
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", store]).args(args).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    program
}

/// Runs `iot-pub` against a port to its end, which must be a success; returns what it printed.
#[track_caller]
pub fn publish(port: u16, args: &[&str]) -> String {
    let port = port.to_string();
    let mut program = Program::new(testkit::program("iot-pub"))
        .args(["-p", &port])
        .args(args)
        .spawn();
    let status = program.wait();
    assert!(status.success(), "iot-pub: {}", program.stderr());
    program.stdout()
}

/// A publisher that has a limited number of messages in flight.
pub struct Flood {
    client: Client<()>,
    window: usize,
    in_flight: VecDeque<MessageInfo>,
}

impl Flood {
    /// Connects to a port of this machine.
    #[track_caller]
    pub fn start(port: u16, window: usize) -> Self {
        let client = Client::new(ClientConfig::default(), ()).expect("a client");
        let keep_alive = Duration::from_mins(1);
        let connected = client.connect("127.0.0.1", port, keep_alive, None);
        connected.expect("a broker");
        client.loop_start().expect("a loop");
        Self {
            client,
            window,
            in_flight: VecDeque::new(),
        }
    }

    /// Publishes a message; first it waits for the oldest one, if the window is full.
    #[track_caller]
    pub fn publish(&mut self, topic: &str, payload: String, qos: u8) {
        if self.in_flight.len() >= self.window
            && let Some(oldest) = self.in_flight.pop_front()
        {
            oldest.wait_for_publish(Some(DEADLINE)).expect("an answer");
        }
        let info = self.client.publish(topic, payload, qos, false);
        self.in_flight.push_back(info.expect("room"));
    }

    /// Waits until the broker has acknowledged all, and disconnects.
    #[track_caller]
    pub fn finish(self) {
        for info in self.in_flight {
            info.wait_for_publish(Some(DEADLINE)).expect("an answer");
        }
        self.client.disconnect().expect("a connection");
        self.client.loop_stop().expect("a loop");
    }
}

/// All documents of a collection of `iot_service`, in the order of their ids.
pub fn documents(mongo: &Mongo, collection: &str) -> Vec<Document> {
    documents_of(mongo, "iot_service", collection)
}

pub fn documents_of(mongo: &Mongo, database: &str, collection: &str) -> Vec<Document> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(mongo.url())
            .await
            .expect("a client");
        let collection = client.database(database).collection::<Document>(collection);
        let mut cursor = collection
            .find(Document::new())
            .sort(mongodb::bson::doc! {"_id": 1})
            .await
            .expect("a cursor");
        let mut documents = Vec::new();
        while cursor.advance().await.expect("the next document") {
            documents.push(cursor.deserialize_current().expect("a document"));
        }
        documents
    })
}

/// Ends the program with Ctrl-C, which must be a success, and returns its last line on stderr.
#[track_caller]
pub fn interrupt(mut program: Running) -> String {
    program.interrupt();
    let status = program.wait();
    let stderr = program.stderr();
    assert!(status.success(), "{status}: {stderr}");
    stderr.lines().last().unwrap_or_default().to_owned()
}

/// What the `sqlite3` program prints of a file, as a person would ask it.
#[track_caller]
pub fn sqlite(path: &std::path::Path, query: &str) -> String {
    let output = Command::new("sqlite3")
        .arg(path)
        .arg(query)
        .output()
        .expect("sqlite3 (scripts/install-test-servers installs it)");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}
