//! `alerts`: which alerts are firing or pending, and what they reported.

use std::process::ExitCode;

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use iot_cli::{Origins, Timezone, notify};
use iot_store::alerts::{AlertState, CurrentAlert, Event};
use iot_store::read::{SeriesKey, TimeRange};
use serde_json::{Map, Value as Json};

use crate::age::in_largest_unit;
use crate::args::AlertsArgs;
use crate::open::open;
use crate::stdout;
use crate::table::{Align, Table};

/// Reports that are printed unless a number or a period is given.
const LAST: usize = 20;

/// Prints the alerts that are not ok, and the latest reports.
pub(crate) fn run(args: &AlertsArgs, origins: &Origins) -> Result<ExitCode> {
    args.command.verbosity().install();
    let now = iot_store::now();
    let period = args.period.period(now, None, origins)?;
    let range = TimeRange {
        since: period.since,
        until: period.until,
    };
    let is_all = period.since.is_some() || period.until.is_some();
    let last = args.last.unwrap_or(if is_all { usize::MAX } else { LAST });
    let mut reader = open(&args.store)?;
    let (mut current, mut history) = (Vec::new(), Vec::new());
    for filter in args.filter.filters() {
        current.extend(reader.alerts(&filter)?);
        history.extend(reader.alert_history(&filter, range, last)?);
    }
    CurrentAlert::sort(&mut current);
    current.dedup();
    history.sort_by(|a, b| b.id.cmp(&a.id));
    history.dedup();
    history.truncate(last);
    if args.json {
        let current = current.iter().map(current_json);
        let history = history.iter().map(report_json);
        let lines: Vec<_> = current.chain(history).collect();
        stdout::print_lines(&lines)?;
        return Ok(ExitCode::SUCCESS);
    }
    if current.is_empty() && history.is_empty() {
        let line = format!("no alerts in {}", reader.name());
        notify("iot-view", &line);
        return Ok(ExitCode::SUCCESS);
    }
    let mut lines = Vec::new();
    if current.is_empty() {
        lines.push("all alerts are ok".to_owned());
    } else {
        lines.extend(current_table(&current, now).lines());
    }
    if !history.is_empty() {
        lines.push(String::new());
        lines.extend(history_table(&history, &period.zone).lines());
    }
    stdout::print_lines(&lines)?;
    Ok(ExitCode::SUCCESS)
}

fn current_table(alerts: &[CurrentAlert], now: DateTime<Utc>) -> Table {
    let mut table = Table::new(&[
        ("now", Align::Left),
        ("alert", Align::Left),
        ("series", Align::Left),
        ("for", Align::Right),
        ("reason", Align::Left),
    ]);
    for alert in alerts {
        let lasts = TimeDelta::milliseconds(now.timestamp_millis() - alert.since);
        table.push([
            alert.state.name().to_owned(),
            alert.name.clone(),
            alert.key.to_string(),
            in_largest_unit(lasts.max(TimeDelta::zero())),
            alert.reason.clone(),
        ]);
    }
    table
}

fn history_table(events: &[Event], zone: &Timezone) -> Table {
    let mut table = Table::new(&[
        ("time", Align::Left),
        ("report", Align::Left),
        ("alert", Align::Left),
        ("series", Align::Left),
        ("reason", Align::Left),
    ]);
    for event in events {
        let time = zone.local_time(time(event.time));
        let report = match event.state {
            AlertState::Firing if event.repeated => "firing again",
            state => state.name(),
        };
        table.push([
            time.format("%F %T").to_string(),
            report.to_owned(),
            event.name.clone(),
            series(event).to_string(),
            event.reason.clone(),
        ]);
    }
    table
}

fn series(event: &Event) -> SeriesKey {
    SeriesKey {
        topic: event.topic.as_str().into(),
        metric: event.metric.as_deref().map(Into::into),
    }
}

fn current_json(alert: &CurrentAlert) -> String {
    let mut object = Map::new();
    object.insert("kind".into(), "current".into());
    object.insert("name".into(), alert.name.as_str().into());
    object.insert("topic".into(), (&*alert.key.topic).into());
    if let Some(metric) = &alert.key.metric {
        object.insert("metric".into(), (&**metric).into());
    }
    object.insert("state".into(), alert.state.name().into());
    object.insert("since".into(), rfc3339(alert.since));
    object.insert("reason".into(), alert.reason.as_str().into());
    Json::Object(object).to_string()
}

fn report_json(event: &Event) -> String {
    let mut object = match serde_json::to_value(event) {
        Ok(Json::Object(object)) => object,
        _ => Map::new(),
    };
    object.insert("kind".into(), "report".into());
    object.insert("since".into(), rfc3339(event.since));
    object.insert("time".into(), rfc3339(event.time));
    Json::Object(object).to_string()
}

fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}

fn rfc3339(millis: i64) -> Json {
    let text = time(millis).to_rfc3339_opts(SecondsFormat::Millis, true);
    text.into()
}
