//! Floods of numbered readings, and what became of them.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use mongodb::bson::{Document, doc};
use testkit::{DEADLINE, Mongo, Running, eventually};

use crate::common::{Flood, documents, interrupt};

/// Messages in flight.
pub(crate) const WINDOW: usize = 500;

/// How many readings MongoDB has.
pub(crate) fn count(mongo: &Mongo) -> u64 {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(mongo.url())
            .await
            .expect("a client");
        let collection = client
            .database("iot_service")
            .collection::<Document>("sensors");
        let count = collection.count_documents(doc! {}).await;
        count.expect("a count")
    })
}

/// Waits until MongoDB has so many readings.
#[track_caller]
pub(crate) fn arrive(mongo: &Mongo, expected: u64) {
    eventually(DEADLINE, format_args!("{expected} are stored"), || {
        count(mongo) == expected
    });
}

/// How often MongoDB has each value.
pub(crate) fn values(mongo: &Mongo) -> HashMap<u32, u32> {
    let mut values = HashMap::new();
    for document in documents(mongo, "sensors") {
        let value = document.get_f64("value").expect("a number");
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the test's own numbers"
        )]
        let value = value as u32;
        *values.entry(value).or_default() += 1;
    }
    values
}

/// Publishes numbers with QoS 1, each with `text` behind it where that isn't empty; returns once
/// the broker has all.
pub(crate) fn flood(port: u16, numbers: Range<u32>, text: &str) {
    let mut flood = Flood::start(port, WINDOW);
    for number in numbers {
        if text.is_empty() {
            flood.publish("iot/flood", number.to_string(), 1);
        } else {
            flood.publish("iot/flood", format!("[{number},\"{text}\"]"), 1);
        }
    }
    flood.finish();
}

/// The counts of `received 3, stored 2, …`, by name.
fn counts(totals: &str) -> HashMap<String, u64> {
    let totals = totals.strip_prefix("iot-sub: ").expect("a line of totals");
    let counts = totals.split(", ").map(|count| {
        let (name, count) = count.rsplit_once(' ').expect("a name and a count");
        (name.to_owned(), count.parse().expect("a count"))
    });
    counts.collect()
}

/// Ends the program with Ctrl-C, which must be a success, checks that its counts add up, and
/// returns its totals.
#[track_caller]
pub(crate) fn totals(program: Running) -> String {
    let totals = interrupt(program);
    let counts = counts(&totals);
    let count = |name: &str| counts.get(name).copied().unwrap_or(0);
    assert_eq!(
        count("received") + count("found in the spool"),
        count("stored") + count("rejected") + count("spooled") + count("duplicates"),
        "{totals}"
    );
    totals
}

/// Ends a program that can't reach its store, and keeps its state.
#[track_caller]
pub(crate) fn leave_in(mut program: Running, spools: &Path, moved: &Path) {
    program.interrupt();
    program.wait_for_stderr("Ctrl-C again");
    program.interrupt();
    assert!(program.wait().success());
    // The program's own folder goes with it.
    std::fs::rename(spools, moved).expect("both are temporary folders");
}

/// Ends a program that can't reach its store: by Ctrl-C, and once more so that it doesn't try for
/// ten seconds.
#[track_caller]
pub(crate) fn leave(mut program: Running) -> String {
    program.interrupt();
    program.wait_for_stderr("Ctrl-C again");
    program.interrupt();
    let status = program.wait();
    let stderr = program.stderr();
    assert!(status.success(), "{status}: {stderr}");
    stderr
}
