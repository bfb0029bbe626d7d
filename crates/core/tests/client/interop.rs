//! The same behaviours on brokers of different makes: mosquitto, the one inside `iot-sub`, and
//! nats-server; each on all versions of the protocol that the make speaks. What a make doesn't have
//! is [`Make::lacks`], and tested to be lacking.

use iot_core::{Properties, QoS, SubscribeAck, TopicName};
use tempfile::TempDir;
use testkit::{FaultyNet, Nats, Program, Running};

use super::*;

/// `iot-sub --embedded`, with its files.
struct Embedded {
    program: Running,
    port: u16,
    folder: TempDir,
}

impl Embedded {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let (program, port) = Self::run(&folder, 0);
        Self {
            program,
            port,
            folder,
        }
    }

    /// Runs it on a port, 0 for any that is free.
    fn run(folder: &TempDir, port: u16) -> (Running, u16) {
        let store = folder.path().join("store.db");
        let program = Program::new(testkit::program("iot-sub"))
            .args(["--embedded", "--listen", &format!("127.0.0.1:{port}")])
            .args(["--store", &format!("sqlite:{}", store.display())])
            .spawn();
        let line = program.wait_for_stderr("broker listens on");
        let port = line.rsplit_once(':').unwrap().1.parse().unwrap();
        (program, port)
    }

    fn restart(&mut self) {
        self.program.terminate();
        self.program.wait();
        self.program = Self::run(&self.folder, self.port).0;
    }
}

/// A broker of some make.
enum Make {
    Mosquitto(Broker),
    Embedded(Embedded),
    Nats(Nats),
}

/// What a broker may have or not.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gift {
    Mqtt31,
    Mqtt5,
    Qos2,
    SharedSubscriptions,
}

impl Make {
    /// The one list of exceptions.
    fn lacks(&self) -> &'static [Gift] {
        match self {
            Self::Mosquitto(_) => &[],
            Self::Embedded(_) => &[Gift::Mqtt31],
            Self::Nats(_) => &[
                Gift::Mqtt31,
                Gift::Mqtt5,
                Gift::Qos2,
                Gift::SharedSubscriptions,
            ],
        }
    }

    fn has(&self, gift: Gift) -> bool {
        !self.lacks().contains(&gift)
    }

    /// The versions that it speaks.
    fn protocols(&self) -> Vec<Protocol> {
        let speaks = |protocol: &Protocol| match protocol {
            Protocol::V31 => self.has(Gift::Mqtt31),
            Protocol::V311 => true,
            Protocol::V5 => self.has(Gift::Mqtt5),
        };
        ALL.into_iter().filter(speaks).collect()
    }

    /// The highest QoS that it has.
    fn qos(&self) -> i32 {
        1 + i32::from(self.has(Gift::Qos2))
    }

    fn port(&self) -> u16 {
        match self {
            Self::Mosquitto(broker) => broker.port(),
            Self::Embedded(embedded) => embedded.port,
            Self::Nats(nats) => nats.port(),
        }
    }

    fn restart(&mut self) {
        match self {
            Self::Mosquitto(broker) => broker.restart(),
            Self::Embedded(embedded) => embedded.restart(),
            Self::Nats(nats) => nats.restart(),
        }
    }
}

fn makes() -> [Make; 3] {
    let mosquitto = Broker::builder().persistent().start();
    [
        Make::Mosquitto(mosquitto),
        Make::Embedded(Embedded::start()),
        Make::Nats(Nats::start()),
    ]
}

/// Subscribes and waits for the answer, which each make gives in its own time.
fn subscribe(watched: &Watched, filter: &str, qos: i32) -> SubscribeAck {
    let (report, answer) = mpsc::channel();
    watched.client.on_subscribe(move |_, (), _, ack| {
        let _ = report.send(ack.clone());
    });
    watched.client.subscribe(filter, qos).unwrap();
    answer.recv_timeout(DEADLINE).unwrap()
}

/// Runs a behaviour on each make and each version that it speaks.
fn on_each(behaviour: impl Fn(&Make, Protocol)) {
    for make in makes() {
        for protocol in make.protocols() {
            behaviour(&make, protocol);
        }
    }
}

#[test]
fn messages_arrive_with_their_payload_and_qos() {
    on_each(|make, protocol| {
        let watched = Watched::connected(config_of(protocol, "a"), make.port());
        let highest = make.qos();
        let ack = subscribe(&watched, "iot/+/temp", highest);
        let granted = QoS::try_from(highest).unwrap();
        assert!(ack.granted().eq([Ok(granted)]));
        for qos in 0..=highest {
            for payload in ["25.5", "", &"x".repeat(200_000)] {
                let sent = watched.client.publish("iot/home/temp", payload, qos, false);
                sent.unwrap().wait_for_publish(Some(DEADLINE)).unwrap();
                let message = watched.message();
                assert_eq!(message.topic.as_str(), "iot/home/temp");
                let other = { message.payload.iter().zip(payload.as_bytes()) }
                    .position(|(one, two)| one != two);
                assert!(
                    message.payload == payload,
                    "{protocol:?}, QoS {qos}: {} bytes instead of {}, other ones from {other:?} on",
                    message.payload.len(),
                    payload.len(),
                );
                assert_eq!(i32::from(message.qos as u8), qos);
            }
        }
        watched.end();
        assert!(watched.disconnect_seen().is_ok());
    });
}

