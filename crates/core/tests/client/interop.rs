//! The same behaviours on brokers of different makes: mosquitto, the one inside `iot-sub`, and
//! nats-server, which speaks MQTT 3.1.1 with QoS 0 and 1.

use iot_core::{QoS, SubscribeAck};
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

impl Make {
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

#[test]
fn messages_arrive_with_their_payload_and_qos() {
    for make in makes() {
        let watched = Watched::connected(config("a"), make.port());
        let ack = subscribe(&watched, "iot/+/temp", 1);
        assert!(ack.granted().eq([Ok(QoS::AtLeastOnce)]));
        for qos in 0..=1 {
            for payload in ["25.5", "", &"x".repeat(200_000)] {
                let sent = watched.client.publish("iot/home/temp", payload, qos, false);
                sent.unwrap().wait_for_publish(Some(DEADLINE)).unwrap();
                let message = watched.message();
                assert_eq!(message.topic.as_str(), "iot/home/temp");
                assert!(
                    message.payload == payload,
                    "{} bytes",
                    message.payload.len()
                );
                assert_eq!(i32::from(message.qos as u8), qos);
            }
        }
        watched.end();
        assert!(watched.disconnect_seen().is_ok());
    }
}

#[test]
fn unsubscribing_ends_the_messages() {
    for make in makes() {
        let watched = Watched::connected(config("a"), make.port());
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
    }
}

#[test]
fn a_retained_message_waits_for_later_subscribers() {
    for make in makes() {
        let watched = Watched::connected(config("a"), make.port());
        let kept = watched.client.publish("kept", "25.5", 1, true).unwrap();
        kept.wait_for_publish(Some(DEADLINE)).unwrap();
        subscribe(&watched, "kept", 1);
        let message = watched.message();
        assert_eq!((&message.payload[..], message.retain), (&b"25.5"[..], true));
    }
}

#[test]
fn the_will_of_a_lost_client_is_published() {
    for make in makes() {
        let witness = Watched::connected(config("witness"), make.port());
        subscribe(&witness, "will", 1);
        let net = FaultyNet::to(make.port());
        let watched = Watched::new(ClientConfig {
            reconnect_delay: (LONG, LONG),
            ..config("a")
        });
        watched.client.will_set("will", "gone", 1, false).unwrap();
        watched.connect(net.port());
        watched.client.loop_start().unwrap();
        assert_eq!(watched.connect_seen(), (false, 0));
        net.cut();
        assert_eq!(witness.text(), "gone");
    }
}

#[test]
fn a_kept_session_has_what_came_meanwhile() {
    for mut make in makes() {
        let watched = Watched::connected(kept(Protocol::V311, "a"), make.port());
        subscribe(&watched, "t", 1);
        watched.end();
        let other = Watched::connected(config("other"), make.port());
        for number in 0..5 {
            let sent = other.client.publish("t", number, 1, false).unwrap();
            sent.wait_for_publish(Some(DEADLINE)).unwrap();
        }
        other.end();
        make.restart();
        let watched = Watched::new(kept(Protocol::V311, "a"));
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
    for make in makes() {
        let witness = Watched::connected(config("witness"), make.port());
        subscribe(&witness, "t", 1);
        let net = FaultyNet::to(make.port());
        let watched = Watched::connected(config("a"), net.port());
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
    }
}

#[test]
fn manual_acknowledgement_holds_back_what_comes_again() {
    for make in makes() {
        let config = || ClientConfig {
            manual_ack: true,
            ..kept(Protocol::V311, "a")
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
