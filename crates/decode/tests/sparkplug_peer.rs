//! Messages of another implementation of Sparkplug, over a real broker, with a lost message and a
//! rebirth.

use std::io::{self, PipeWriter, Write as _};

use bytes::Bytes;
use chrono::Utc;
use iot_decode::{
    Decoded, Decoder, Format, KeepsState as _, Message, Request, Settings, StateChange,
};
use testkit::{Broker, DEADLINE, Running, eventually, sparkplug_peer};

/// Decodes what a broker sends, and publishes what the decoder asks for.
struct Host {
    broker: Broker,
    subscriber: Running,
    decoder: Decoder,
    state: Vec<StateChange>,
    /// How many lines of the subscriber are decoded.
    taken: usize,
}

impl Host {
    fn new() -> Self {
        let broker = Broker::start();
        let args = [
            "-t",
            "spBv1.0/+/NBIRTH/#",
            "-t",
            "spBv1.0/+/DBIRTH/#",
            "-t",
            "spBv1.0/+/DDATA/#",
            "-t",
            "spBv1.0/+/NDEATH/#",
            "-F",
            "%t %x",
        ];
        let subscriber = broker.mosquitto_sub(args);
        broker.wait_for_log("Sending SUBACK", DEADLINE);
        Self {
            broker,
            subscriber,
            decoder: decoder(),
            state: Vec::new(),
            taken: 0,
        }
    }

    /// Decodes the next message. Returns its readings as lines, and whether it asked for a rebirth.
    #[track_caller]
    fn next(&mut self) -> (Vec<String>, bool) {
        eventually(DEADLINE, "a message", || {
            self.subscriber.stdout().lines().count() > self.taken
        });
        let stdout = self.subscriber.stdout();
        let line = stdout.lines().nth(self.taken).unwrap();
        self.taken += 1;
        let (topic, digits) = line.rsplit_once(' ').unwrap();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        let payload: Bytes = (0..digits.len()).step_by(2).map(byte).collect();
        let message = Message::new(topic, &payload, Utc::now());
        let decoded = self.decoder.decode(&message).unwrap();
        assert_eq!(decoded.rejection, None, "{line}");
        for change in &decoded.state {
            self.state.retain(|it| it.key != change.key);
            self.state.push(change.clone());
        }
        for request in &decoded.requests {
            let Request::Publish { topic, payload } = request else {
                panic!("{request:?}");
            };
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), payload).unwrap();
            let file = file.path().to_str().unwrap();
            self.broker.mosquitto_pub(["-t", topic, "-f", file]);
        }
        (lines(&decoded), !decoded.requests.is_empty())
    }

    fn restart(&mut self) {
        self.decoder = decoder();
        for StateChange { key, value } in &self.state {
            if let Some(value) = value {
                self.decoder.restore(key, value);
            }
        }
    }
}

fn decoder() -> Decoder {
    Decoder::new(Format::Sparkplug, Settings::default()).unwrap()
}

fn lines(decoded: &Decoded) -> Vec<String> {
    let readings = decoded.readings.iter().map(|it| {
        let topic = it.topic.as_deref().unwrap_or_default();
        format!(
            "{topic}#{}={}",
            it.metric.as_deref().unwrap_or_default(),
            it.value
        )
    });
    readings.collect()
}

/// Has the node do something.
fn tell(node: &Running, commands: &mut PipeWriter, command: &str) {
    commands
        .write_all(format!("{command}\n").as_bytes())
        .unwrap();
    wait_for_line(node, command);
}

fn wait_for_line(node: &Running, line: &str) {
    eventually(DEADLINE, line, || {
        node.stdout().lines().any(|it| it == line)
    });
}

#[test]
fn mqtt_spb_wrapper_is_decoded() {
    let mut host = Host::new();
    let (input, mut commands) = io::pipe().unwrap();
    let node = sparkplug_peer("sparkplug_node.py", host.broker.port())
        .stdin(input)
        .spawn();
    node.wait_for_stdout("connected");

    tell(&node, &mut commands, "birth");
    let (readings, _) = host.next();
    let node_lines = [
        "spBv1.0/plant/line1#online=true",
        "spBv1.0/plant/line1#ATTR/maker=ACME",
        "spBv1.0/plant/line1#DATA/load=-5.0",
        "spBv1.0/plant/line1#CMD/Node Control/Rebirth=false",
    ];
    assert_eq!(readings, node_lines);
    let (readings, _) = host.next();
    let device_lines = [
        "spBv1.0/plant/line1/press#online=true",
        "spBv1.0/plant/line1/press#DATA/force=2.5",
        "spBv1.0/plant/line1/press#DATA/open=true",
        "spBv1.0/plant/line1/press#DATA/table=[{\"a\":1,\"b\":\"x\"},{\"a\":2,\"b\":\"y\"}]",
    ];
    assert_eq!(readings, device_lines);

    // By alias alone, and with a name beside it.
    let force = |value: &str| {
        (
            vec![format!("spBv1.0/plant/line1/press#DATA/force={value}")],
            false,
        )
    };
    tell(&node, &mut commands, "data 3");
    assert_eq!(host.next(), force("3.0"));
    tell(&node, &mut commands, "named 4");
    assert_eq!(host.next(), force("4.0"));
    host.restart();
    tell(&node, &mut commands, "data 5");
    assert_eq!(host.next(), force("5.0"));

    // A lost message: the node is asked to be born again, and is.
    tell(&node, &mut commands, "lose");
    tell(&node, &mut commands, "data 6");
    assert_eq!(host.next(), (force("6.0").0, true));
    wait_for_line(&node, "rebirth");
    let (readings, is_requested) = host.next();
    assert_eq!(
        (&readings[0], is_requested),
        (&node_lines[0].to_owned(), false)
    );
    let (readings, is_requested) = host.next();
    assert_eq!(
        (&readings[0], is_requested),
        (&device_lines[0].to_owned(), false)
    );

    commands.write_all(b"quit\n").unwrap();
    let (readings, _) = host.next();
    assert_eq!(
        readings,
        [
            "spBv1.0/plant/line1#online=false",
            "spBv1.0/plant/line1/press#online=false"
        ]
    );
}
