//! `export`: stored readings as CSV, JSON, Parquet or line protocol.

mod csv;
mod encoder;
mod json;
mod line_protocol;
mod long;
mod merge;
mod output;
mod parquet;
mod progress;
mod record;
mod steps;
mod wide;

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use iot_cli::{Origins, UsageError};
use iot_store::read::TimeRange;

use crate::args::{ExportArgs, Format};
use crate::export::encoder::Encoder;
use crate::export::output::{Output, Stopped};
use crate::export::progress::Progress;
use crate::interrupt::Interrupt;
use crate::open::open;
use crate::series::selected;
use crate::{replacement, unmatched};

/// Writes the readings.
pub(crate) fn run(args: &ExportArgs, origins: &Origins) -> Result<ExitCode> {
    args.command.verbosity().install();
    args.check(origins)?;
    let now = iot_store::now();
    let period = args.period.period(now, None, origins)?;
    let format = format(args, origins)?;
    let path = args
        .output
        .as_deref()
        .filter(|path| *path != Path::new("-"));
    if format == Format::Parquet && path.is_none() && io::stdout().is_terminal() {
        let line = "Parquet is no text for a terminal (give -o FILE)";
        return Err(UsageError::new(line).into());
    }
    // A file that cannot be written is an error before the store is read.
    let target = path.map(replacement::create).transpose()?;
    let filters = args.filter.filters();
    let mut reader = open(&args.store)?;
    let range = TimeRange {
        since: period.since,
        until: period.until,
    };
    // The series are wanted for columns and for steps only.
    let series = if args.wide || args.every.is_some() {
        selected(&mut *reader, &filters, args.every.is_some())?
    } else {
        Vec::new()
    };
    let layout = match (args.wide, args.every) {
        (true, _) => wide::layout(&series, args.every.and(Some(&args.aggregate))),
        (false, Some(_)) => record::Layout::Steps(args.aggregate.clone()),
        (false, None) => record::Layout::Long,
    };
    let encoder: Box<dyn Encoder> = match format {
        Format::Csv => Box::new(csv::Csv::new(layout)),
        Format::Json => Box::new(json::Json::new(layout)),
        Format::LineProtocol => Box::new(line_protocol::LineProtocol::new(layout)),
        Format::Parquet => Box::new(parquet::Parquet::new(&layout)?),
    };
    let interrupt = Interrupt::listen()?;
    let progress = Progress::new(path, range, now);
    let is_text = format != Format::Parquet;
    let mut output = Output::open(path, target, is_text, encoder, progress, interrupt)?;
    let done = match args.every {
        Some(every) => {
            let steps = steps::Steps {
                every,
                aggregates: &args.aggregate,
                wide: args.wide,
                zone: &period.zone,
                range,
            };
            steps.write(&mut *reader, &series, &mut output)
        }
        None if args.wide => {
            wide::write(&args.store, reader, &filters, range, &series, &mut output)
        }
        None => long::write(&args.store, reader, &filters, range, &mut output),
    };
    let is_empty = output.rows() == 0;
    match done.and_then(|()| output.finish()) {
        Ok(()) if is_empty => {
            unmatched::explain(&mut *open(&args.store)?, &filters, range, &period.zone)?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(()) | Err(Stopped::ReaderGone) => Ok(ExitCode::SUCCESS),
        Err(Stopped::Failed(error)) => Err(error),
    }
}

/// Returns the format that is named, else that of the file's name.
fn format(args: &ExportArgs, origins: &Origins) -> Result<Format, UsageError> {
    if origins.is_set("format") {
        return Ok(args.format);
    }
    let extension = args.output.as_deref().and_then(Path::extension);
    match extension.map(|extension| extension.to_str().unwrap_or_default()) {
        Some("parquet") => Ok(Format::Parquet),
        Some("json" | "jsonl" | "ndjson") => Ok(Format::Json),
        Some("lp" | "line") => Ok(Format::LineProtocol),
        None | Some("csv" | "txt") => Ok(args.format),
        Some(other) => Err(UsageError::new(format!(
            "no format has files named .{other} (.csv, .json, .parquet and .lp are known; --format csv writes CSV under any name)"
        ))),
    }
}