/// The acknowledgement of a message and the message itself arrive at the same time.
#[test]
fn a_large_message_is_whole_beside_its_acknowledgement() {
    on_each(|make, protocol| {
        let watched = Watched::connected(config_of(protocol, "a"), make.port());
        subscribe(&watched, "iot/large", 1);
        for number in 0..50 {
            let payload = number.to_string().repeat(100_000);
            let sent = watched
                .client
                .publish("iot/large", payload.as_str(), 1, false);
            sent.unwrap().wait_for_publish(Some(DEADLINE)).unwrap();
            assert!(
                watched.message().payload == payload.as_str(),
                "{protocol:?}, message {number}"
            );
        }
        watched.end();
        assert!(watched.disconnect_seen().is_ok());
    });
}

/// A peer that passes although it is listed as an exception fails the test.
#[test]
fn what_a_make_lacks_it_says() {
    for make in makes() {
        for (gift, protocol) in [(Gift::Mqtt31, Protocol::V31), (Gift::Mqtt5, Protocol::V5)] {
            if make.has(gift) {
                continue;
            }
            let watched = Watched::new(ClientConfig {
                reconnect_delay: (LONG, LONG),
                ..config_of(protocol, "a")
            });
            watched.connect(make.port());
            watched.client.loop_start().unwrap();
            match watched.next() {
                Seen::Connect { rc, .. } => assert!(!rc.is_accepted(), "{protocol}"),
                Seen::Disconnect(result) => drop(result.expect_err("not taken")),
                other => panic!("{other:?}"),
            }
        }
        if !make.has(Gift::Qos2) {
            let watched = Watched::connected(config("a"), make.port());
            let ack = subscribe(&watched, "t", 2);
            assert!(ack.granted().eq([Ok(QoS::AtLeastOnce)]));
        }
        if !make.has(Gift::SharedSubscriptions) {
            // It is a filter like any other there.
            let watched = Watched::connected(config("b"), make.port());
            subscribe(&watched, "$share/g/one", 1);
            subscribe(&watched, "two", 1);
            for topic in ["one", "two"] {
                watched.client.publish(topic, topic, 1, false).unwrap();
            }
            assert_eq!(watched.text(), "two");
        }
    }
}

#[test]
fn a_shared_subscription_gives_each_message_to_one() {
    on_each(|make, protocol| {
        if !make.has(Gift::SharedSubscriptions) {
            return;
        }
        let both = ["first", "second"].map(|id| {
            let watched = Watched::connected(config_of(protocol, id), make.port());
            subscribe(&watched, "$share/g/t", 1);
            watched
        });
        for number in 0..10 {
            both[0].client.publish("t", number, 1, false).unwrap();
        }
        let mut counts = [0, 0];
        testkit::eventually(DEADLINE, "each message once", || {
            for (count, watched) in counts.iter_mut().zip(&both) {
                *count += watched.seen.try_iter().count();
            }
            counts[0] + counts[1] == 10
        });
        assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
    });
}

#[test]
fn qos_2_survives_cuts_and_arrives_once() {
    for make in makes() {
        if !make.has(Gift::Qos2) {
            continue;
        }
        let witness = Watched::connected(config("witness"), make.port());
        subscribe(&witness, "t", 2);
        let net = FaultyNet::to(make.port());
        let watched = Watched::connected(kept(Protocol::V311, "a"), net.port());
        for round in 0..5 {
            net.drop_after(testkit::Way::ToServer, 30 + 7 * round);
            let first = u32::try_from(round).unwrap() * 10;
            let sent: Vec<_> = (first..first + 10)
                .map(|number| watched.client.publish("t", number, 2, false).unwrap())
                .collect();
            for sent in sent {
                sent.wait_for_publish(Some(DEADLINE)).unwrap();
            }
        }
        for number in 0..50 {
            assert_eq!(witness.text(), number.to_string());
        }
    }
}

#[test]
fn mqtt_5_properties_travel() {
    for make in makes() {
        if !make.has(Gift::Mqtt5) {
            continue;
        }
        let watched = Watched::connected(config_of(Protocol::V5, "a"), make.port());
        subscribe(&watched, "t", 1);
        let properties = Properties {
            content_type: Some("text/plain".into()),
            response_topic: Some("answers".into()),
            correlation_data: Some("17".into()),
            user_properties: vec![("k".into(), "v".into()), ("k".into(), "w".into())],
            ..Properties::default()
        };
        let message = Message::new(TopicName::new("t").unwrap(), "x")
            .with_qos(QoS::AtLeastOnce)
            .with_properties(properties.clone());
        watched.client.publish_message(message).unwrap();
        let mut arrived = *watched.message().properties.unwrap();
        // The embedded broker adds the sender.
        arrived.user_properties.retain(|(name, _)| name == "k");
        assert_eq!(arrived, properties);
    }
}

