//! A host that decodes, and what edge nodes send it.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use iot_sparkplug::{
    DataType, Metric, MetricValue, Payload, asks_for_rebirth, bd_seq_metric, read_payload,
};

use crate::decoded::{Decoded, Measured};
use crate::message::Message;
use crate::reason::Reason;
use crate::request::Request;
use crate::sparkplug::Sparkplug;
use crate::state::{KeepsState as _, StateChange};

pub(super) const SENT: u64 = 1_790_000_000_000;

/// A host that decodes, and keeps the state as a program does.
pub(super) struct Host {
    pub(super) decoder: Sparkplug,
    pub(super) state: Vec<StateChange>,
    pub(super) now: DateTime<Utc>,
}

impl Host {
    pub(super) fn new() -> Self {
        Self {
            decoder: Sparkplug::default(),
            state: Vec::new(),
            now: DateTime::from_timestamp_millis(1_790_000_000_500).unwrap(),
        }
    }

    pub(super) fn decode(&mut self, topic: &str, payload: &[u8]) -> Result<Decoded, Reason> {
        let payload = Bytes::copy_from_slice(payload);
        let decoded = self
            .decoder
            .decode(&Message::new(topic, &payload, self.now))?;
        for change in &decoded.state {
            self.state.retain(|it| it.key != change.key);
            self.state
                .extend(change.value.is_some().then(|| change.clone()));
        }
        Ok(decoded)
    }

    #[track_caller]
    pub(super) fn take(&mut self, topic: &str, payload: &Payload) -> Decoded {
        self.decode(topic, &payload.to_bytes()).unwrap()
    }

    pub(super) fn restart(&mut self) {
        self.decoder = Sparkplug::default();
        for StateChange { key, value } in &self.state {
            self.decoder.restore(key, value.as_ref().unwrap());
        }
    }
}

pub(super) fn payload(seq: u64, metrics: Vec<Metric>) -> Payload {
    Payload {
        timestamp: Some(SENT + seq),
        metrics,
        seq: Some(seq),
        ..Payload::default()
    }
}

pub(super) fn named(name: &str, alias: u64, data_type: DataType, value: MetricValue) -> Metric {
    Metric {
        alias: Some(alias),
        ..Metric::new(name, data_type, value)
    }
}

pub(super) fn by_alias(alias: u64, value: MetricValue) -> Metric {
    Metric {
        alias: Some(alias),
        value: Some(value),
        ..Metric::default()
    }
}

pub(super) fn double(number: f64) -> MetricValue {
    MetricValue::Double(number)
}

/// A BIRTH with the metric `temp` (alias 1, °C) and, as alias 2, the byte `level`.
pub(super) fn birth(seq: u64, bd_seq: Option<u64>) -> Payload {
    let mut temp = named("temp", 1, DataType::Double, double(20.0));
    temp.set_text_property("engUnit", "°C");
    let level = named("level", 2, DataType::Int8, MetricValue::Int(0xFF));
    let control = Metric::new(
        "Node Control/Rebirth",
        DataType::Boolean,
        MetricValue::Boolean(false),
    );
    let metrics = bd_seq.map(bd_seq_metric).into_iter();
    payload(seq, metrics.chain([control, temp, level]).collect())
}

/// Each reading as `TOPIC#METRIC=VALUE UNIT`.
pub(super) fn lines(decoded: &Decoded) -> Vec<String> {
    let line = |it: &Measured| {
        let unit = it
            .unit
            .as_deref()
            .map_or(String::new(), |unit| format!(" {unit}"));
        let topic = it.topic.as_deref().unwrap_or_default();
        let topic = topic.strip_prefix("spBv1.0/").unwrap_or(topic);
        format!(
            "{topic}#{}={}{unit}",
            it.metric.as_deref().unwrap_or_default(),
            it.value
        )
    };
    decoded.readings.iter().map(line).collect()
}

/// Whether a rebirth is requested.
#[track_caller]
pub(super) fn is_rebirth_requested(decoded: &Decoded) -> bool {
    match &decoded.requests[..] {
        [] => false,
        [Request::Publish { topic, payload }] => {
            assert_eq!(topic, "spBv1.0/g/NCMD/n");
            assert!(asks_for_rebirth(&read_payload(payload).unwrap()));
            true
        }
        other => panic!("{other:?}"),
    }
}
