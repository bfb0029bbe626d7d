//! The spool: what is acknowledged to the broker is on disk, and reaches MongoDB whatever dies in between.

mod common;

use std::collections::{HashMap, VecDeque};
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use common::{documents, interrupt, publish, start, sub};
use iot_core::{Client, ClientConfig};
use mongodb::bson::{Document, doc};
use testkit::{Broker, DEADLINE, FaultyDisk, FaultyNet, Mongo, Program, Running, Way, eventually};

/// How many readings MongoDB has.
fn count(mongo: &Mongo) -> u64 {
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
fn arrive(mongo: &Mongo, expected: u64) {
    eventually(DEADLINE, format_args!("{expected} are stored"), || {
        count(mongo) == expected
    });
}

/// How often MongoDB has each value.
fn values(mongo: &Mongo) -> HashMap<u32, u32> {
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

/// Publishes numbers with QoS 1, each with `text` behind it where that isn't empty; returns once the broker has all.
fn flood(port: u16, numbers: Range<u32>, text: &str) {
    let flood = Flood::start(port);
    for number in numbers {
        if text.is_empty() {
            flood.publish(number.to_string());
        } else {
            flood.publish(format!("[{number},\"{text}\"]"));
        }
    }
    flood.finish();
}

/// A publisher with some hundred messages under way.
struct Flood {
    client: Client<()>,
    under_way: std::cell::RefCell<VecDeque<iot_core::MessageInfo>>,
}

impl Flood {
    fn start(port: u16) -> Self {
        let client = Client::new(ClientConfig::default(), ()).expect("a client");
        client
            .connect("127.0.0.1", port, Duration::from_secs(60), None)
            .expect("a broker");
        client.loop_start().expect("a loop");
        Self {
            client,
            under_way: std::cell::RefCell::default(),
        }
    }

    fn publish(&self, payload: String) {
        let info = self.client.publish("iot/flood", payload, 1, false);
        let mut under_way = self.under_way.borrow_mut();
        under_way.push_back(info.expect("room"));
        if under_way.len() > 500
            && let Some(oldest) = under_way.pop_front()
        {
            oldest.wait_for_publish(Some(DEADLINE)).expect("a PUBACK");
        }
    }

    fn finish(self) {
        for info in self.under_way.take() {
            info.wait_for_publish(Some(DEADLINE)).expect("a PUBACK");
        }
        self.client.disconnect().expect("a connection");
        self.client.loop_stop().expect("a loop");
    }
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

/// Ends the program with Ctrl-C, which must be a success, checks that its counts add up, and returns its totals.
#[track_caller]
fn totals(program: Running) -> String {
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
fn leave_in(mut program: Running, spools: &Path, moved: &Path) {
    program.interrupt();
    program.wait_for_stderr("Ctrl-C again");
    program.interrupt();
    assert!(program.wait().success());
    // The program's own folder goes with it.
    std::fs::rename(spools, moved).expect("both are temporary folders");
}

/// Ends a program that can't reach its store: by Ctrl-C, and once more so that it doesn't try for ten seconds.
#[track_caller]
fn leave(mut program: Running) -> String {
    program.interrupt();
    program.wait_for_stderr("Ctrl-C again");
    program.interrupt();
    let status = program.wait();
    let stderr = program.stderr();
    assert!(status.success(), "{status}: {stderr}");
    stderr
}

#[test]
fn what_comes_before_mongodb_does_is_acknowledged_at_once_and_stored_later() {
    let broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let program = start(&broker, &mongo.url(), &["-q", "1", "-i", "early"]);
    publish(broker.port(), &["-q", "1", "-m", "7"]);
    broker.wait_for_log("Received PUBACK from early", DEADLINE);
    let line = program.wait_for_stderr("waiting for store");
    assert!(
        line.ends_with("what comes meanwhile is kept in the spool"),
        "{line}"
    );
    mongo.start_again();
    program.wait_for_stderr("is back");
    arrive(&mongo, 1);
    assert_eq!(
        totals(program),
        "iot-sub: received 1, stored 1, rejected 0, spooled 0"
    );
}

#[test]
fn what_mongodb_has_not_got_stays_in_the_spool_for_the_next_run() {
    let broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s").display().to_string();
    let args = ["-q", "1", "-i", "patient", "--spool", &spool];
    let program = start(&broker, &mongo.url(), &args);
    flood(broker.port(), 0..50, "");
    eventually(DEADLINE, "all have arrived", || {
        program.stdout().lines().count() == 50
    });
    let stderr = leave(program);
    let last: Vec<&str> = stderr.lines().rev().take(2).collect();
    assert_eq!(
        last,
        [
            "iot-sub: received 50, stored 0, rejected 0, spooled 50",
            &format!("iot-sub: 50 stay in the spool `{spool}`, to be delivered by the next run")
        ]
    );

    mongo.start_again();
    let program = start(&broker, &mongo.url(), &args);
    program.wait_for_stderr("found in the spool: 50");
    arrive(&mongo, 50);
    assert_eq!(
        totals(program),
        "iot-sub: received 0, stored 50, rejected 0, spooled 0, found in the spool 50"
    );
}

#[test]
fn without_a_client_id_the_next_run_finds_what_the_last_one_has_left() {
    let broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let program = start(&broker, &mongo.url(), &["-q", "1"]);
    flood(broker.port(), 0..10, "");
    eventually(DEADLINE, "all have arrived", || {
        program.stdout().lines().count() == 10
    });
    let state = tempfile::tempdir().unwrap();
    let spools = program.folder().join("iot-sub");
    let moved = state.path().join("iot-sub");
    leave_in(program, &spools, &moved);

    mongo.start_again();
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", &mongo.url()])
        .env("XDG_STATE_HOME", state.path())
        .spawn();
    program.wait_for_stderr("found in the spool: 10");
    arrive(&mongo, 10);
    totals(program);
}

#[test]
fn whatever_is_killed_nothing_that_was_published_is_missing() {
    const ROUNDS: usize = 6;
    let broker = Broker::builder()
        .persistent()
        .config("max_queued_messages 0")
        .start();
    let mut mongo = Mongo::start();
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s").display().to_string();
    let args = ["-q", "1", "-c", "-i", "immortal", "--spool", &spool];
    let mut program = start(&broker, &mongo.url(), &args);

    let stop = Arc::new(AtomicBool::new(false));
    let published = Arc::new(AtomicU32::new(0));
    let flood = thread::spawn({
        let (stop, published, port) = (Arc::clone(&stop), Arc::clone(&published), broker.port());
        move || {
            let flood = Flood::start(port);
            while !stop.load(Ordering::Relaxed) {
                flood.publish(published.fetch_add(1, Ordering::Relaxed).to_string());
            }
            flood.finish();
        }
    });
    let mut seed = 0x2545_f491_u32;
    let mut found = 0;
    for round in 0..ROUNDS {
        // Linear congruential, so that a failure can be repeated more or less.
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let moment = 50 + seed as usize % 1_500;
        match round {
            1 => mongo.kill(),
            4 => mongo.start_again(),
            _ => {}
        }
        eventually(DEADLINE, format_args!("{moment} more are received"), || {
            program.stdout().lines().count() >= moment
        });
        program.kill();
        program = sub(&["-p", &broker.port().to_string(), "--store", &mongo.url()])
            .args(args)
            .spawn();
        program.wait_for_stderr("Connected with result code 0");
        found += usize::from(program.stderr().contains("found in the spool"));
    }
    assert!(found > 0, "nothing was ever spooled");
    stop.store(true, Ordering::Relaxed);
    flood.join().unwrap();
    let published = published.load(Ordering::Relaxed);

    eventually(DEADLINE, "all are stored", || {
        count(&mongo) >= u64::from(published) && values(&mongo).len() == published as usize
    });
    totals(program);
    let values = values(&mongo);
    assert!((0..published).all(|number| values.contains_key(&number)));
    // Beyond 20 at a time: without a limit of its queue, mosquitto doesn't wait for acknowledgements.
    let again = "Sending PUBLISH to immortal (d1,";
    let redelivered = broker.log().matches(again).count();
    let stored_again: u32 = values.values().map(|count| count - 1).sum();
    assert!(
        stored_again as usize <= redelivered,
        "{stored_again} of {published} are stored again, {redelivered} were sent again"
    );
}

#[test]
fn replies_that_are_lost_lead_to_retries_that_store_nothing_twice() {
    // mosquitto's own limit of 1,000 would drop what the flood brings faster than it is taken.
    let broker = Broker::builder().config("max_queued_messages 0").start();
    let mongo = Mongo::start();
    let net = FaultyNet::to(mongo.port());
    let url = format!("mongodb://127.0.0.1:{}", net.port());
    let program = start(&broker, &url, &["-q", "1", "--spool", "s"]);
    let flood = Flood::start(broker.port());
    let mut published = 0_u32;
    // The request goes through, its reply gets lost. Some cuts hit the driver's own questions instead, so there are many.
    eventually(DEADLINE, "a lost reply is noticed", || {
        for _ in 0..500 {
            flood.publish(published.to_string());
            published += 1;
        }
        net.drop_after(Way::ToClient, 40);
        program.stderr().contains("waiting for store")
    });
    flood.finish();
    eventually(DEADLINE, "all are stored", || {
        values(&mongo).len() == published as usize
    });
    program.wait_for_stderr("is back");
    assert_eq!(
        totals(program),
        format!("iot-sub: received {published}, stored {published}, rejected 0, spooled 0")
    );
    assert_eq!(count(&mongo), u64::from(published));
}

#[test]
fn a_second_process_is_refused_and_told_what_helps() {
    let broker = Broker::start();
    let mongo = Mongo::reserve();
    // Both would take the one below the state directory.
    let first = start(&broker, &mongo.url(), &[]);
    let state = first.folder().display().to_string();
    let port = broker.port().to_string();
    let again = ["-p", &port, "--store", &mongo.url()];
    let mut second = sub(&again).env("XDG_STATE_HOME", &state).spawn();
    assert_eq!(second.wait().code(), Some(1));
    let stderr = second.stderr();
    let expected = format!("iot-sub: cannot use spool `{state}/iot-sub/localhost-{port}_");
    assert!(stderr.starts_with(&expected), "{stderr}");
    assert!(
        stderr.ends_with(
            "another iot-sub uses it (give this one an --id of its own, or another --spool)\n"
        ),
        "{stderr}"
    );
    let other = sub(&again)
        .args(["-i", "other"])
        .env("XDG_STATE_HOME", &state)
        .spawn();
    other.wait_for_stderr("Connected with result code 0");
    totals(other);
    totals(first);
}

#[test]
fn without_a_state_directory_it_lies_below_home() {
    let broker = Broker::start();
    let (mongo, home) = (Mongo::reserve(), tempfile::tempdir().unwrap());
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", &mongo.url(), "-i", "me"])
        .env("XDG_STATE_HOME", "")
        .env("HOME", home.path())
        .spawn();
    program.wait_for_stderr("Connected with result code 0");
    let files = std::fs::read_dir(home.path().join(".local/state/iot-sub")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let start = format!("localhost-{port}_me_iot_service.sensors-");
    let spools =
        names.filter(|name| name.starts_with(&start) && name.strip_suffix(".spool").is_some());
    assert_eq!(spools.count(), 1);
    totals(program);
}

#[test]
fn a_state_directory_that_cannot_be_made_is_told_with_the_reason() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut program = sub(&[]).env("XDG_STATE_HOME", file.path()).spawn();
    assert_eq!(program.wait().code(), Some(1));
    let directory = file.path().join("iot-sub").display().to_string();
    assert_eq!(
        program.stderr(),
        format!(
            "iot-sub: no directory for the spool (give --spool PATH): cannot make directory `{directory}`: not a directory\n"
        )
    );
}

#[test]
fn at_its_limit_reading_stops_and_goes_on_when_there_is_room() {
    const COUNT: u32 = 10_000;
    let broker = Broker::builder().config("max_queued_messages 0").start();
    let mut mongo = Mongo::reserve();
    let args = [
        "-q",
        "1",
        "-i",
        "small",
        "--spool",
        "s",
        "--spool-limit",
        "1MiB",
    ];
    let program = start(&broker, &mongo.url(), &args);
    flood(broker.port(), 0..COUNT, &"x".repeat(2_000));
    let line = program.wait_for_stderr("reading from the broker stops");
    assert!(
        line.starts_with("iot-sub: spool `s` has reached its limit of 1 MiB "),
        "{line}"
    );
    // Twenty times as much is published as there is room for.
    let received = program.stdout().lines().count();
    assert!(received < COUNT as usize, "all were received");
    mongo.start_again();
    program.wait_for_stderr("spool `s` has room again; reading goes on");
    arrive(&mongo, COUNT.into());
    assert_eq!(
        totals(program),
        format!("iot-sub: received {COUNT}, stored {COUNT}, rejected 0, spooled 0")
    );
}

#[test]
fn a_damaged_spool_is_set_aside_and_the_rest_of_it_is_delivered() {
    const COUNT: u32 = 2_000;
    let broker = Broker::builder().config("max_queued_messages 0").start();
    let mut mongo = Mongo::reserve();
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s");
    let args = ["-q", "1", "--spool", &spool.display().to_string()];
    let program = start(&broker, &mongo.url(), &args);
    flood(broker.port(), 0..COUNT, "");
    eventually(DEADLINE, "all have arrived", || {
        program.stdout().lines().count() == COUNT as usize
    });
    leave(program);
    overwrite_page(&spool, 10);

    mongo.start_again();
    let program = start(&broker, &mongo.url(), &args);
    program.wait_for_stderr("is damaged: what can be read of it is put into a new one");
    let line = program.wait_for_stderr("the damaged spool `");
    let aside = line.rsplit('`').nth(1).unwrap();
    assert!(Path::new(aside).exists(), "{line}");
    let line = program.wait_for_stderr("entries of the damaged spool could be read");
    let salvaged: u64 = line.split(' ').nth(1).unwrap().parse().unwrap();
    // Less than a page's.
    assert!((1_900..2_000).contains(&salvaged), "{line}");
    program.wait_for_stderr(&format!("found in the spool: {salvaged}"));
    arrive(&mongo, salvaged);
    totals(program);
}

fn overwrite_page(path: &Path, page: u64) {
    let mut file = std::fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(page * 4_096)).unwrap();
    file.write_all(&[0xa5; 4_096]).unwrap();
}

#[test]
fn a_failed_fsync_ends_the_program_and_acknowledges_nothing() {
    let broker = Broker::start();
    let mongo = Mongo::reserve();
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::at(folder.path());
    let spool = folder.path().join("s").display().to_string();
    let port = broker.port().to_string();
    let args = ["-p", &port, "-q", "1", "-i", "unsynced", "--spool", &spool];
    let program = sub(&["--store", &mongo.url()]).args(args);
    let mut program = disk.under(program).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    publish(broker.port(), &["-q", "1", "-m", "1"]);
    broker.wait_for_log("Received PUBACK from unsynced", DEADLINE);
    disk.fail_fsync();
    publish(broker.port(), &["-q", "1", "-m", "2"]);
    assert_eq!(program.wait().code(), Some(1));
    let stderr = program.stderr();
    let last = stderr.lines().last().unwrap();
    assert!(
        last.starts_with(&format!("iot-sub: spool `{spool}`: disk I/O error")),
        "{stderr}"
    );
    let log = broker.log();
    assert_eq!(log.matches("Sending PUBLISH to unsynced").count(), 2);
    assert_eq!(log.matches("Received PUBACK from unsynced").count(), 1);
}

#[test]
fn a_spool_that_cannot_be_written_ends_the_program_and_acknowledges_nothing() {
    let broker = Broker::start();
    let mongo = Mongo::reserve();
    let port = broker.port().to_string();
    // A file may not grow beyond 300 blocks of 512 bytes: no full disk, but an error.
    let script = "trap '' XFSZ; ulimit -f 300; exec \"$0\" \"$@\"";
    let mut program = Program::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_iot-sub"), "-p", &port])
        .args([
            "--store",
            &mongo.url(),
            "-q",
            "1",
            "-i",
            "unlucky",
            "--spool",
            "s",
        ])
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    flood(broker.port(), 0..1, &"x".repeat(200_000));
    assert_eq!(program.wait().code(), Some(1));
    let stderr = program.stderr();
    let last = stderr.lines().last().unwrap();
    assert!(last.starts_with("iot-sub: spool `s`: "), "{stderr}");
    assert!(!broker.log().contains("Received PUBACK from unlucky"));
}

#[test]
fn ctrl_c_waits_for_mongodb_as_long_as_there_is_hope() {
    let broker = Broker::start();
    let mut mongo = Mongo::start();
    let mut program = start(
        &broker,
        &mongo.url(),
        &["-q", "1", "-i", "x", "--spool", "s"],
    );
    mongo.kill();
    publish(broker.port(), &["-q", "1", "-m", "1"]);
    broker.wait_for_log("Received PUBACK from x", DEADLINE);
    program.wait_for_stderr("waiting for store");
    program.interrupt();
    // The goodbye does not wait.
    broker.wait_for_log("Received DISCONNECT from x", DEADLINE);
    mongo.start_again();
    assert_eq!(program.wait().code(), Some(0), "{}", program.stderr());
    assert_eq!(
        program.stderr().lines().last(),
        Some("iot-sub: received 1, stored 1, rejected 0, spooled 0")
    );
    assert_eq!(count(&mongo), 1);
}

#[test]
fn what_is_in_the_spool_is_delivered_and_counted_also_where_the_broker_is_away() {
    let mut broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s").display().to_string();
    let args = ["-q", "1", "--spool", &spool];
    let program = start(&broker, &mongo.url(), &args);
    flood(broker.port(), 0..5, "");
    eventually(DEADLINE, "all have arrived", || {
        program.stdout().lines().count() == 5
    });
    leave(program);
    broker.stop();
    mongo.start_again();
    let port = broker.port().to_string();
    let program = sub(&["-p", &port, "--store", &mongo.url()])
        .args(args)
        .spawn();
    arrive(&mongo, 5);
    assert_eq!(
        totals(program),
        "iot-sub: received 0, stored 5, rejected 0, spooled 0, found in the spool 5"
    );
}

#[test]
fn a_full_disk_stops_reading_and_it_goes_on_when_there_is_room() {
    let broker = Broker::start();
    let mongo = Mongo::start();
    let folder = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::at(folder.path());
    let spool = folder.path().join("s").display().to_string();
    let port = broker.port().to_string();
    let args = ["-p", &port, "-q", "1", "-i", "full", "--spool", &spool];
    let program = sub(&["--store", &mongo.url()]).args(args);
    let program = disk.under(program).spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    publish(broker.port(), &["-q", "1", "-m", "1"]);
    arrive(&mongo, 1);
    disk.fill();
    publish(broker.port(), &["-q", "1", "-m", "2"]);
    let line = program.wait_for_stderr("reading from the broker stops");
    let expected = format!("iot-sub: spool `{spool}`: the disk is full; ");
    assert!(line.starts_with(&expected), "{line}");
    disk.heal();
    program.wait_for_stderr("can be written to again; reading goes on");
    arrive(&mongo, 2);
    assert_eq!(
        totals(program),
        "iot-sub: received 2, stored 2, rejected 0, spooled 0"
    );
    // What could not be committed was not acknowledged.
    let log = broker.log();
    let acknowledged = log.matches("Received PUBACK from full").count();
    assert_eq!(acknowledged, 2);
}

#[test]
fn a_spool_that_is_removed_is_told_and_what_was_in_it_is_delivered() {
    let broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let folder = tempfile::tempdir().unwrap();
    let spool = folder.path().join("s");
    let args = [
        "-q",
        "1",
        "-i",
        "x",
        "-c",
        "--spool",
        &spool.display().to_string(),
    ];
    let mut program = start(&broker, &mongo.url(), &args);
    flood(broker.port(), 0..10, "");
    eventually(DEADLINE, "all are acknowledged", || {
        broker.log().matches("Received PUBACK from x").count() == 10
    });
    for file in folder.path().read_dir().unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    publish(broker.port(), &["-q", "1", "-m", "10"]);
    let line = program.wait_for_stderr("was removed while it is in use");
    assert!(
        line.contains("nothing more is taken from the broker"),
        "{line}"
    );
    mongo.start_again();
    assert_eq!(program.wait().code(), Some(1));
    let last = format!(
        "iot-sub: spool `{}` was removed while it was in use; what was in it is delivered",
        spool.display()
    );
    assert_eq!(program.stderr().lines().last(), Some(&*last));
    assert_eq!(count(&mongo), 10);
    assert_eq!(broker.log().matches("Received PUBACK from x").count(), 10);
    // The next run gets what was not acknowledged.
    let program = sub(&["-p", &broker.port().to_string(), "--store", &mongo.url()])
        .args(args)
        .spawn();
    arrive(&mongo, 11);
    totals(program);
}

#[test]
fn bad_messages_are_spooled_and_kept_like_readings() {
    let broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let program = start(&broker, &mongo.url(), &["-q", "1", "--spool", "s"]);
    for payload in ["1", "hello", "{\"a\": [2]}"] {
        broker.mosquitto_pub(["-q", "1", "-t", "iot/x", "-m", payload]);
    }
    program.wait_for_stdout("{\"a\":[2]}");
    mongo.start_again();
    arrive(&mongo, 2);
    assert_eq!(
        totals(program),
        "iot-sub: received 3, stored 2, rejected 1, spooled 0"
    );
    let rejected = documents(&mongo, "sensors_rejected");
    assert_eq!(
        rejected[0].get_str("reason").unwrap(),
        "not a number or JSON"
    );
}

#[test]
fn a_store_that_does_not_let_us_in_is_told_and_held_against_nobody() {
    let broker = Broker::start();
    let mongo = Mongo::builder().args(["--auth"]).start();
    let program = start(
        &broker,
        &mongo.url(),
        &["-q", "1", "-i", "x", "--spool", "s"],
    );
    publish(broker.port(), &["-q", "1", "-m", "1"]);
    broker.wait_for_log("Received PUBACK from x", DEADLINE);
    let line = program.wait_for_stderr("takes nothing");
    assert!(line.contains("give a user in the URL"), "{line}");
    let stderr = leave(program);
    let last = stderr.lines().last().unwrap();
    assert_eq!(last, "iot-sub: received 1, stored 0, rejected 0, spooled 1");
}

#[test]
fn what_contradicts_a_spool_is_told() {
    for (args, expected) in [
        (
            &["--spool", "s", "--ack-after", "store"][..],
            "iot-sub: `--spool` cannot be used with `--ack-after` store, which uses no spool",
        ),
        (
            &["--spool", "s", "--store", "sqlite:x.db"],
            "iot-sub: `--spool` needs a MongoDB store (readings for a file are on this disk already)",
        ),
        (
            &["--spool-limit", "5M", "--store", "none"],
            "iot-sub: `--spool-limit` needs a spool (a MongoDB store, and not --ack-after store)",
        ),
        (
            &["--spool", "s", "--spool-limit", "5K"],
            "iot-sub: invalid value `5K` for `--spool-limit`: a spool needs 1MiB at least",
        ),
    ] {
        let mut program = sub(args).spawn();
        assert_eq!(program.wait().code(), Some(2));
        assert_eq!(program.stderr(), format!("{expected}\n"));
    }
}

/// Needs to mount a file system: as root, or where users may make namespaces of their own. `scripts/test` says where it
/// can't, and leaves this one out then.
#[test]
fn a_disk_is_not_filled_to_its_end_and_reading_goes_on_when_there_is_room() {
    const COUNT: u32 = 9_000;
    let broker = Broker::builder().config("max_queued_messages 0").start();
    let mut mongo = Mongo::reserve();
    let mount = ["-rm", "mount", "-t", "tmpfs", "none", "/tmp"];
    let mut mount = Program::new("unshare").args(mount).spawn();
    let mounts = mount.wait().success();
    let why = mount.stderr();
    assert!(mounts, "no file system can be mounted here: {why}");
    let folder = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=32m none \"$0\" && exec \"$@\"";
    let spool = folder.path().join("s").display().to_string();
    let program = Program::new("unshare")
        .args([
            "-rm",
            "sh",
            "-c",
            script,
            &folder.path().display().to_string(),
        ])
        .args([env!("CARGO_BIN_EXE_iot-sub")])
        .args(["-p", &broker.port().to_string(), "--store", &mongo.url()])
        .args(["-q", "1", "--spool", &spool])
        .spawn();
    broker.wait_for_log("Sending SUBACK", DEADLINE);
    flood(broker.port(), 0..COUNT, &"x".repeat(3_000));
    program.wait_for_stderr("leaves the last 16 MiB of its disk to others");
    // What found no room may have been received, and is not acknowledged.
    let acknowledged = broker.log().matches("Received PUBACK").count();
    assert!(acknowledged < COUNT as usize, "all were acknowledged");
    mongo.start_again();
    program.wait_for_stderr("has room again; reading goes on");
    arrive(&mongo, COUNT.into());
    assert_eq!(
        totals(program),
        format!("iot-sub: received {COUNT}, stored {COUNT}, rejected 0, spooled 0")
    );
}
