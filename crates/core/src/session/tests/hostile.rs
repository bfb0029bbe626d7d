//! A broker that sends anything at any time: the session doesn't panic, and its memory is bounded.

use super::*;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// A random packet. Packet identifiers are few, so that they collide.
fn any_packet(rng: &mut StdRng) -> Incoming {
    let ack = |rng: &mut StdRng| {
        let reason = [0, 0, 0, 0x10, 0x80, 0x92, 0x97][rng.random_range(0..7)];
        Ack::with_reason(id(rng.random_range(1..8)), ReasonCode(reason))
    };
    let answer = |rng: &mut StdRng| SubscribeAck {
        id: id(rng.random_range(1..8)),
        reasons: vec![ReasonCode(0)],
        properties: None,
    };
    match rng.random_range(0..16) {
        0 => Incoming::ConnAck(connack(rng.random())),
        1 => Incoming::Disconnect(Disconnect {
            reason: ReasonCode(rng.random()),
            properties: None,
        }),
        2 => auth(rng.random(), [None, Some("m")][rng.random_range(0..2)]),
        3 => Incoming::PingResp,
        4 => Incoming::SubAck(answer(rng)),
        5 => Incoming::UnsubAck(answer(rng)),
        6 | 7 => Incoming::PubAck(ack(rng)),
        8 | 9 => Incoming::PubRec(ack(rng)),
        10 => Incoming::PubComp(ack(rng)),
        11 | 12 => Incoming::PubRel(ack(rng)),
        _ => {
            let qos = rng.random_range(0..3);
            let mut publish = publish(qos, rng.random_range(1..8), "x");
            publish.dup = rng.random();
            if rng.random_ratio(1, 8) {
                publish.topic = None;
            }
            if rng.random_ratio(1, 4) {
                publish.properties = Some(Box::new(Properties {
                    topic_alias: Some(rng.random_range(0..4)),
                    ..Properties::default()
                }));
            }
            Incoming::Publish(publish)
        }
    }
}

/// One session, with random calls of its owner and random packets of the broker.
fn random_run(seed: u64, config: ClientConfig) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut bench = Bench::offline(ClientConfig {
        max_inflight: 3,
        max_queued: 6,
        receive_maximum: 5,
        topic_alias_maximum: 2,
        ..config
    });
    let mut acks = Vec::new();
    let mut releases = Vec::new();
    let mut accepted = 0;
    let mut finished = 0;
    let mut open = false;
    for _ in 0..400 {
        let mut result = Ok(());
        match rng.random_range(0..20) {
            0 | 1 if !open => {
                open = true;
                bench.session.open(bench.now);
                if rng.random_ratio(9, 10) {
                    result = bench.handle(Incoming::ConnAck(connack(rng.random())));
                }
            }
            2 if open => result = Err(Error::Closed),
            3 => {
                bench.session.disconnect_normally();
            }
            4 => {
                bench.now += Duration::from_secs(rng.random_range(0..90));
                result = bench.session.tick(bench.now);
            }
            5 => bench.session.set_reading(rng.random(), bench.now),
            6..=8 => {
                let message = message(rng.random_range(0..3), "y");
                let counted = message.qos != QoS::AtMostOnce;
                if bench.session.publish(message, rng.random()).is_ok() && counted {
                    accepted += 1;
                }
            }
            9 if !acks.is_empty() => {
                let token = acks.swap_remove(rng.random_range(0..acks.len()));
                bench.session.ack(&token);
            }
            10 if !releases.is_empty() => {
                let at = rng.random_range(0..releases.len());
                bench.session.release(&releases[at]);
            }
            11 => bench.session.hold([held(rng.random_range(1..8), "a")]),
            12 => {
                bench.sent();
            }
            13 => bench.session.acknowledge_taken(),
            14 => {
                let filter = TopicFilter::new("a").unwrap();
                let _ = bench.session.unsubscribe(vec![filter]);
            }
            _ => result = bench.handle(any_packet(&mut rng)),
        }
        while let Some(event) = bench.session.poll_event() {
            match event {
                Event::Received { token, .. } => acks.extend(token),
                Event::Released { token, .. } => releases.push(token),
                Event::Published { result, .. } => {
                    // Only tracked messages with QoS 0 end with the connection; they are not
                    // counted.
                    let closed =
                        matches!(result, Err(Error::Closed | Error::ServerDisconnect { .. }));
                    finished += i32::from(!closed);
                }
                _ => {}
            }
        }
        if let Err(error) = result {
            bench.session.disconnect_after(&error);
            if open {
                open = false;
                bench.session.close(Err(Error::Closed));
            }
        }
        let left = bench.session.unacknowledged();
        assert!(left <= 6, "{left} are queued");
        assert!(
            finished <= accepted && accepted - finished == i32::try_from(left).unwrap(),
            "seed {seed}: {accepted} accepted, {finished} finished, {left} left"
        );
    }
}

