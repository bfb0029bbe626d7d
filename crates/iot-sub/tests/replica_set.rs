//! A replica set whose primary is killed, frozen or steps down: every reading is stored, and none
//! twice.

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::interrupt;
use iot_core::{Client, ClientConfig};
use mongodb::bson::{Document, doc};
use testkit::{Broker, DEADLINE, MongoSet, eventually};

/// How long a set without a majority, and a batch that waits for one, may take on a loaded machine.
const ELECTION_TIMEOUT: Duration = Duration::from_mins(2);

/// How often the set has each value.
fn values(set: &MongoSet) -> HashMap<u64, u32> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = mongodb::Client::with_uri_str(set.url())
            .await
            .expect("a client");
        let collection = client
            .database("iot_service")
            .collection::<Document>("sensors");
        let mut cursor = collection.find(doc! {}).await.expect("a cursor");
        let mut values = HashMap::new();
        while cursor.advance().await.expect("the next document") {
            let value = cursor.current().get_f64("value").expect("a number");
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the test's own numbers"
            )]
            let value = value as u64;
            *values.entry(value).or_default() += 1;
        }
        values
    })
}

/// Publishes numbers with QoS 1, one after the other, until told to stop; returns how many.
fn publish_until(port: u16, stop: Arc<AtomicBool>) -> thread::JoinHandle<u64> {
    thread::spawn(move || {
        let client = Client::new(ClientConfig::default(), ()).expect("a client");
        client
            .connect("127.0.0.1", port, Duration::from_secs(60), None)
            .expect("a broker");
        client.loop_start().expect("a loop");
        let mut number = 0_u64;
        while !stop.load(Ordering::Relaxed) {
            let infos: Vec<_> = (0..10)
                .map(|i| {
                    let payload = (number + i).to_string();
                    client
                        .publish("iot/flood", payload, 1, false)
                        .expect("room")
                })
                .collect();
            number += 10;
            for info in infos {
                info.wait_for_publish(Some(DEADLINE)).expect("a PUBACK");
            }
        }
        client.disconnect().expect("a connection");
        client.loop_stop().expect("a loop");
        number
    })
}

#[test]
fn through_kill_step_down_and_freeze_of_the_primary_all_is_stored_once() {
    // Else it drops what comes faster than iot-sub takes it.
    let broker = Broker::builder().config("max_queued_messages 0").start();
    let mut set = MongoSet::start();
    let program = common::start(&broker, &set.url(), &["-q", "1", "--ack-after", "spool"]);
    let stop = Arc::new(AtomicBool::new(false));
    let publisher = publish_until(broker.port(), Arc::clone(&stop));
    // Each fault strikes while readings arrive, and more must have arrived before the next one.
    let flowing = |set: &MongoSet| {
        let before = values(set).len();
        eventually(ELECTION_TIMEOUT, "readings arrive", || {
            values(set).len() > before + 100
        });
    };
    flowing(&set);

    let killed = set.primary();
    set.node(killed).kill();
    flowing(&set);
    set.node(killed).start_again();
    set.wait_until_whole();

    set.step_down();
    flowing(&set);
    set.wait_until_whole();

    let frozen = set.primary();
    set.node(frozen).freeze();
    eventually(ELECTION_TIMEOUT, "another primary", || {
        set.primary() != frozen
    });
    flowing(&set);
    set.node(frozen).thaw();
    flowing(&set);

    stop.store(true, Ordering::Relaxed);
    let total = publisher.join().expect("a publisher");
    // However many they are: as long as more is stored, nothing is stuck.
    let mut stored = 0;
    while stored < total {
        eventually(ELECTION_TIMEOUT, "more is stored, or everything", || {
            let before = std::mem::replace(&mut stored, values(&set).len() as u64);
            stored > before || stored == total
        });
    }
    assert_eq!(stored, total);
    let totals = interrupt(program);
    assert_eq!(
        totals,
        format!("iot-sub: received {total}, stored {total}, rejected 0, spooled 0")
    );
    let values = values(&set);
    assert!(values.values().all(|&times| times == 1), "{values:?}");
    assert_eq!(values.keys().max(), Some(&(total - 1)));
}
