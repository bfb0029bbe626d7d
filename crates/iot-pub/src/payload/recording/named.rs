//! The payload of a recorded reading that has a metric or a unit: an object from which
//! `iot-sub --map .payload` makes the same reading.

use serde_json::Value as Json;

/// A metric and a unit, where they are recorded, and the time, if it is wanted.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) metric: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) time: Option<String>,
}

impl Names {
    /// Returns the names that are not empty, if there are any or there is a time.
    pub(super) fn new(
        metric: Option<String>,
        unit: Option<String>,
        time: Option<String>,
    ) -> Option<Self> {
        let some = |name: Option<String>| name.filter(|name| !name.is_empty());
        let names = Self {
            metric: some(metric),
            unit: some(unit),
            time,
        };
        let is_any = names.metric.is_some() || names.unit.is_some() || names.time.is_some();
        is_any.then_some(names)
    }

    /// Returns `{"metric": …, "value": …, "unit": …, "time": …}` with a value that is JSON.
    pub(super) fn payload(self, value: &str) -> String {
        let text = |name: &str| Json::from(name).to_string();
        let metric = self
            .metric
            .map(|metric| format!("\"metric\":{},", text(&metric)));
        let unit = self.unit.map(|unit| format!(",\"unit\":{}", text(&unit)));
        let time = self.time.map(|time| format!(",\"time\":{}", text(&time)));
        let (metric, unit) = (metric.unwrap_or_default(), unit.unwrap_or_default());
        let time = time.unwrap_or_default();
        format!("{{{metric}\"value\":{value}{unit}{time}}}")
    }
}
