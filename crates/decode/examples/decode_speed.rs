//! How many readings a second are decoded on one core: `scripts/bench decode`.
//!
//! Each row decodes the same few messages for a second, five times; the best round counts, because
//! everything else on the machine only slows it down.

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::Utc;
use iot_decode::{Decoder, Format, Message, Settings};
use iot_sparkplug::{DataType, Metric, MetricValue, Payload};

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
    for row in rows() {
        let (readings, messages) = row.best();
        let microseconds = 1e6 / messages;
        println!("{:<44} {readings:>14.0} {microseconds:>14.2}", row.name);
    }
}

fn rows() -> Vec<Row> {
    vec![
        sparkplug("Sparkplug, 20 metrics by alias", false),
        sparkplug("Sparkplug, 20 metrics by name", true),
        Row {
            name: "JSON with 5 values, leaves",
            format: "leaves",
            first: None,
            messages: vec![(
                "iot/a".into(),
                r#"{"temperature":21.5,"humidity":48,"pressure":1013.2,"battery":97,"linkquality":120}"#
                    .into(),
            )],
        },
    ]
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

impl Row {
    /// Returns readings and messages a second of the best round.
    fn best(&self) -> (f64, f64) {
        let format: Format = self.format.parse().expect("a format");
        let mut decoder = Decoder::new(format, Settings::default()).expect("a decoder");
        if let Some((topic, payload)) = &self.first {
            let birth = Message::new(topic, payload, Utc::now());
            decoder.decode(&birth).expect("a BIRTH");
        }
        let mut round = || {
            let (start, now) = (Instant::now(), Utc::now());
            let (mut readings, mut messages) = (0_u32, 0_u32);
            while start.elapsed() < ROUND {
                for (topic, payload) in &self.messages {
                    let answer = decoder.decode(&Message::new(topic, payload, now));
                    let answer = black_box(answer.expect("a message"));
                    assert!(answer.rejection.is_none() && answer.requests.is_empty());
                    readings += u32::try_from(answer.readings.len()).expect("few readings");
                    messages += 1;
                }
            }
            let seconds = start.elapsed().as_secs_f64();
            (f64::from(readings) / seconds, f64::from(messages) / seconds)
        };
        let rounds = (0..ROUNDS).map(|_| round());
        rounds.max_by(|a, b| a.0.total_cmp(&b.0)).expect("a round")
    }
}
