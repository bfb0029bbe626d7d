//! How many readings a second are decoded on one core: `scripts/bench decode`.
//!
//! Each row decodes the same few messages for a second, five times; the best round counts. Time is
//! the processor time of the thread, which other programs on the machine do not take.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use iot_decode::{Decoded, Decoder, Format, Map, Message, Reason, Settings};
use iot_sparkplug::{DataType, Metric, MetricValue, Payload};
use rustix::time::{ClockId, clock_gettime};

const ROUND: Duration = Duration::from_secs(1);
const ROUNDS: usize = 5;

/// Messages of one format, and how it is named.
struct Row {
    name: &'static str,
    format: &'static str,
    /// Decoded once, before the others.
    first: Option<(String, Bytes)>,
    messages: Vec<(String, Bytes)>,
}

fn main() {
    println!("{:<44} {:>14} {:>14}", "", "readings/s", "µs/message");
    let selected = std::env::args().nth(1).unwrap_or_default();
    for row in { rows().into_iter() }.filter(|row| row.name.contains(&selected)) {
        let (readings, messages) = row.best();
        let microseconds = 1e6 / messages;
        println!("{:<44} {readings:>14.0} {microseconds:>14.2}", row.name);
    }
}

fn rows() -> Vec<Row> {
    vec![
        sparkplug("Sparkplug, 20 metrics by alias", false),
        sparkplug("Sparkplug, 20 metrics by name", true),
        row("JSON with 5 values, leaves", "leaves", "iot/a", JSON),
        row(
            "JSON with 5 values, known (Zigbee2MQTT)",
            "known",
            "zigbee2mqtt/a",
            JSON,
        ),
        row(
            "JSON with 5 values, known (no device)",
            "known",
            "iot/a",
            JSON,
        ),
        row(
            "JSON with 5 values, auto (one reading)",
            "auto",
            "iot/a",
            JSON,
        ),
        row(
            "CBOR with 5 values, cbor+leaves",
            "cbor+leaves",
            "iot/a",
            CBOR,
        ),
        row(
            "MessagePack with 5 values, msgpack+leaves",
            "msgpack+leaves",
            "iot/a",
            MSGPACK,
        ),
        row("SenML with 5 records", "senml", "iot/a", SENML),
        row(
            "JSON with 5 values, --map to 5 readings",
            MAP,
            "iot/a",
            JSON,
        ),
        row(
            "JSON with 5 values, --map to 1 reading",
            "map .payload.temperature",
            "iot/a",
            JSON,
        ),
        row("a number, auto", "auto", "iot/a", "21.5"),
        row("a number, known", "known", "iot/a", "21.5"),
        row("a measure, measure", "measure", "iot/a", "21.5 °C"),
    ]
}

const JSON: &str =
    r#"{"temperature":21.5,"humidity":48,"pressure":1013.2,"battery":97,"linkquality":120}"#;
/// What comes after `map ` is a jq program.
const MAP: &str = "map .payload | to_entries[] | {metric: .key, value: .value}";
const CBOR: &[u8] =
    b"\xa5\x6btemperature\xf9\x4d\x60\x68humidity\x18\x30\x68pressure\xfb\x40\x8f\xa9\
    \x99\x99\x99\x99\x9a\x67battery\x18\x61\x6blinkquality\x18\x78";
const MSGPACK: &[u8] =
    b"\x85\xabtemperature\xca\x41\xac\x00\x00\xa8humidity\x30\xa8pressure\xcb\x40\x8f\xa9\
    \x99\x99\x99\x99\x9a\xa7battery\x61\xablinkquality\x78";
const SENML: &str = r#"[{"bn":"a:","bt":1795428000,"n":"temperature","u":"Cel","v":21.5},
    {"n":"humidity","u":"%RH","v":48},{"n":"pressure","u":"hPa","v":1013.2},
    {"n":"battery","u":"%EL","v":97},{"n":"linkquality","v":120}]"#;

