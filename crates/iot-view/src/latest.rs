//! `latest`: the latest reading of each series.

mod json;
mod line;
mod selection;
mod watch;
mod watched_file;

use std::process::ExitCode;

use anyhow::Result;
use iot_cli::notify;

use self::selection::Selection;
use crate::args::LatestArgs;
use crate::open::open;
use crate::stdout;

/// Prints the latest readings. Exits with 1 if silent ones are asked for, and one is
/// silent or a filter selects none.
pub(crate) fn run(args: &LatestArgs) -> Result<ExitCode> {
    args.command.verbosity().install();
    let mut reader = open(&args.store)?;
    let selection = Selection {
        filters: args.filter.filters(),
        silent: args.silent,
    };
    if let Some(interval) = args.watch {
        return watch::run(&mut *reader, &args.store, &selection, interval);
    }
    let now = iot_store::now();
    let (series, unmatched) = selection.series(&mut *reader, now)?;
    if args.json {
        let lines = series.iter().filter_map(|one| json::line(one, now));
        stdout::print_lines(&lines.collect::<Vec<_>>())?;
    } else if !series.is_empty() {
        stdout::print_lines(&line::table(&series, now).lines())?;
    }
    for line in &unmatched {
        notify("iot-view", line);
    }
    // A sensor that was never heard is silent, too.
    let is_any = !series.is_empty() || !unmatched.is_empty();
    Ok(ExitCode::from(u8::from(args.silent.is_some() && is_any)))
}
