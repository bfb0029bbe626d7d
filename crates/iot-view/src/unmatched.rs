//! Lines about filters that select nothing, which may be mistyped.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use anyhow::Result;
use chrono::{DateTime, Utc};
use iot_cli::{Timezone, notify};
use iot_store::read::{Reader, RowQuestion, Series, SeriesFilter, TimeRange};

use crate::series::selected;

/// Most metrics in one line.
const METRICS_SHOWN: usize = 8;

/// Returns a line for each filter that selects none of the series, with what there is instead.
///
/// # Errors
/// The store can't be read.
pub(crate) fn lines(
    reader: &mut dyn Reader,
    filters: &[SeriesFilter],
    series: &[Series],
) -> Result<Vec<String>> {
    let is_unmatched = |filter: &&SeriesFilter| !series.iter().any(|one| filter.matches(&one.key));
    let unmatched = filters.iter().filter(is_unmatched);
    unmatched.map(|filter| line(reader, filter)).collect()
}

fn line(reader: &mut dyn Reader, filter: &SeriesFilter) -> Result<String> {
    if *filter == SeriesFilter::default() {
        return Ok(format!("no readings in {}", reader.name()));
    }
    let mut metrics = BTreeSet::new();
    if filter.metric().is_some() {
        let others = reader.latest(&filter.any_metric())?;
        metrics.extend(others.into_iter().map(|one| one.key.metric));
    }
    let names = metrics
        .iter()
        .take(METRICS_SHOWN)
        .map(|metric| match metric {
            Some(metric) => format!("`{metric}`"),
            None => "none".to_owned(),
        });
    let mut names = names.collect::<Vec<_>>().join(", ");
    if metrics.len() > METRICS_SHOWN {
        names += " and others";
    }
    let help = if metrics.is_empty() {
        "`iot-view latest` lists the topics".to_owned()
    } else {
        format!("metrics of `{}`: {names}", filter.topic_filter())
    };
    let name = reader.name();
    Ok(format!("no readings of `{filter}` in {name} ({help})"))
}

/// Tells a person why there is nothing in the answer: no series, none in that period, or only texts
/// for steps of time.
///
/// # Errors
/// The store can't be read.
pub(crate) fn explain(
    reader: &mut dyn Reader,
    filters: &[SeriesFilter],
    range: TimeRange,
    zone: &Timezone,
) -> Result<()> {
    let series = selected(reader, filters, false)?;
    for line in lines(reader, filters, &series)? {
        notify("iot-view", &line);
    }
    if has_readings(reader, filters, range)? {
        let line =
            "no numbers in that period: --every needs numbers (leave it out to export texts)";
        notify("iot-view", line);
        return Ok(());
    }
    let last = series
        .iter()
        .filter_map(|one| Some(one.last.as_ref()?.time));
    if let Some(last) = last.max() {
        let line = format!(
            "no readings in that period: the latest one is of {} (see --since and --until)",
            shown(last, zone)
        );
        notify("iot-view", &line);
    }
    Ok(())
}

fn has_readings(
    reader: &mut dyn Reader,
    filters: &[SeriesFilter],
    range: TimeRange,
) -> Result<bool> {
    let mut is_found = false;
    for filter in filters {
        let question = RowQuestion {
            filter: filter.clone(),
            range,
            limit: Some(1),
            ..RowQuestion::default()
        };
        reader.rows(&question, &mut |_| {
            is_found = true;
            ControlFlow::Break(())
        })?;
    }
    Ok(is_found)
}

fn shown(time: DateTime<Utc>, zone: &Timezone) -> String {
    zone.local_time(time).format("%F %H:%M").to_string()
}
