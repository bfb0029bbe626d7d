//! What is promised over cuts and restarts.

use testkit::{FaultyNet, Way};

use super::*;

/// Messages of a round, and how many rounds there are, each with its cut.
const ROUND: u32 = 20;
const ROUNDS: u32 = 12;

/// Publishes the numbers of a round and waits for all of them.
fn publish_round(client: &Client, round: u32, qos: i32) {
    let sent: Vec<_> = (round * ROUND..(round + 1) * ROUND)
        .map(|number| client.publish("t", number, qos, false).unwrap())
        .collect();
    for sent in sent {
        sent.wait_for_publish(Some(DEADLINE)).unwrap();
    }
}

/// Cuts the connection of this round somewhere, mostly within a packet.
fn cut(net: &FaultyNet, round: u32) {
    let way = [Way::ToServer, Way::ToClient][round as usize % 2];
    net.drop_after(way, u64::from(round * 37 % 120));
}

/// The numbers that arrive, in their order, up to and with the last of a round.
fn numbers(witness: &Watched, round: u32) -> Vec<u32> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&((round + 1) * ROUND - 1)) {
        if let Seen::Message(message) = witness.next() {
            let text = std::str::from_utf8(&message.payload).unwrap();
            numbers.push(text.parse().unwrap());
        }
    }
    numbers
}

fn all() -> Vec<u32> {
    (0..ROUNDS * ROUND).collect()
}

#[track_caller]
fn at_least_once(mut arrived: Vec<u32>) {
    arrived.sort_unstable();
    arrived.dedup();
    assert_eq!(arrived, all());
}

#[test]
fn qos_1_survives_broker_restarts() {
    for protocol in ALL {
        let mut broker = Broker::builder().persistent().start();
        let witness = Watched::subscribed(kept(protocol, "witness"), &broker, "t", 1);
        let watched = Watched::connected(kept(protocol, "a"), broker.port());
        for round in 0..ROUNDS {
            let client = watched.client.clone();
            let publisher = std::thread::spawn(move || publish_round(&client, round, 1));
            if round % 4 == 1 {
                broker.restart();
            }
            in_time(move || publisher.join()).unwrap();
        }
        at_least_once(numbers(&witness, ROUNDS - 1));
    }
}

#[test]
fn qos_1_survives_cuts_in_the_middle_of_packets() {
    for protocol in ALL {
        let broker = Broker::start();
        let witness = Watched::subscribed(config_of(protocol, "witness"), &broker, "t", 1);
        let net = FaultyNet::to(broker.port());
        let watched = Watched::connected(config_of(protocol, "a"), net.port());
        for round in 0..ROUNDS {
            cut(&net, round);
            publish_round(&watched.client, round, 1);
        }
        assert!(net.connections() > 6, "{}", net.connections());
        at_least_once(numbers(&witness, ROUNDS - 1));
    }
}

#[test]
fn qos_2_is_published_exactly_once_and_in_order_over_cuts() {
    for protocol in BOTH {
        let broker = Broker::start();
        let witness = Watched::subscribed(kept(protocol, "witness"), &broker, "t", 2);
        let net = FaultyNet::to(broker.port());
        let watched = Watched::connected(kept(protocol, "a"), net.port());
        for round in 0..ROUNDS {
            cut(&net, round);
            publish_round(&watched.client, round, 2);
        }
        assert!(net.connections() > 6, "{}", net.connections());
        assert_eq!(numbers(&witness, ROUNDS - 1), all(), "{protocol}");
    }
}

#[test]
fn qos_2_is_received_exactly_once_and_in_order_over_cuts() {
    for protocol in BOTH {
        let broker = Broker::start();
        let net = FaultyNet::to(broker.port());
        let witness = Watched::connected(kept(protocol, "witness"), net.port());
        witness.client.subscribe("t", 2).unwrap();
        broker.wait_for_log("Sending SUBACK to witness", DEADLINE);
        let watched = Watched::connected(kept(protocol, "a"), broker.port());
        let mut arrived = Vec::new();
        for round in 0..ROUNDS {
            cut(&net, round);
            publish_round(&watched.client, round, 2);
            arrived.extend(numbers(&witness, round));
            // mosquitto 2.0.11 that is cut off twice while it sends PUBRELs again sends the rest of
            // those messages again as PUBLISH: so the next cut waits for the end of this round.
            let last = (round + 1) * ROUND;
            broker.wait_for_log(
                &format!("Received PUBCOMP from witness (Mid: {last},"),
                DEADLINE,
            );
        }
        assert_eq!(arrived, all(), "{protocol}");
        assert!(net.connections() > 6, "{}", net.connections());
    }
}

/// The client cannot know whether the broker has the session: it rather sends a message twice than
/// loses it.
#[test]
fn on_mqtt_3_1_qos_2_is_published_at_least_once_over_cuts() {
    let broker = Broker::start();
    let witness = Watched::subscribed(kept(Protocol::V31, "witness"), &broker, "t", 2);
    let net = FaultyNet::to(broker.port());
    let watched = Watched::connected(kept(Protocol::V31, "a"), net.port());
    for round in 0..ROUNDS {
        cut(&net, round);
        publish_round(&watched.client, round, 2);
    }
    assert!(net.connections() > 6, "{}", net.connections());
    at_least_once(numbers(&witness, ROUNDS - 1));
}

#[test]
fn on_mqtt_3_1_qos_2_is_received_at_least_once_over_cuts() {
    let broker = Broker::start();
    let net = FaultyNet::to(broker.port());
    let witness = Watched::connected(kept(Protocol::V31, "witness"), net.port());
    witness.client.subscribe("t", 2).unwrap();
    broker.wait_for_log("Sending SUBACK to witness", DEADLINE);
    let watched = Watched::connected(kept(Protocol::V31, "a"), broker.port());
    let mut arrived = Vec::new();
    for round in 0..ROUNDS {
        cut(&net, round);
        publish_round(&watched.client, round, 2);
        arrived.extend(numbers(&witness, round));
    }
    assert!(net.connections() > 6, "{}", net.connections());
    at_least_once(arrived);
}
