//! `latest`: the latest reading of each series.

mod json;
mod line;
mod watch;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use iot_cli::{Origins, notify};
use iot_store::read::{Reader, Series, SeriesFilter};

use crate::args::LatestArgs;
use crate::open::open;
use crate::series::selected;
use crate::stdout;

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
    if args.json {
        let lines = series.iter().filter_map(|one| json::line(one, now));
        stdout::print_lines(&lines.collect::<Vec<_>>())?;
    } else if !series.is_empty() {
        stdout::print_lines(&line::table(&series, now).lines())?;
    }
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