#[test]
fn unsubscribing_ends_the_messages() {
    on_each(|make, protocol| {
        let watched = Watched::connected(config_of(protocol, "a"), make.port());
        subscribe(&watched, "one", 1);
        subscribe(&watched, "two", 1);
        let (report, answer) = mpsc::channel();
        watched
            .client
            .on_unsubscribe(move |_, (), mid, _| report.send(mid).unwrap());
        let mid = watched.client.unsubscribe("one").unwrap();
        assert_eq!(answer.recv_timeout(DEADLINE).unwrap(), mid);
        for topic in ["one", "two"] {
            watched.client.publish(topic, topic, 1, false).unwrap();
        }
        assert_eq!(watched.text(), "two");
    });
}

#[test]
fn a_retained_message_waits_for_later_subscribers() {
    on_each(|make, protocol| {
        let watched = Watched::connected(config_of(protocol, "a"), make.port());
        let kept = watched.client.publish("kept", "25.5", 1, true).unwrap();
        kept.wait_for_publish(Some(DEADLINE)).unwrap();
        subscribe(&watched, "kept", 1);
        let message = watched.message();
        assert_eq!((&message.payload[..], message.retain), (&b"25.5"[..], true));
    });
}

#[test]
fn the_will_of_a_lost_client_is_published() {
    on_each(|make, protocol| {
        let witness = Watched::connected(config_of(protocol, "witness"), make.port());
        subscribe(&witness, "will", 1);
        let net = FaultyNet::to(make.port());
        let watched = Watched::new(ClientConfig {
            reconnect_delay: (LONG, LONG),
            ..config_of(protocol, "a")
        });
        watched.client.will_set("will", "gone", 1, false).unwrap();
        watched.connect(net.port());
        watched.client.loop_start().unwrap();
        assert_eq!(watched.connect_seen(), (false, 0));
        net.cut();
        assert_eq!(witness.text(), "gone");
    });
}

/// Each make with each version that tells whether a session is there.
fn telling() -> impl Iterator<Item = (Make, Protocol)> {
    BOTH.into_iter().flat_map(|protocol| {
        let makes = makes().into_iter();
        let speaking = makes.filter(move |make| make.protocols().contains(&protocol));
        speaking.map(move |make| (make, protocol))
    })
}

#[test]
fn a_kept_session_has_what_came_meanwhile() {
    for (mut make, protocol) in telling() {
        let watched = Watched::connected(kept(protocol, "a"), make.port());
        subscribe(&watched, "t", 1);
        watched.end();
        let other = Watched::connected(config_of(protocol, "other"), make.port());
        for number in 0..5 {
            let sent = other.client.publish("t", number, 1, false).unwrap();
            sent.wait_for_publish(Some(DEADLINE)).unwrap();
        }
        other.end();
        make.restart();
        let watched = Watched::new(kept(protocol, "a"));
        watched.connect(make.port());
        watched.client.loop_start().unwrap();
        assert_eq!(watched.connect_seen(), (true, 0));
        for number in 0..5 {
            assert_eq!(watched.text(), number.to_string());
        }
    }
}

#[test]
fn qos_1_survives_cuts() {
    on_each(|make, protocol| {
        let witness = Watched::connected(config_of(protocol, "witness"), make.port());
        subscribe(&witness, "t", 1);
        let net = FaultyNet::to(make.port());
        let watched = Watched::connected(config_of(protocol, "a"), net.port());
        for round in 0..5 {
            net.drop_after(testkit::Way::ToServer, 30 + 7 * round);
            let sent: Vec<_> = (0..10)
                .map(|number| {
                    let number = u32::try_from(round).unwrap() * 10 + number;
                    watched.client.publish("t", number, 1, false).unwrap()
                })
                .collect();
            for sent in sent {
                sent.wait_for_publish(Some(DEADLINE)).unwrap();
            }
        }
        let mut missing: std::collections::BTreeSet<u32> = (0..50).collect();
        while !missing.is_empty() {
            missing.remove(&witness.text().parse().unwrap());
        }
    });
}

#[test]
fn manual_acknowledgement_holds_back_what_comes_again() {
    for (make, protocol) in telling() {
        let config = || ClientConfig {
            manual_ack: true,
            ..kept(protocol, "a")
        };
        let watched = Watched::connected(config(), make.port());
        subscribe(&watched, "t", 1);
        watched.client.publish("t", "once more", 1, false).unwrap();
        assert_eq!(watched.text(), "once more");
        watched.end();
        let watched = Watched::new(config());
        watched.connect(make.port());
        watched.client.loop_start().unwrap();
        assert_eq!(watched.connect_seen(), (true, 0));
        let message = watched.message();
        assert_eq!(&message.payload[..], b"once more");
        let id = message.packet_id.unwrap();
        watched.client.ack(id, message.qos).unwrap();
        watched.end();
    }
}
