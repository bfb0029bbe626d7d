//! `--id-key`: messages that say themselves which they are.

mod common;

use common::{documents_of, interrupt, sqlite, start, sub};
use testkit::{Broker, DEADLINE, Mongo, eventually};

/// What is published: a reading, the same again, the same id with other content twice, none, the
/// same number on another topic.
const PAYLOADS: [(&str, &str); 6] = [
    ("iot/a", r#"{"seq":1,"t":20}"#),
    ("iot/a", r#"{"seq":1,"t":20}"#),
    ("iot/a", r#"{"seq":1,"t":21}"#),
    ("iot/a", r#"{"seq":1,"t":21}"#),
    ("iot/a", r#"{"t":20}"#),
    ("iot/b", r#"{"seq":1,"t":20}"#),
];

/// Publishes all to a subscriber of its own broker, the later ones when the first `is_stored`, and
/// returns the totals.
fn run(store: &str, args: &[&str], is_stored: impl Fn() -> bool) -> String {
    let broker = Broker::start();
    let program = start(&broker, store, args);
    for (topic, payload) in PAYLOADS {
        broker.mosquitto_pub(["-q", "1", "-t", topic, "-m", payload]);
        eventually(DEADLINE, "the first is stored", &is_stored);
    }
    eventually(DEADLINE, "all have arrived", || {
        let lines = program.stdout().lines().count();
        let told = program.stderr().matches("nothing at /seq").count();
        lines + told == PAYLOADS.len()
    });
    interrupt(program)
}

#[track_caller]
fn in_mongodb(collection: &str, further: &[&str], totals: [&str; 2]) {
    let mongo = Mongo::start();
    let mut args = vec!["-q", "1", "--id-key", "/seq", "--collection", collection];
    args.extend(further);
    // The second process knows nothing of the first.
    for expected in totals {
        let stored = || documents_of(&mongo, "iot_service", collection);
        let totals = run(&mongo.url(), &args, || !stored().is_empty());
        assert_eq!(totals, expected);
        let readings = stored();
        let values: Vec<_> = readings
            .iter()
            .map(|reading| reading.get("value"))
            .collect();
        assert_eq!(values.len(), 2, "{readings:?}");
        assert_eq!(values[0], values[1]);
    }
    let rejected = documents_of(&mongo, "iot_service", &format!("{collection}_rejected"));
    let with = |text: &str| {
        let reasons = rejected.iter().filter_map(|it| it.get_str("reason").ok());
        reasons.filter(|reason| reason.contains(text)).count()
    };
    // A conflict that comes again is the same one; what has no id is another one each time.
    assert_eq!(with("another document has its _id"), 1, "{rejected:?}");
    assert_eq!(with("nothing at /seq"), 2, "{rejected:?}");
}

#[test]
fn in_mongodb_a_message_is_stored_once_and_another_with_its_id_is_kept_apart() {
    let spooled = [
        "iot-sub: received 6, stored 2, rejected 3, spooled 0, duplicates 1",
        "iot-sub: received 6, stored 0, rejected 3, spooled 0, duplicates 3",
    ];
    in_mongodb("sensors", &[], spooled);
    let direct = spooled.map(|totals| totals.replace(" spooled 0,", ""));
    let direct = [&*direct[0], &*direct[1]];
    in_mongodb("sensors", &["--ack-after", "store"], direct);
}

#[test]
fn in_sqlite_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iot.db");
    let store = format!("sqlite:{}", file.display());
    let args = ["-q", "1", "--id-key", "/seq"];
    // A conflict that comes again is there already, as a rejection.
    for expected in [
        "iot-sub: received 6, stored 2, rejected 2, duplicates 2",
        "iot-sub: received 6, stored 0, rejected 1, duplicates 5",
    ] {
        assert_eq!(run(&store, &args, || true), expected);
    }
    assert_eq!(
        sqlite(&file, "select topic, value from sensors order by topic"),
        "iot/a|{\"seq\":1,\"t\":20}\niot/b|{\"seq\":1,\"t\":20}\n"
    );
    let conflicts =
        "select payload from sensors_rejected where reason like 'another reading has its id%'";
    assert_eq!(sqlite(&file, conflicts), "{\"seq\":1,\"t\":21}\n");
    // What somebody deleted may come again.
    sqlite(&file, "delete from readings");
    let totals = run(&store, &args, || true);
    assert!(totals.contains("stored 2"), "{totals}");
}

#[test]
fn options_that_contradict_it_are_reported() {
    for (args, expected) in [
        (
            &["--id-key", "seq"][..],
            "iot-sub: invalid value `seq` for `--id-key`: a JSON pointer is /KEY, or /KEY/KEY within (~1 is a /, ~0 a ~)",
        ),
        (
            &["--id-key", "/seq", "--time-series", "seconds"],
            "iot-sub: `--id-key` cannot be used with `--time-series` (leave one of them out)",
        ),
        (
            &["--id-key", "/seq", "--store", "none"],
            "iot-sub: `--id-key` needs a store: it decides what is stored (give --store)",
        ),
    ] {
        let mut program = sub(args).spawn();
        assert_eq!(program.wait().code(), Some(2));
        assert_eq!(program.stderr(), format!("{expected}\n"));
    }
}
