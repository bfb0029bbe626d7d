//! What is stored beside topic, value and time, and what is stored at all: on every way to a store.

#[path = "../common/mod.rs"]
mod common;
mod times;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{documents, interrupt, sqlite, sub};
use mongodb::bson::{Bson, Document, doc};
use testkit::{Broker, DEADLINE, Mongo, Running, eventually};

/// Starts `iot-sub` with its own client identifier, because the broker may have had other clients.
#[track_caller]
fn start(broker: &Broker, store: &str, args: &[&str]) -> Running {
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    let own = format!("run-{}", STARTED.fetch_add(1, Ordering::Relaxed));
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", store, "-i", &own])
        .args(args)
        .spawn();
    let given = args.iter().position(|arg| *arg == "-i");
    let id = given.map_or(&*own, |at| args[at + 1]);
    broker.wait_for_log(&format!("Sending SUBACK to {id}"), DEADLINE);
    program
}

/// `iot-sub` with the given store; what is published is stored when it returns.
#[track_caller]
fn run(broker: &Broker, store: &str, args: &[&str], publish: impl Fn()) -> String {
    let program = start(broker, store, args);
    publish();
    // In order, so what was published before has come as well.
    let last = r#"{"end": 99, "a": {"v": 99}, "t": 9}"#;
    broker.mosquitto_pub(["-q", "1", "-t", "iot/end/end", "-m", last]);
    program.wait_for_stdout("99");
    interrupt(program)
}

/// Documents without ids and times, and without the last one.
fn without_ids(mongo: &Mongo) -> Vec<Document> {
    let mut documents = documents(mongo, "sensors");
    for document in &mut documents {
        document.remove("_id");
        document.remove("reg_date");
    }
    documents.retain(|document| document.get("topic") != Some(&"iot/end/end".into()));
    documents
}

fn sqlite_url(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

const ARGS: [&str; 10] = [
    "-V",
    "5",
    "-q",
    "1",
    "-i",
    "me",
    "--topic-pattern",
    "iot/{home}/{sensor}",
    "--fields",
    "qos,retain,client,content-type,user-properties",
];

fn publish_two(broker: &Broker) {
    let properties = [
        "-V",
        "5",
        "-D",
        "publish",
        "content-type",
        "text/plain",
        "-D",
        "publish",
        "user-property",
        "k",
        "v",
    ];
    broker.mosquitto_pub(
        ["-q", "1", "-t", "iot/a/temp", "-m", "1"]
            .iter()
            .chain(&properties),
    );
    broker.mosquitto_pub(["-q", "0", "-t", "iot/b", "-m", "2"]);
}

#[test]
fn fields_in_mongodb_directly_and_by_the_spool() {
    let mongo = Mongo::start();
    for more in [["--ack-after", "store"], ["--ack-after", "spool"]] {
        let broker = Broker::start();
        let args = [&ARGS[..], &more].concat();
        run(&broker, &mongo.url(), &args, || publish_two(&broker));
        let user: Bson = vec![doc! {"k": "v"}].into();
        let expected = [
            doc! {
                "topic": "iot/a/temp", "value": 1.0, "home": "a", "sensor": "temp", "qos": 1, "retain": false,
                "client": "me", "content_type": "text/plain", "user_properties": user,
            },
            doc! {"topic": "iot/b", "value": 2.0, "qos": 0, "retain": false, "client": "me"},
        ];
        eventually(DEADLINE, "all is delivered", || {
            without_ids(&mongo).len() >= 2
        });
        assert_eq!(without_ids(&mongo), expected, "{more:?}");
        drop_readings(&mongo);
    }
}

fn drop_readings(mongo: &Mongo) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(mongo.url()).await.unwrap();
        let database = client.database("iot_service");
        database
            .collection::<Document>("sensors")
            .delete_many(doc! {})
            .await
            .unwrap();
        let rejected = database.collection::<Document>("sensors_rejected");
        rejected.delete_many(doc! {}).await.unwrap();
    });
}

