//! The metrics that the specification gives a meaning: `bdSeq`, and the request for a rebirth.

use crate::data_type::DataType;
use crate::payload::{Metric, MetricValue, Payload};

/// The metric of NBIRTH and NDEATH that says which of them belong together.
pub const BD_SEQ: &str = "bdSeq";

/// The metric of NCMD that asks an edge node to send its BIRTH messages again.
pub const REBIRTH: &str = "Node Control/Rebirth";

/// Returns the payload of an NCMD that asks for a rebirth, published at this time in milliseconds
/// since 1970 (UTC).
pub fn rebirth_request(timestamp: u64) -> Payload {
    let mut metric = Metric::new(REBIRTH, DataType::Boolean, MetricValue::Boolean(true));
    metric.timestamp = Some(timestamp);
    Payload {
        timestamp: Some(timestamp),
        metrics: vec![metric],
        ..Payload::default()
    }
}

/// Returns whether an NCMD asks for a rebirth.
pub fn asks_for_rebirth(payload: &Payload) -> bool {
    let is_rebirth = |metric: &Metric| {
        metric.name.as_deref() == Some(REBIRTH) && metric.value == Some(MetricValue::Boolean(true))
    };
    payload.metrics.iter().any(is_rebirth)
}

/// Returns the metric `bdSeq` with this number.
pub fn bd_seq_metric(number: u64) -> Metric {
    Metric::new(BD_SEQ, DataType::Int64, MetricValue::Long(number))
}

/// Returns the number in the metric `bdSeq`.
pub fn bd_seq(payload: &Payload) -> Option<u64> {
    let is_it = |metric: &&Metric| metric.name.as_deref() == Some(BD_SEQ);
    match payload.metrics.iter().find(is_it)?.value {
        Some(MetricValue::Int(number)) => Some(number.into()),
        Some(MetricValue::Long(number)) => Some(number),
        _ => None,
    }
}
