//! Each number and boolean of a JSON document as a reading whose metric is its path.

mod document;
mod leaf;
mod path;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashSet;

use iot_store::Value;
use serde_json::Value as Json;

use crate::decoded::Measured;
use crate::names::Names;
use crate::reason::Reason;
use document::walk_document;

pub(crate) use leaf::{Leaf, TakeLeaf};
pub(crate) use path::{Path, last_key};
pub(crate) use tree::walk_tree;

/// Makes readings of leaves.
#[derive(Debug)]
pub(crate) struct Leaves<'n> {
    names: &'n mut Names,
    takes_text: bool,
    readings: Vec<Measured>,
}

impl<'n> Leaves<'n> {
    pub(crate) fn new(names: &'n mut Names, takes_text: bool) -> Self {
        Self {
            names,
            takes_text,
            readings: Vec::new(),
        }
    }

    /// Returns the readings. Of two with the same path, which are of equal keys in one object, the
    /// last counts.
    pub(crate) fn finish(mut self) -> Vec<Measured> {
        keep_last(&mut self.readings);
        self.readings
    }
}

impl TakeLeaf for Leaves<'_> {
    fn take(&mut self, path: &str, leaf: Leaf<'_>) {
        let value = match leaf {
            Leaf::Number(number) => Value::Number(number),
            Leaf::Bool(state) => Value::Json(Json::Bool(state)),
            Leaf::Text(text) if self.takes_text => Value::Text(text.to_owned()),
            Leaf::Text(_) => return,
        };
        let metric = (!path.is_empty()).then(|| self.names.share(path));
        self.readings.push(Measured {
            metric,
            ..Measured::new(value)
        });
    }
}

/// Returns the readings of a JSON document.
pub(crate) fn leaves(
    payload: &[u8],
    names: &mut Names,
    takes_text: bool,
) -> Result<Vec<Measured>, Reason> {
    let mut leaves = Leaves::new(names, takes_text);
    walk_document(payload, &mut leaves)?;
    Ok(leaves.finish())
}

fn keep_last(readings: &mut Vec<Measured>) {
    /// Up to so many, comparing each with each is faster than a table.
    const FEW: usize = 16;
    if readings.len() <= FEW {
        let repeated = |at: usize| {
            let metric = &readings[at].metric;
            readings[at + 1..].iter().any(|next| next.metric == *metric)
        };
        if !(0..readings.len()).any(repeated) {
            return;
        }
    }
    let mut seen = HashSet::with_capacity(readings.len());
    let mut last: Vec<bool> = { readings.iter().rev() }
        .map(|reading| seen.insert(reading.metric.clone()))
        .collect();
    readings.retain(|_| last.pop().unwrap_or(true));
}
