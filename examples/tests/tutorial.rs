//! The examples against real servers: readings travel from `publisher` to both subscribers.

use mongodb::bson::{Bson, Document};
use testkit::{Broker, DEADLINE, Mongo, Program, eventually};

fn documents(mongo: &Mongo) -> Vec<Document> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(mongo.url()).await.unwrap();
        let sensors = client.database("iot_service").collection("sensors");
        let mut cursor = sensors.find(Document::new()).await.unwrap();
        let mut documents = Vec::new();
        while cursor.advance().await.unwrap() {
            documents.push(cursor.deserialize_current().unwrap());
        }
        documents
    })
}

#[test]
fn readings_travel_from_the_publisher_to_both_subscribers() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    let port = broker.port().to_string();
    let subscriber = Program::new(env!("CARGO_BIN_EXE_subscriber"))
        .args(["localhost", &port])
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    let storing = Program::new(env!("CARGO_BIN_EXE_subscriber_mongodb"))
        .args(["localhost", &port, &mongo.url()])
        .spawn();
    eventually(DEADLINE, "both have subscribed", || {
        broker.log().matches("Sending SUBACK").count() == 2
    });
    let publisher = Program::new(env!("CARGO_BIN_EXE_publisher"))
        .args(["localhost", &port])
        .spawn();
    let line = publisher.wait_for_stdout("iot/home2/temp 25.");
    subscriber.wait_for_stdout(&format!(" {line}"));
    storing.wait_for_stdout(&format!(" {line}"));
    broker.mosquitto_pub(["-t", "iot/x", "-m", "hello"]);
    storing.wait_for_stderr("error: invalid float literal");

    let value: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
    let documents = eventually(DEADLINE, "the reading is stored", || {
        Some(documents(&mongo)).filter(|documents| !documents.is_empty())
    });
    let fields: Vec<&str> = documents[0].keys().map(String::as_str).collect();
    assert_eq!(fields, ["_id", "topic", "value", "reg_date"]);
    assert_eq!(documents[0].get("value"), Some(&Bson::Double(value)));
}

#[test]
fn errors_are_printed_and_the_end_of_the_main_thread() {
    let broker = Broker::reserve();
    let port = broker.port().to_string();
    for example in [
        env!("CARGO_BIN_EXE_subscriber"),
        env!("CARGO_BIN_EXE_publisher"),
    ] {
        let mut program = Program::new(example).args(["localhost", &port]).spawn();
        program.wait();
        assert_eq!(
            program.stderr(),
            format!(
                "error: cannot connect to broker `localhost:{port}`: connection refused (is a broker running there?)\n"
            )
        );
        assert_eq!(program.stdout(), "--- End Main Thread ---\n");
    }
}
