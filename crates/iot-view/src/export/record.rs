//! What an export consists of.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use iot_store::Value;
use iot_store::read::{Row, SeriesKey};

use crate::args::Aggregate;

/// What the rows of an export are.
#[derive(Debug, Clone)]
pub(super) enum Layout {
    /// Readings.
    Long,
    /// What series were in a step of time.
    Steps(Vec<Aggregate>),
    /// A time, and what is known of each column.
    Wide(Vec<Column>),
}

/// A column of a wide export.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// `TOPIC`, `TOPIC#METRIC`, or that with an aggregate.
    pub(super) name: String,
    /// Whether its values are text, as far as is known.
    pub(super) is_text: bool,
}

/// A row of an export.
#[derive(Debug)]
pub(super) enum Record<'a> {
    Reading(&'a Row),
    Step(&'a Step<'a>),
    Wide {
        time: DateTime<Utc>,
        cells: &'a [Option<Cell>],
    },
}

/// What a series was in a step of time.
#[derive(Debug)]
pub(super) struct Step<'a> {
    pub(super) key: &'a SeriesKey,
    pub(super) unit: Option<&'a Arc<str>>,
    pub(super) time: DateTime<Utc>,
    pub(super) cells: Vec<Cell>,
}

/// A value in a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Value(Value),
    /// A number of readings.
    Count(u64),
}

impl Record<'_> {
    pub(super) fn time(&self) -> DateTime<Utc> {
        match self {
            Self::Reading(row) => row.time,
            Self::Step(step) => step.time,
            Self::Wide { time, .. } => *time,
        }
    }
}

/// Returns the names of the columns of aggregates: of a single one, `value`, so that
/// `iot-pub --replay` reads it.
pub(super) fn names(aggregates: &[Aggregate]) -> Vec<&'static str> {
    match aggregates {
        [_] => vec!["value"],
        _ => aggregates
            .iter()
            .map(|aggregate| aggregate.name())
            .collect(),
    }
}
