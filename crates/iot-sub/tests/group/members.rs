//! Members that die, come back, and leave for good: nothing acknowledged is lost.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use iot_core::{Client, ClientConfig};
use testkit::{Broker, DEADLINE, Mongo, Program, eventually};

use crate::common::{documents, interrupt, sqlite, sub};

/// A member with its own session and state.
fn member(broker: &Broker, id: &str, folder: &Path, store: &str) -> Program {
    let port = broker.port().to_string();
    sub(&[
        "-p",
        &port,
        "-i",
        id,
        "--durable",
        "--share",
        "g",
        "--store",
        store,
    ])
    .env("XDG_STATE_HOME", folder.join(id))
}

/// Publishes numbers with QoS 1; returns once the broker has all.
fn publish(broker: &Broker, numbers: std::ops::Range<u32>) {
    let client = Client::new(ClientConfig::default(), ()).expect("a client");
    let keep_alive = std::time::Duration::from_secs(60);
    let connected = client.connect("127.0.0.1", broker.port(), keep_alive, None);
    connected.expect("a broker");
    client.loop_start().expect("a loop");
    let payload = |number| format!(r#"{{"seq":{number},"t":{number}}}"#);
    let published: Vec<_> = numbers
        .map(|number| {
            client
                .publish("iot/g", payload(number), 1, false)
                .expect("room")
        })
        .collect();
    for info in published {
        info.wait_for_publish(Some(DEADLINE)).expect("a PUBACK");
    }
    client.disconnect().expect("a connection");
    client.loop_stop().expect("a loop");
}

/// How often each number is stored.
fn in_mongodb(mongo: &Mongo) -> HashMap<u32, u32> {
    let documents = documents(mongo, "sensors");
    tally(
        documents
            .iter()
            .map(|it| it.get("value").expect("a value").to_string()),
    )
}

fn in_files(files: &[PathBuf]) -> HashMap<u32, u32> {
    let all = files
        .iter()
        .map(|file| sqlite(file, "select value from sensors"));
    tally(all.collect::<String>().lines().map(str::to_owned))
}

fn tally(values: impl Iterator<Item = String>) -> HashMap<u32, u32> {
    let mut tally = HashMap::new();
    for value in values {
        let value = value.trim_end_matches(".0").parse().expect("a number");
        *tally.entry(value).or_default() += 1;
    }
    tally
}

/// Three members: one is killed and comes back, one leaves for good as the docs say.
fn come_and_go(
    store_of: impl Fn(&str) -> String,
    args: &[&str],
    stored: impl Fn() -> HashMap<u32, u32>,
) -> HashMap<u32, u32> {
    let broker = Broker::builder().config("max_queued_messages 0").start();
    let folder = tempfile::tempdir().unwrap();
    let run = |id: &str, more: &[&str]| {
        let program = member(&broker, id, folder.path(), &store_of(id));
        program.args(args).args(more).spawn()
    };
    let join = |id: &str| {
        let program = run(id, &[]);
        broker.wait_for_log(&format!("Sending SUBACK to {id}"), DEADLINE);
        program
    };
    let [first, mut second, third] = ["m1", "m2", "m3"].map(join);
    publish(&broker, 0..300);
    second.kill();
    publish(&broker, 300..600);
    let second = run("m2", &[]);
    // The broker keeps its share of these for the third member while that is not running.
    interrupt(third);
    publish(&broker, 600..900);
    let third = run("m3", &["-U", "iot/#"]);
    broker.wait_for_log("Sending UNSUBACK to m3", DEADLINE);
    eventually(DEADLINE, "all are stored", || stored().len() == 900);
    interrupt(third);
    let mut forget = run("m3", &["--forget"]);
    assert!(forget.wait().success(), "{}", forget.stderr());
    publish(&broker, 900..1_000);
    eventually(DEADLINE, "the rest is stored by the others", || {
        stored().len() == 1_000
    });
    interrupt(first);
    interrupt(second);
    stored()
}

#[test]
fn with_an_id_key_each_message_is_in_mongodb_once() {
    let mongo = Mongo::start();
    let stored = come_and_go(
        |_| mongo.url(),
        &["--id-key", "/seq", "--value-key", "/t"],
        || in_mongodb(&mongo),
    );
    assert!(stored.values().all(|count| *count == 1), "{stored:?}");
}

#[test]
fn each_message_is_in_the_file_of_a_member() {
    let folder = tempfile::tempdir().unwrap();
    let file = |id: &str| folder.path().join(format!("{id}.db"));
    let files = ["m1", "m2", "m3"].map(file);
    let stored = come_and_go(
        |id| format!("sqlite:{}", file(id).display()),
        &["--value-key", "/t"],
        || in_files(&files),
    );
    // The member that was killed may receive again what it had committed and not acknowledged.
    assert_eq!(stored.len(), 1_000);
}

#[test]
fn a_message_that_two_members_get_is_one_document_with_an_id_key() {
    let (broker, mongo) = (Broker::start(), Mongo::start());
    let port = broker.port().to_string();
    for (args, expected) in [(&["--id-key", "/seq"][..], 1), (&[][..], 3)] {
        // Two groups: each gets a copy.
        let members = ["g", "h"].map(|group| {
            let id = format!("{group}{expected}");
            let program = sub(&["-p", &port, "-q", "1", "-i", &id, "--share", group])
                .args(["--value-key", "/t", "--store", &mongo.url()])
                .args(args)
                .spawn();
            broker.wait_for_log(&format!("Sending SUBACK to {id}"), DEADLINE);
            program
        });
        broker.mosquitto_pub(["-q", "1", "-t", "iot/a", "-m", r#"{"seq":1,"t":20}"#]);
        for member in members {
            member.wait_for_stdout("20");
            interrupt(member);
        }
        assert_eq!(documents(&mongo, "sensors").len(), expected);
    }
}
