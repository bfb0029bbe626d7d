//! `latest`: the latest reading of each series.

mod json;
mod line;
mod watch;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use iot_cli::{Origins, notify, stdout_failure};
use iot_store::read::{Reader, Series, SeriesFilter};

use crate::args::LatestArgs;
use crate::open::open;
use crate::series::selected;

/// Prints the latest readings. Exits with 1 if one of them is silent, and that was asked for.
pub(crate) fn run(args: LatestArgs, _origins: &Origins) -> Result<ExitCode> {
    args.command.verbosity().install();
    let mut reader = open(&args.store)?;
    let selection = Selection {
        filters: args.filter.filters(),
        silent: args.silent,
    };
    if let Some(interval) = args.watch {
        return watch::run(&mut *reader, &selection, interval);
    }
    let now = Utc::now();
    let series = selection.series(&mut *reader, now)?;
    let mut out = Vec::new();
    if args.json {
        series.iter().for_each(|one| json::push(one, now, &mut out));
    } else if !series.is_empty() {
        for line in line::table(&series, now).lines() {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        }
    }
    print(&out)?;
    if series.is_empty() && args.silent.is_none() {
        notify(
            "iot-view",
            &format!("no readings of these topics in {}", reader.name()),
        );
    }
    let is_silent = args.silent.is_some() && !series.is_empty();
    Ok(ExitCode::from(u8::from(is_silent)))
}

/// Which series are printed.
struct Selection {
    filters: Vec<SeriesFilter>,
    /// Only those without a reading for so long.
    silent: Option<Duration>,
}

impl Selection {
    fn series(&self, reader: &mut dyn Reader, now: DateTime<Utc>) -> Result<Vec<Series>> {
        let mut series = selected(reader, &self.filters, true)?;
        series.retain(|one| {
            one.last
                .as_ref()
                .is_some_and(|last| self.takes(last.time, now))
        });
        Ok(series)
    }

    fn takes(&self, last: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let Some(silent) = self.silent else {
            return true;
        };
        // Longer than any age: nothing is silent for that long.
        TimeDelta::from_std(silent).is_ok_and(|silent| now - last > silent)
    }
}

fn print(out: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(out).and_then(|()| stdout.flush());
    match written.err().and_then(|error| stdout_failure(&error)) {
        Some(failure) => bail!(failure),
        None => Ok(()),
    }
}
