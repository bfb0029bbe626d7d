//! `check`: what is odd about the readings, and about the file.

mod histogram;
mod integrity;
mod series_check;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::process::ExitCode;

use anyhow::Result;
use chrono::{DateTime, NaiveDate, Utc};
use iot_cli::{Origins, Timezone, counted, notify};
use iot_store::read::{Order, Row, RowQuestion, SeriesKey, TimeRange};

use self::series_check::{Finding, SeriesCheck};
use crate::args::CheckArgs;
use crate::interrupt::Interrupt;
use crate::open::open;
use crate::series::selected;
use crate::table::{Align, Table};
use crate::{stdout, unmatched};

/// Checks the readings of the filters. Exits with 1 if there is a finding that matters, or a
/// filter selects nothing.
pub(crate) fn run(args: &CheckArgs, origins: &Origins) -> Result<ExitCode> {
    args.command.verbosity().install();
    let now = iot_store::now();
    let period = args.period.period(now, None, origins)?;
    let mut reader = open(&args.store)?;
    let interrupt = Interrupt::listen()?;
    let mut check = Check {
        now,
        gap: args.gap,
        zone: period.zone,
        days: BTreeMap::new(),
        readings: 0,
        series: 0,
        present: None,
        findings: Vec::new(),
    };
    let filters = args.filter.filters();
    for (at, filter) in filters.iter().enumerate() {
        let question = RowQuestion {
            order: Order::Series,
            ..RowQuestion::new(
                filter.clone(),
                TimeRange {
                    since: period.since,
                    until: period.until,
                },
            )
        };
        reader.rows(&question, &mut |row| {
            let is_checked = filters[..at].iter().any(|other| other.matches(&row.key));
            if !is_checked {
                check.add(&row);
            }
            if interrupt.is_set() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        check.end_series();
        if interrupt.is_set() {
            return Err(interrupt
                .error("interrupted: the check is not complete")
                .into());
        }
    }
    let unmatched = if check.readings == 0 || filters.len() > 1 {
        let series = selected(&mut *reader, &filters, false)?;
        unmatched::lines(&mut *reader, &filters, &series)?
    } else {
        Vec::new()
    };
    let damage = integrity::damage(&args.store)?;
    check.print(reader.name(), damage.as_deref(), args.days)?;
    for line in &unmatched {
        notify("iot-view", line);
    }
    let matters =
        !unmatched.is_empty() || check.findings.iter().any(|(_, finding)| finding.matters());
    let is_damaged = damage.is_some_and(|damage| !damage.is_empty());
    Ok(ExitCode::from(u8::from(matters || is_damaged)))
}

struct Check {
    now: DateTime<Utc>,
    gap: Option<std::time::Duration>,
    zone: Timezone,
    days: BTreeMap<NaiveDate, u64>,
    readings: u64,
    series: u64,
    /// The series whose readings come.
    present: Option<(SeriesKey, SeriesCheck)>,
    findings: Vec<(SeriesKey, Finding)>,
}

impl Check {
    fn add(&mut self, row: &Row) {
        if self.present.as_ref().is_none_or(|(key, _)| *key != row.key) {
            self.end_series();
            self.series += 1;
            self.present = Some((row.key.clone(), SeriesCheck::default()));
        }
        self.readings += 1;
        let day = self.zone.local_time(row.time).date_naive();
        *self.days.entry(day).or_default() += 1;
        if let Some((_, check)) = &mut self.present {
            check.add(row, self.now);
        }
    }

    fn end_series(&mut self) {
        if let Some((key, check)) = self.present.take() {
            let found = check.findings(self.gap);
            self.findings
                .extend(found.into_iter().map(|finding| (key.clone(), finding)));
        }
    }

    fn print(&self, name: &str, damage: Option<&[String]>, days: usize) -> Result<()> {
        let mut lines = Vec::new();
        let mut about = Table::new(&[("store", Align::Left), (" ", Align::Left)]);
        about.push(["store".into(), name.to_owned()]);
        let readings = format!("{} in {} series", self.readings, self.series);
        about.push(["readings".into(), readings]);
        about.push([
            "file".into(),
            match damage {
                None => "not checked: a server checks its own".into(),
                Some([]) => "ok".into(),
                Some(damage) => damage.join("; "),
            },
        ]);
        lines.extend(about.lines().into_iter().skip(1));
        let mut by_day = Table::new(&[("day", Align::Left), ("readings", Align::Right)]);
        let skipped = self.days.len().saturating_sub(days);
        for (day, count) in self.days.iter().skip(skipped) {
            by_day.push([day.to_string(), count.to_string()]);
        }
        if !self.days.is_empty() && days > 0 {
            lines.push(String::new());
            lines.extend(by_day.lines());
        }
        if skipped > 0 {
            lines.push(format!(
                "and {} before (--days {})",
                counted(skipped as u64, "day"),
                self.days.len()
            ));
        }
        lines.push(String::new());
        if self.findings.is_empty() {
            lines.push("nothing odd".into());
        } else {
            lines.extend(self.findings().lines());
        }
        stdout::print_lines(&lines)
    }

    fn findings(&self) -> Table {
        let mut table = Table::new(&[
            ("finding", Align::Left),
            ("how many", Align::Right),
            ("series", Align::Left),
            ("the largest", Align::Left),
        ]);
        for (key, finding) in &self.findings {
            let example = finding.example(&self.zone);
            table.push([
                finding.name().into(),
                finding.count().to_string(),
                key.to_string(),
                example,
            ]);
        }
        table
    }
}