#[test]
fn what_a_spool_holds_keeps_its_fields_until_mongodb_is_back() {
    let mut mongo = Mongo::start();
    let url = mongo.url();
    let broker = Broker::start();
    mongo.stop();
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("spool").display().to_string();
    let args = [&ARGS[..], &["--spool", &spool]].concat();
    let program = start(&broker, &url, &args);
    publish_two(&broker);
    program.wait_for_stdout("iot/b");
    let mut program = program;
    program.interrupt();
    program.interrupt();
    program.wait();
    mongo.start_again();
    // Without the options: what is in the spool has them.
    let program = start(&broker, &url, &["-i", "me", "--spool", &spool]);
    eventually(DEADLINE, "all is delivered", || {
        without_ids(&mongo).len() == 2
    });
    interrupt(program);
    let first = &without_ids(&mongo)[0];
    assert_eq!(first.get("home"), Some(&"a".into()));
    assert_eq!(first.get("content_type"), Some(&"text/plain".into()));
}

#[test]
fn fields_in_sqlite_are_columns_of_the_view() {
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = sqlite_url(&file);
    // First without: the file is what it always was.
    run(&broker, &store, &[], || {
        broker.mosquitto_pub(["-q", "1", "-t", "iot/old", "-m", "0"]);
    });
    let plain = sqlite(&file, "select sql from sqlite_schema order by name");
    assert!(!plain.contains("fields"), "{plain}");
    run(&broker, &store, &ARGS, || publish_two(&broker));
    run(&broker, &store, &["--topic-pattern", "{root}/#"], || ());
    let columns =
        "topic, value, home, sensor, qos, retain, client, content_type, user_properties, root";
    let query = format!("select {columns} from sensors where topic <> 'iot/end/end'");
    assert_eq!(
        sqlite(&file, &query),
        "iot/old|0.0||||||||\n\
         iot/a/temp|1.0|a|temp|1|0|me|text/plain|[{\"k\":\"v\"}]|\n\
         iot/b|2.0|||0|0|me|||\n"
    );
    // And one that was asked for fields goes on without them.
    run(&broker, &store, &[], || ());
    let count = "select count(*) from sensors where topic = 'iot/end/end' and root is null";
    assert_eq!(sqlite(&file, count), "3\n");
}

#[test]
fn value_and_time_come_from_the_payload() {
    let mongo = Mongo::start();
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let publish = || {
        for payload in [
            r#"{"a": {"v": 25}, "t": 1795428000}"#,
            r#"{"a": {"v": 26.5}, "t": "2026-11-23T11:00:01.5+01:00"}"#,
            r#"{"a": {}, "t": 1795428000}"#,
            "27",
        ] {
            broker.mosquitto_pub(["-q", "1", "-t", "iot/x", "-m", payload]);
        }
    };
    let args = ["-q", "1", "--value-key", "/a/v", "--time-key", "/t"];
    let line = run(&broker, &sqlite_url(&file), &args, publish);
    assert_eq!(line, "iot-sub: received 5, stored 3, rejected 2");
    let query = "select value, reg_date, received > '2026' from sensors where topic = 'iot/x'";
    assert_eq!(
        sqlite(&file, query),
        "25.0|2026-11-23T10:00:00.000Z|1\n26.5|2026-11-23T10:00:01.500Z|1\n"
    );
    assert_eq!(
        sqlite(&file, "select reason from sensors_rejected"),
        "nothing at /a/v\nnothing at /a/v\n"
    );
    run(&broker, &mongo.url(), &args, publish);
    let first = &documents(&mongo, "sensors")[0];
    assert_eq!(first.get("value"), Some(&25.0.into()));
    assert_eq!(
        first.get_datetime("reg_date").unwrap().timestamp_millis(),
        1_795_428_000_000
    );
    assert!(first.get_datetime("received").is_ok());
}

