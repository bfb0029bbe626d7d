//! Curves of one unit share an axis.

use std::sync::Arc;

use super::curve::Curve;

/// Curves with one axis.
#[derive(Debug)]
pub(crate) struct Panel {
    /// The unit, or what all of them are called.
    pub(crate) unit: String,
    /// Each with its number in the picture, from 0 on, which is its colour.
    pub(crate) curves: Vec<(usize, Curve)>,
}

impl Panel {
    /// Returns the least and the greatest value.
    pub(crate) fn extent(&self) -> (f64, f64) {
        let points = self.curves.iter().flat_map(|(_, curve)| curve.points());
        points.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| {
            (low.min(point.min), high.max(point.max))
        })
    }
}

/// Groups curves by unit, and those without one by their metric or the last level of their topic.
pub(crate) fn panels(curves: Vec<Curve>) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for (number, curve) in curves.into_iter().enumerate() {
        let unit = axis(&curve);
        match panels.iter_mut().find(|panel| panel.unit == unit) {
            Some(panel) => panel.curves.push((number, curve)),
            None => panels.push(Panel {
                unit,
                curves: vec![(number, curve)],
            }),
        }
    }
    panels
}

fn axis(curve: &Curve) -> String {
    let name: Option<&Arc<str>> = curve.unit.as_ref().or(curve.key.metric.as_ref());
    let level = || curve.key.topic.rsplit('/').find(|level| !level.is_empty());
    let name = name.map(|name| &**name).or_else(level);
    name.unwrap_or_default().to_owned()
}
