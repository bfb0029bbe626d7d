//! What a rule changes in decoded readings: which are used, their names, units and numbers.

use std::sync::Arc;

use iot_decode::{Measured, SeriesFacts};
use iot_store::Value;

use super::metric_pattern::MetricPattern;

/// A fact for all metrics, or for those of a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PerMetric<T> {
    All(T),
    /// The first name that matches counts.
    Named(Vec<(MetricPattern, T)>),
}

impl<T> Default for PerMetric<T> {
    fn default() -> Self {
        Self::Named(Vec::new())
    }
}

impl<T> PerMetric<T> {
    fn of(&self, metric: &str) -> Option<&T> {
        match self {
            Self::All(fact) => Some(fact),
            Self::Named(facts) => {
                { facts.iter() }.find_map(|(name, fact)| name.matches(metric).then_some(fact))
            }
        }
    }
}

/// What is changed. All names are those that the decoder gives; `rename` comes last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shape {
    /// If there are any, only these metrics are used.
    pub(crate) only: Vec<MetricPattern>,
    /// These are not.
    pub(crate) skip: Vec<MetricPattern>,
    pub(crate) rename: Vec<(String, Arc<str>)>,
    pub(crate) unit: PerMetric<Arc<str>>,
    /// A number is multiplied with this, and then `offset` is added.
    pub(crate) scale: PerMetric<f64>,
    pub(crate) offset: PerMetric<f64>,
}

impl Shape {
    /// Changes readings, and what is known of their series.
    ///
    /// # Errors
    /// A number is too large afterwards.
    pub(crate) fn apply(
        &self,
        readings: &mut Vec<Measured>,
        series: &mut Vec<SeriesFacts>,
    ) -> Result<(), String> {
        readings.retain(|reading| self.uses(reading.metric.as_deref()));
        series.retain(|facts| self.uses(facts.metric.as_deref()));
        for reading in readings {
            let metric = reading.metric.as_deref().unwrap_or_default();
            if let Value::Number(number) = &mut reading.value {
                *number = self.number(metric, *number)?;
            }
            if let Some(unit) = self.unit.of(metric) {
                reading.unit = some(unit);
            }
            self.rename(&mut reading.metric);
        }
        for facts in series {
            let metric = facts.metric.as_deref().unwrap_or_default();
            if let Some(unit) = self.unit.of(metric) {
                facts.unit = some(unit);
            }
            self.rename(&mut facts.metric);
        }
        Ok(())
    }

    fn uses(&self, metric: Option<&str>) -> bool {
        let metric = metric.unwrap_or_default();
        let is_in = |names: &[MetricPattern]| names.iter().any(|name| name.matches(metric));
        (self.only.is_empty() || is_in(&self.only)) && !is_in(&self.skip)
    }

    fn number(&self, metric: &str, number: f64) -> Result<f64, String> {
        let scale = self.scale.of(metric).copied();
        let offset = self.offset.of(metric).copied();
        if scale.is_none() && offset.is_none() {
            return Ok(number);
        }
        let number = number * scale.unwrap_or(1.0) + offset.unwrap_or(0.0);
        if number.is_finite() {
            Ok(number)
        } else {
            Err("number out of range after `scale` and `offset`".to_owned())
        }
    }

    fn rename(&self, metric: &mut Option<Arc<str>>) {
        let name = metric.as_deref().unwrap_or_default();
        let renamed = { self.rename.iter() }.find(|(from, _)| from == name);
        if let Some((_, to)) = renamed {
            *metric = some(to);
        }
    }
}

fn some(text: &Arc<str>) -> Option<Arc<str>> {
    (!text.is_empty()).then(|| Arc::clone(text))
}