#[test]
fn readings_that_change_nothing_are_skipped_and_acknowledged() {
    let mongo = Mongo::start();
    let broker = Broker::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let publish = || {
        for payload in ["20", "20.4", "20.6", "20.6", "hello"] {
            broker.mosquitto_pub(["-q", "1", "-t", "iot/x", "-m", payload]);
        }
    };
    let expected = "iot-sub: received 6, stored 3, rejected 1, skipped 2";
    let line = run(
        &broker,
        &sqlite_url(&file),
        &["-q", "1", "--on-change", "0.5"],
        publish,
    );
    assert_eq!(line, expected);
    assert_eq!(
        sqlite(&file, "select value from sensors where topic = 'iot/x'"),
        "20.0\n20.6\n"
    );
    eventually(DEADLINE, "all are acknowledged", || {
        broker.log().matches("Received PUBACK from run-").count() == 6
    });
    for more in [&["--ack-after", "store"][..], &["--ack-after", "spool"]] {
        let args = [&["-q", "1", "--on-change", "0.5"][..], more].concat();
        run(&broker, &mongo.url(), &args, publish);
        eventually(DEADLINE, "all is delivered", || {
            without_ids(&mongo).len() == 2
        });
        drop_readings(&mongo);
    }
    let line = run(
        &broker,
        &sqlite_url(&file),
        &["-q", "1", "--min-interval", "1h", "--on-change"],
        publish,
    );
    assert_eq!(line, "iot-sub: received 6, stored 2, rejected 1, skipped 3");
}

/// Starts `iot-sub` three times over the same retained messages; a live reading is the last one
/// stored of each.
#[track_caller]
fn restarts(store: &str, args: &[&str], expected: [&str; 3]) {
    let broker = Broker::start();
    for (topic, payload) in [
        ("iot/a", "1"),
        ("iot/b", "{\"x\": 1}"),
        ("iot/c", "no reading"),
    ] {
        broker.mosquitto_pub(["-r", "-q", "1", "-t", topic, "-m", payload]);
    }
    for (at, expected) in expected.iter().enumerate() {
        let line = run(&broker, store, &[&["-q", "1"], args].concat(), || ());
        assert_eq!(
            line,
            format!("iot-sub: {expected}"),
            "run {at}, {store} {args:?}"
        );
        if at == 1 {
            // What changes while nobody listens is stored.
            broker.mosquitto_pub(["-r", "-q", "1", "-t", "iot/a", "-m", "2"]);
        }
    }
}

#[test]
fn retained_messages_are_stored_once_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    restarts(
        &sqlite_url(&file),
        &[],
        [
            "received 4, stored 3, rejected 1",
            "received 4, stored 1, rejected 0, skipped 3",
            "received 4, stored 2, rejected 0, skipped 2",
        ],
    );
    assert_eq!(
        sqlite(&file, "select value from sensors where topic = 'iot/a'"),
        "1.0\n2.0\n"
    );
}