/// A row of one message.
fn row(name: &'static str, format: &'static str, topic: &str, payload: impl Into<Bytes>) -> Row {
    Row {
        name,
        format,
        first: None,
        messages: vec![(topic.into(), payload.into())],
    }
}

/// Returns the processor time of this thread.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("it is positive")
}

/// A device with 20 metrics: its BIRTH, and 256 messages with the numbers from 0 to 255.
fn sparkplug(name: &'static str, is_named: bool) -> Row {
    let topic = |kind: &str| format!("spBv1.0/plant/{kind}/line1");
    let name_of = |number: u64| format!("Press/Station {number}/Force");
    let metrics = (0..20).map(|number| {
        let mut metric = Metric::new(&name_of(number), DataType::Double, MetricValue::Double(0.0));
        metric.alias = Some(number);
        metric.set_text_property("engUnit", "kN");
        metric
    });
    let payload = |seq: u64, metrics: Vec<Metric>| Payload {
        timestamp: Some(1_790_000_000_000),
        metrics,
        seq: Some(seq),
        ..Payload::default()
    };
    let birth = payload(0, metrics.collect());
    let data = |seq: u64| {
        let metric = |number: u64| Metric {
            name: is_named.then(|| name_of(number)),
            alias: (!is_named).then_some(number),
            timestamp: Some(1_790_000_000_000 + seq),
            value: Some(MetricValue::Double(250.25)),
            ..Metric::default()
        };
        let payload = payload(seq, (0..20).map(metric).collect());
        (topic("NDATA"), Bytes::from(payload.to_bytes()))
    };
    Row {
        name,
        format: "sparkplug",
        first: Some((topic("NBIRTH"), birth.to_bytes().into())),
        messages: (1..256).chain([0]).map(data).collect(),
    }
}

/// What is measured.
enum Subject {
    Decoder(Box<Decoder>),
    Map(Map),
}

impl Subject {
    fn new(format: &str) -> Self {
        if let Some(program) = format.strip_prefix("map ") {
            return Self::Map(Map::compile(program).expect("a program"));
        }
        let format: Format = format.parse().expect("a format");
        let decoder = Decoder::new(format, Settings::default());
        Self::Decoder(Box::new(decoder.expect("a decoder")))
    }

    fn decode(&mut self, message: &Message<'_>) -> Result<Decoded, Reason> {
        match self {
            Self::Decoder(decoder) => decoder.decode(message),
            Self::Map(map) => map.run(message),
        }
    }
}

fn since(start: Duration) -> Duration {
    processor_time().saturating_sub(start)
}

impl Row {
    /// Returns readings and messages a second of the best round.
    fn best(&self) -> (f64, f64) {
        let mut decoder = Subject::new(self.format);
        if let Some((topic, payload)) = &self.first {
            let birth = Message::new(topic, payload, Utc::now());
            decoder.decode(&birth).expect("a BIRTH");
        }
        let mut round = || {
            let (start, now) = (processor_time(), Utc::now());
            let (mut readings, mut messages) = (0_u32, 0_u32);
            while since(start) < ROUND {
                // Reading the clock takes as long as decoding a number.
                let repetitions = 512_usize.div_ceil(self.messages.len());
                for (topic, payload) in (0..repetitions).flat_map(|_| &self.messages) {
                    let found = decoder.decode(&Message::new(topic, payload, now));
                    let found = black_box(found.expect("a message"));
                    assert!(found.rejection.is_none() && found.requests.is_empty());
                    readings += u32::try_from(found.readings.len()).expect("few readings");
                    messages += 1;
                }
            }
            let seconds = since(start).as_secs_f64();
            (f64::from(readings) / seconds, f64::from(messages) / seconds)
        };
        let rounds = (0..ROUNDS).map(|_| round());
        rounds.max_by(|a, b| a.0.total_cmp(&b.0)).expect("a round")
    }
}
