//! A store may refuse a reading long after the message was received: the message is kept byte for
//! byte, and reported.

mod common;

use std::fmt::Write as _;

use common::{documents, interrupt, sqlite, start};
use mongodb::bson::{Document, doc};
use sha2::{Digest, Sha256};
use testkit::{Broker, DEADLINE, Mongo, eventually};

const PAYLOAD: &str = r#"{"data":{"temp":99.50,"hum":40},"seq":7}"#;

fn command(mongo: &Mongo, command: Document) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(mongo.url()).await.unwrap();
        let database = client.database("iot_service");
        database.run_command(command).await.unwrap();
    });
}

#[track_caller]
fn assert_kept(rejected: &Document, payload: &str) {
    let kept = rejected.get_binary_generic("payload").unwrap();
    assert_eq!(std::str::from_utf8(kept).unwrap(), payload);
    let length = i64::try_from(payload.len()).unwrap();
    assert_eq!(rejected.get_i64("length").unwrap(), length);
    let mut hash = String::new();
    for byte in Sha256::digest(payload) {
        write!(hash, "{byte:02x}").unwrap();
    }
    assert_eq!(rejected.get_str("sha256").unwrap(), hash);
}

/// What a validator refuses is kept as it was received.
#[track_caller]
fn case(mongo: &Mongo, collection: &str, setup: &[Document], args: &[&str], payloads: &[&str]) {
    for setup in setup {
        command(mongo, setup.clone());
    }
    let broker = Broker::start();
    let program = start(
        &broker,
        &mongo.url(),
        &["-q", "1", "--collection", collection]
            .iter()
            .chain(args)
            .copied()
            .collect::<Vec<_>>(),
    );
    let (refused, stored) = payloads.split_last().unwrap();
    for (at, payload) in stored.iter().enumerate() {
        broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", payload]);
        // Inserts run side by side: what conflicts is sent when its rival is stored.
        eventually(DEADLINE, "the message is stored", || {
            documents(mongo, collection).len() == at + 1
        });
    }
    broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", refused]);
    let rejections = format!("{collection}_rejected");
    eventually(DEADLINE, "the message is kept", || {
        !documents(mongo, &rejections).is_empty()
    });
    program.wait_for_stderr("rejected a message on `iot/a`: ");
    interrupt(program);
    let rejected = documents(mongo, &rejections);
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    assert_kept(&rejected[0], refused);
}

#[test]
fn what_mongodb_refuses_is_kept_as_it_was_received() {
    let mongo = Mongo::start();
    let value = ["--value-key", "/data/temp"];
    let direct = ["--value-key", "/data/temp", "--ack-after", "store"];
    let validator = |name: &str| doc! {"create": name, "validator": {"value": {"$lt": 90}}};
    case(
        &mongo,
        "validated",
        &[validator("validated")],
        &value,
        &[PAYLOAD],
    );
    case(
        &mongo,
        "direct",
        &[validator("direct")],
        &direct,
        &[PAYLOAD],
    );
    let index = |name: &str, key: Document, unique: bool| {
        let index = doc! {"key": key, "name": "mine", "unique": unique};
        doc! {"createIndexes": name, "indexes": [index]}
    };
    let unique = index("unique", doc! {"topic": 1}, true);
    case(&mongo, "unique", &[unique], &[], &["1", " 99.50 "]);
    let sphere = index("sphere", doc! {"value": "2dsphere"}, false);
    let place = r#"{"type": "Point", "coordinates": [200.0, 99.50]}"#;
    case(&mongo, "sphere", &[sphere], &[], &[place]);
    let first = r#"{"seq":7, "data":{"temp":1}}"#;
    let keyed = ["--value-key", "/data/temp", "--id-key", "/seq"];
    case(&mongo, "keyed", &[], &keyed, &[first, PAYLOAD]);
}

#[test]
fn what_an_sqlite_file_refuses_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let broker = Broker::start();
    let args = ["-q", "1", "--value-key", "/data/temp", "--id-key", "/seq"];
    let program = start(&broker, &format!("sqlite:{}", file.display()), &args);
    for payload in [r#"{"data":{"temp":-0},"seq":7}"#, PAYLOAD] {
        broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", payload]);
    }
    program.wait_for_stderr("rejected a message on `iot/a`: another reading has its id");
    interrupt(program);
    assert_eq!(
        sqlite(&file, "select payload, length from sensors_rejected"),
        format!("{PAYLOAD}|{}\n", PAYLOAD.len())
    );
}

#[test]
fn an_object_that_looks_like_serde_s_own_is_stored_as_that_object() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let payload = r#"{"$serde_json::private::RawValue":"5"}"#;
    let broker = Broker::start();
    let program = start(&broker, &format!("sqlite:{}", file.display()), &["-q", "1"]);
    broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", payload]);
    program.wait_for_stdout("iot/a");
    interrupt(program);
    assert_eq!(
        sqlite(&file, "select value from sensors"),
        format!("{payload}\n")
    );
}