#[test]
fn retained_messages_are_stored_once_in_mongodb() {
    let mongo = Mongo::start();
    for more in [
        &["--ack-after", "store"][..],
        &["--ack-after", "spool"],
        &["--ack-after", "store", "--index", "--collection", "indexed"],
    ] {
        let broker = Broker::start();
        for (topic, payload) in [
            ("iot/a", "1"),
            ("iot/b", "{\"x\": 1}"),
            ("iot/c", "no reading"),
        ] {
            broker.mosquitto_pub(["-r", "-q", "1", "-t", topic, "-m", payload]);
        }
        let collection = if more.len() > 2 { "indexed" } else { "sensors" };
        let values = || {
            // Within a second ids of two runs are in no order.
            let mut values: Vec<f64> = documents(&mongo, collection)
                .iter()
                .filter(|document| document.get("topic") == Some(&"iot/a".into()))
                .map(|document| document.get_f64("value").unwrap())
                .collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let args = [&["-q", "1"], more].concat();
        for _ in 0..3 {
            run(&broker, &mongo.url(), &args, || ());
        }
        assert_eq!(values(), [1.0], "{more:?}");
        broker.mosquitto_pub(["-r", "-q", "1", "-t", "iot/a", "-m", "2"]);
        for _ in 0..2 {
            run(&broker, &mongo.url(), &args, || ());
        }
        assert_eq!(values(), [1.0, 2.0], "{more:?}");
        // A live one is remembered as well.
        run(&broker, &mongo.url(), &args, || {
            broker.mosquitto_pub(["-r", "-q", "1", "-t", "iot/a", "-m", "3"]);
        });
        run(&broker, &mongo.url(), &args, || ());
        assert_eq!(values(), [1.0, 2.0, 3.0], "{more:?}");
        let rejected = documents(&mongo, &format!("{collection}_rejected"));
        assert_eq!(rejected.len(), 1, "{more:?}");
        drop_readings(&mongo);
    }
}

#[test]
fn retained_messages_can_be_stored_marked_and_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let all = "received 4, stored 3, rejected 1";
    restarts(
        &sqlite_url(&file("store")),
        &["--retained", "store"],
        [all; 3],
    );
    restarts(
        &sqlite_url(&file("mark")),
        &["--retained", "mark"],
        [all; 3],
    );
    assert_eq!(
        sqlite(
            &file("mark"),
            "select topic, retained from sensors where topic > 'iot/a' limit 2"
        ),
        "iot/b|1\niot/end/end|\n"
    );
    let skipped = "received 4, stored 1, rejected 0, skipped 3";
    restarts(
        &sqlite_url(&file("skip")),
        &["--retained", "skip"],
        [skipped; 3],
    );
    let as_published = ["-V", "5", "--retain-as-published"];
    restarts(&sqlite_url(&file("as")), &as_published, [all; 3]);
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    for (args, message) in [
        (&["--on-change"][..], "`--on-change` needs a store"),
        (&["--fields", "qos"], "`--fields` needs a store"),
        (
            &["--topic-pattern", "{a}"],
            "`--topic-pattern` needs a store",
        ),
        (&["--retained", "skip"], "`--retained` needs a store"),
        (&["--on-change=-1"], "a deadband is a number, 0 or more"),
        (&["--on-change", "-1"], "a deadband is a number, 0 or more"),
        (&["--min-interval", "-1"], "a duration is a positive number"),
        (&["--value-key", "a"], "a JSON pointer is /KEY"),
        (&["--topic-pattern", "iot/{_id}"], "the name `_id` is taken"),
        (&["--fields", "colour"], "invalid value `colour`"),
        (&["--min-interval", "0"], "a duration is a positive number"),
    ] {
        let mut program = sub(&["-p", "1", "--store", "none"]).args(args).spawn();
        assert_eq!(
            program.wait().code(),
            Some(2),
            "{args:?}: {}",
            program.stderr()
        );
        assert!(
            program.stderr().contains(message),
            "{args:?}: {}",
            program.stderr()
        );
    }
    for (args, message) in [
        (
            &["--retained", "once", "--retain-as-published", "-V", "5"][..],
            "`--retained` cannot be used with `--retain-as-published`",
        ),
        (&["--fields", "qos,qos"], "the field `qos` is named twice"),
        (
            &["--topic-pattern", "iot/{A}/{a}"],
            "the fields `A` and `a` differ only in case, which SQLite ignores",
        ),
        (
            &["--topic-pattern", "iot/{A}", "--topic-pattern", "b/{a}"],
            "the fields `A` and `a` differ only in case, which SQLite ignores",
        ),
        (
            &["--value-key", "/a", "--value-key", "/b"],
            "`--value-key` is given 2 times",
        ),
        (
            &["--time-key", "/a", "--time-key", "/b"],
            "`--time-key` is given 2 times",
        ),
        (
            &["--device-timezone", "UTC"],
            "`--device-timezone` needs --time-key",
        ),
        (
            &["--time-key", "/t", "--device-timezone", "Mars"],
            "a time zone is local, UTC, +02:00 or a name such as Europe/Berlin",
        ),
        (
            &["--fields", "qos", "--topic-pattern", "{qos}"],
            "the field `qos` is named twice",
        ),
    ] {
        let mut program = sub(&["-p", "1", "--store", "sqlite:x"]).args(args).spawn();
        assert_eq!(
            program.wait().code(),
            Some(2),
            "{args:?}: {}",
            program.stderr()
        );
        assert!(
            program.stderr().contains(message),
            "{args:?}: {}",
            program.stderr()
        );
    }
}
