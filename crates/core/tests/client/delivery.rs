//! What is promised over cuts and restarts.

use testkit::{FaultyNet, Way};

use super::*;

/// Publishes numbers from 1 to `count` and waits for all of them, while `disturb` does its worst.
fn publish_all(client: &Client, count: u32, qos: i32, mut disturb: impl FnMut(u32)) {
    let sent: Vec<_> = (1..=count)
        .map(|number| {
            disturb(number);
            client.publish("t", number, qos, false).unwrap()
        })
        .collect();
    for sent in sent {
        sent.wait_for_publish(Some(DEADLINE)).unwrap();
    }
}

/// The numbers that arrive up to and with `last`, in their order.
fn numbers(witness: &Watched, last: u32) -> Vec<u32> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        if let Seen::Message(message) = witness.next() {
            numbers.push(
                std::str::from_utf8(&message.payload)
                    .unwrap()
                    .parse()
                    .unwrap(),
            );
        }
    }
    numbers
}

#[test]
fn qos_1_survives_a_broker_restart() {
    for protocol in BOTH {
        let mut broker = Broker::builder().persistent().start();
        let witness = Watched::subscribed(kept(protocol, "witness"), &broker, "t", 1);
        let watched = Watched::connected(kept(protocol, "a"), broker.port());
        publish_all(&watched.client, 300, 1, |number| {
            if number == 100 {
                broker.restart();
            }
        });
        let mut arrived = numbers(&witness, 300);
        arrived.dedup();
        arrived.sort_unstable();
        arrived.dedup();
        assert_eq!(arrived, (1..=300).collect::<Vec<_>>(), "{protocol}");
    }
}

#[test]
fn qos_1_survives_cuts_in_the_middle_of_packets() {
    for protocol in BOTH {
        let broker = Broker::start();
        let witness = Watched::subscribed(config_of(protocol, "witness"), &broker, "t", 1);
        let net = FaultyNet::to(broker.port());
        let watched = Watched::connected(config_of(protocol, "a"), net.port());
        publish_all(&watched.client, 200, 1, |number| {
            if number % 40 == 0 {
                net.drop_after(Way::ToServer, u64::from(number) + 3);
            } else if number % 40 == 20 {
                net.drop_after(Way::ToClient, u64::from(number) % 7);
            }
        });
        assert!(net.connections() > 3, "{}", net.connections());
        let mut arrived = numbers(&witness, 200);
        arrived.sort_unstable();
        arrived.dedup();
        assert_eq!(arrived, (1..=200).collect::<Vec<_>>(), "{protocol}");
    }
}

#[test]
fn qos_2_is_published_exactly_once_and_in_order_over_cuts() {
    for protocol in BOTH {
        let broker = Broker::start();
        let witness = Watched::subscribed(kept(protocol, "witness"), &broker, "t", 2);
        let net = FaultyNet::to(broker.port());
        let watched = Watched::connected(kept(protocol, "a"), net.port());
        publish_all(&watched.client, 200, 2, |number| {
            if number % 40 == 0 {
                net.drop_after(Way::ToServer, u64::from(number) + 3);
            } else if number % 40 == 20 {
                net.drop_after(Way::ToClient, u64::from(number) % 7);
            }
        });
        assert!(net.connections() > 3, "{}", net.connections());
        assert_eq!(
            numbers(&witness, 200),
            (1..=200).collect::<Vec<_>>(),
            "{protocol}"
        );
    }
}

#[test]
fn qos_2_is_received_exactly_once_and_in_order_over_cuts() {
    for protocol in BOTH {
        let broker = Broker::start();
        let net = FaultyNet::to(broker.port());
        let witness = Watched::new(kept(protocol, "witness"));
        witness.connect(net.port());
        witness.client.loop_start().unwrap();
        assert_eq!(witness.connect_seen().1, 0);
        witness.client.subscribe("t", 2).unwrap();
        broker.wait_for_log("Sending SUBACK to witness", DEADLINE);
        let watched = Watched::connected(kept(protocol, "a"), broker.port());
        publish_all(&watched.client, 200, 2, |number| {
            if number % 40 == 0 {
                net.drop_after(Way::ToClient, u64::from(number) + 3);
            } else if number % 40 == 20 {
                net.drop_after(Way::ToServer, u64::from(number) % 7);
            }
        });
        assert_eq!(
            numbers(&witness, 200),
            (1..=200).collect::<Vec<_>>(),
            "{protocol}"
        );
        assert!(net.connections() > 3, "{}", net.connections());
    }
}
