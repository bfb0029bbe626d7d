//! The payload of a recorded reading that has a metric or a unit: an object from which
//! `iot-sub --map .payload` makes the same reading.

use serde_json::Value as Json;

/// A metric and a unit, where they are recorded.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) metric: Option<String>,
    pub(super) unit: Option<String>,
}

impl Names {
    /// Returns the names that are not empty.
    pub(super) fn new(metric: Option<String>, unit: Option<String>) -> Option<Self> {
        let some = |name: Option<String>| name.filter(|name| !name.is_empty());
        let names = Self {
            metric: some(metric),
            unit: some(unit),
        };
        (names.metric.is_some() || names.unit.is_some()).then_some(names)
    }

    /// Returns `{"metric": …, "value": …, "unit": …}` with a value that is JSON.
    pub(super) fn payload(self, value: &str) -> String {
        let text = |name: &str| Json::from(name).to_string();
        let metric = self
            .metric
            .map(|metric| format!("\"metric\":{},", text(&metric)));
        let unit = self.unit.map(|unit| format!(",\"unit\":{}", text(&unit)));
        let (metric, unit) = (metric.unwrap_or_default(), unit.unwrap_or_default());
        format!("{{{metric}\"value\":{value}{unit}}}")
    }
}