#[test]
fn counts_are_right_after_any_order_of_events() {
    for seed in 0..500 {
        random_run(seed, v311());
        random_run(seed, v5());
        random_run(seed, manual(v5()));
    }
}

/// The connection breaks after any packet of either direction; the application gets each message
/// once.
#[test]
fn qos_2_arrives_exactly_once_wherever_the_connection_breaks() {
    for seed in 0..300 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut publisher = Bench::offline(ClientConfig {
            max_inflight: 3,
            ..v311()
        });
        publisher.publish_many(2, 10);
        let mut receiver = Bench::offline(v311());
        let mut taken: Vec<String> = Vec::new();
        let mut first = true;
        while publisher.session.unacknowledged() > 0 {
            // A connection between the two, which breaks after some packets.
            for bench in [&mut publisher, &mut receiver] {
                if !first {
                    bench.lose();
                }
                bench.connect(!first);
            }
            first = false;
            let mut left = rng.random_range(0..12);
            loop {
                let before = left;
                relay(&mut publisher, &mut receiver, &mut left);
                while let Some(event) = receiver.session.poll_event() {
                    if let Event::Received { message, .. } = event {
                        taken.push(message_text(&message));
                    }
                }
                receiver.session.acknowledge_taken();
                relay(&mut receiver, &mut publisher, &mut left);
                if left == 0 || left == before {
                    break;
                }
            }
            publisher.events();
        }
        let payloads: Vec<_> = taken
            .iter()
            .map(|text| text.split_once('=').unwrap().1)
            .collect();
        let expected: Vec<_> = (1..=10).map(|n| n.to_string()).collect();
        assert_eq!(payloads, expected, "seed {seed}");
    }
}

/// Delivers packets as a broker between the two would, until the connection breaks.
fn relay(from: &mut Bench, to: &mut Bench, left: &mut u32) {
    while *left > 0
        && let Some(packet) = from.session.poll_transmit(from.now)
    {
        *left -= 1;
        let packet = match packet {
            Outgoing::Publish(message) => Incoming::Publish(Publish {
                topic: Some(message.topic),
                payload: message.payload,
                qos: message.qos,
                retain: message.retain,
                dup: message.dup,
                packet_id: message.packet_id,
                properties: None,
            }),
            Outgoing::PubRec(ack) => Incoming::PubRec(ack),
            Outgoing::PubRel(ack) => Incoming::PubRel(ack),
            Outgoing::PubComp(ack) => Incoming::PubComp(ack),
            other => panic!("{other:?}"),
        };
        to.handle(packet).unwrap();
    }
}

#[test]
fn random_frames_never_panic() {
    let mut rng = StdRng::seed_from_u64(7);
    for config in [v311(), v5()] {
        for _ in 0..20_000 {
            let mut bench = Bench::online(config.clone());
            let mut input = bytes::BytesMut::new();
            let len = rng.random_range(0..40);
            input.resize(len, 0);
            rng.fill_bytes(&mut input);
            let codec = bench.session.codec();
            while let Ok(Some(packet)) = codec.decode(&mut input) {
                if bench.handle(packet).is_err() {
                    break;
                }
            }
            bench.events_acknowledged();
            bench.sent();
        }
    }
}
