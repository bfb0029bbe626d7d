//! What `iot-sub` makes of MongoDB's collections, and what it says where it can't.

mod common;

use common::{documents, interrupt, publish, start};
use mongodb::bson::{Document, doc};
use testkit::{Broker, DEADLINE, Mongo, eventually};

fn command(mongo: &Mongo, database: &str, command: Document) -> Document {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(mongo.url())
            .await
            .expect("a client");
        let reply = client.database(database).run_command(command).await;
        reply.expect("a reply")
    })
}

#[test]
fn time_series_go_to_a_collection_of_their_own() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    let args = ["--time-series", "hours", "--expire-after", "30d", "--index"];
    let program = start(&broker, &mongo.url(), &args);
    publish(broker.port(), &["--count", "3", "--interval", "1ms"]);
    eventually(DEADLINE, "three are stored", || {
        documents(&mongo, "sensors_ts").len() == 3
    });
    let found = doc! {"listCollections": 1, "filter": {"name": "sensors_ts"}};
    let found = command(&mongo, "iot_service", found);
    let found = found.get_document("cursor").unwrap();
    let found = found.get_array("firstBatch").unwrap()[0]
        .as_document()
        .unwrap();
    let options = found.get_document("options").unwrap();
    assert_eq!(options.get_i64("expireAfterSeconds").unwrap(), 30 * 86_400);
    let series = options.get_document("timeseries").unwrap();
    assert_eq!(series.get_str("granularity").unwrap(), "hours");
    eventually(DEADLINE, "the index is there", || {
        let indexes = command(&mongo, "iot_service", doc! {"listIndexes": "sensors_ts"});
        indexes.to_string().contains("topic_1_reg_date_1")
    });
    interrupt(program);
    // existing ones stay as they are, and that is reported.
    let program = start(&broker, &mongo.url(), &["--time-series", "minutes"]);
    let line = program.wait_for_stderr("is there already");
    assert!(
        line.ends_with("with granularity hours and expiry after 2592000 s; that stays as it is"),
        "{line}"
    );
    interrupt(program);
}

#[test]
fn a_plain_collection_is_not_taken_for_a_time_series() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    command(&mongo, "iot_service", doc! {"create": "sensors_ts"});
    let program = start(
        &broker,
        &mongo.url(),
        &["-q", "1", "--time-series", "seconds"],
    );
    let line = program.wait_for_stderr("refuses to write");
    assert!(
        line.contains("`sensors_ts` is there already and no time-series collection (choose another name with --collection"),
        "{line}"
    );
    publish(broker.port(), &["-q", "1", "-m", "1"]);
    program.wait_for_stdout("1.0");
    // What has come is kept, and stored when there is a place for it.
    command(&mongo, "iot_service", doc! {"drop": "sensors_ts"});
    program.wait_for_stderr("is back");
    eventually(DEADLINE, "it is stored", || {
        documents(&mongo, "sensors_ts").len() == 1
    });
    interrupt(program);
}

#[test]
fn a_user_that_may_not_write_gets_advice_and_keeps_messages() {
    let broker = Broker::start();
    let mongo = Mongo::builder().args(["--auth"]).start();
    let url = mongo.url().replace("mongodb://", "mongodb://ada:s3cret@");
    let program = start(&broker, &format!("{url}/?authSource=admin"), &["-q", "1"]);
    let line = program.wait_for_stderr("refuses to write");
    assert!(
        line.contains("authentication failed (check user, password and authSource in the URL)"),
        "{line}"
    );
    publish(
        broker.port(),
        &["-q", "1", "--count", "3", "--interval", "1ms"],
    );
    // The first user can be made without one.
    let user = doc! {"createUser": "ada", "pwd": "s3cret", "roles": ["root"]};
    command(&mongo, "admin", user);
    program.wait_for_stderr("is back");
    assert_eq!(
        interrupt(program),
        "iot-sub: received 3, stored 3, rejected 0, spooled 0"
    );
}

#[test]
fn a_database_that_is_away_is_reported_long_before_the_driver_gives_up() {
    let broker = Broker::start();
    let mongo = Mongo::reserve();
    let url = format!("{}/?serverSelectionTimeoutMS=600000", mongo.url());
    for place in ["spool", "store"] {
        let port = broker.port().to_string();
        let mut program =
            common::sub(&["-p", &port, "--store", &url, "--ack-after", place]).spawn();
        let line = program.wait_for_stderr("waiting for store");
        assert!(line.contains("connection refused"), "{line}");
        program.terminate();
        program.wait();
    }
}

#[test]
fn options_that_need_another_one_say_so() {
    for (args, expected) in [
        (
            vec!["--expire-after", "1h"],
            "iot-sub: `--expire-after` needs `--time-series <GRANULARITY>`",
        ),
        (
            vec!["--store", "none", "--index"],
            "iot-sub: `--index` needs a MongoDB store",
        ),
        (
            vec!["--time-series", "hours", "--expire-after", "1ms"],
            "iot-sub: invalid value `1ms` for `--expire-after`: a duration is whole seconds, minutes, hours or days: 90s, 30m, 12h or 30d",
        ),
    ] {
        let mut program = common::sub(&args).spawn();
        assert_eq!(program.wait().code(), Some(2));
        assert_eq!(program.stderr(), format!("{expected}\n"));
    }
}
