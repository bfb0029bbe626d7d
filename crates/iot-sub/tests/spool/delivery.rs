//! Acknowledged messages reach MongoDB, whatever fails in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use testkit::{Broker, DEADLINE, FaultyNet, Mongo, Way, eventually};

use crate::common::{Flood, documents, publish, start, sub};
use crate::fixture::{WINDOW, arrive, count, flood, leave, leave_in, totals, values};

#[test]
fn what_comes_before_mongodb_does_is_acknowledged_at_once_and_stored_later() {
    let broker = Broker::start();
    let mut mongo = Mongo::reserve();
    let program = start(&broker, &mongo.url(), &["-q", "1", "-i", "early"]);
    publish(broker.port(), &["-q", "1", "-m", "7"]);
    broker.wait_for_log("Received PUBACK from early", DEADLINE);
    let line = program.wait_for_stderr("waiting for store");
    assert!(line.ends_with("; messages are kept in the spool"), "{line}");
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
            &format!("iot-sub: messages in the spool `{spool}`: 50 (the next run delivers them)")
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
            let mut flood = Flood::start(port, WINDOW);
            while !stop.load(Ordering::Relaxed) {
                let number = published.fetch_add(1, Ordering::Relaxed);
                flood.publish("iot/flood", number.to_string(), 1);
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
    // Beyond 20 at a time: without a limit of its queue, mosquitto doesn't wait for
    // acknowledgements.
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
    let mut flood = Flood::start(broker.port(), WINDOW);
    let mut published = 0_u32;
    // The request goes through, its reply gets lost. Some cuts hit the driver's own questions
    // instead, so there are many.
    eventually(DEADLINE, "a lost reply is noticed", || {
        for _ in 0..500 {
            flood.publish("iot/flood", published.to_string(), 1);
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
    // The disconnect does not wait.
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
fn a_store_that_refuses_the_user_is_reported_and_nothing_is_lost() {
    let broker = Broker::start();
    let mongo = Mongo::builder().args(["--auth"]).start();
    let program = start(
        &broker,
        &mongo.url(),
        &["-q", "1", "-i", "x", "--spool", "s"],
    );
    publish(broker.port(), &["-q", "1", "-m", "1"]);
    broker.wait_for_log("Received PUBACK from x", DEADLINE);
    let line = program.wait_for_stderr("refuses to write");
    assert!(line.contains("give a user in the URL"), "{line}");
    let stderr = leave(program);
    let last = stderr.lines().last().unwrap();
    assert_eq!(last, "iot-sub: received 1, stored 0, rejected 0, spooled 1");
}
