//! `--watch`: the table on a terminal, again and again.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::Local;
use iot_cli::{UsageError, printable};
use iot_store::read::Reader;

use super::line::table;
use super::selection::Selection;
use super::watched_file::WatchedFile;
use crate::args::StoreArgs;
use crate::interrupt::Interrupt;
use crate::screen;

/// How soon a signal is noticed.
const STEP: Duration = Duration::from_millis(50);

/// Prints the table every `interval`, until a signal comes. A store that does not answer is
/// reported in its place, and asked again.
///
/// # Errors
/// There is no terminal, or the file of the store is deleted or replaced.
pub(super) fn run(
    reader: &mut dyn Reader,
    store: &StoreArgs,
    selection: &Selection,
    interval: Duration,
) -> Result<ExitCode> {
    if !io::stdout().is_terminal() {
        return Err(UsageError::new("--watch needs a terminal (leave it out)").into());
    }
    let interrupt = Interrupt::listen()?;
    let file = WatchedFile::of(store)?;
    let _screen = screen::Screen::open()?;
    while !interrupt.is_set() {
        let next = Instant::now() + interval;
        if let Some(file) = &file {
            file.check()?;
        }
        draw(&lines(reader, selection))?;
        while Instant::now() < next && !interrupt.is_set() {
            thread::sleep(STEP.min(next.saturating_duration_since(Instant::now())));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(reader: &mut dyn Reader, selection: &Selection) -> Vec<String> {
    let now = iot_store::now();
    let time = now.with_timezone(&Local).format("%H:%M:%S");
    let head = format!("{}  {time}  (Ctrl-C ends)", printable(reader.name()));
    let mut lines = vec![head, String::new()];
    match selection.series(reader, now) {
        Ok((series, unmatched)) => {
            if !series.is_empty() {
                lines.extend(table(&series, now).lines());
            }
            let unmatched = unmatched.iter().map(|line| printable(line).into_owned());
            lines.extend(unmatched);
        }
        Err(error) => lines.push(printable(&error.to_string()).into_owned()),
    }
    lines
}

/// Writes the lines over those before, as many as fit.
fn draw(lines: &[String]) -> Result<()> {
    let (columns, rows) = screen::size();
    let mut out = String::from("\x1b[H");
    let hidden = lines.len().saturating_sub(rows);
    for (at, line) in lines.iter().take(rows).enumerate() {
        if at > 0 {
            out.push_str("\r\n");
        }
        if hidden > 0 && at + 1 == rows {
            let more = format!("… {} more lines", hidden + 1);
            out.push_str(&more);
        } else {
            out.push_str(&screen::cut(line, columns));
        }
        out.push_str("\x1b[K");
    }
    out.push_str("\x1b[J");
    let mut stdout = io::stdout().lock();
    stdout.write_all(out.as_bytes())?;
    Ok(stdout.flush()?)
}
