//! `reindex`: makes the rollups of a store.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use iot_cli::{is_quiet, notify};
use iot_store::Reindexed;
use iot_store::upkeep::reindex;

use crate::args::ReindexArgs;
use crate::interrupt::Interrupt;

/// Makes what is missing. What is done stays when it is interrupted.
pub(crate) fn run(args: &ReindexArgs) -> Result<ExitCode> {
    args.command.verbosity().install();
    let (store, collection) = (args.store.text()?, &args.store.collection);
    let interrupt = Interrupt::listen()?;
    let is_shown = io::stderr().is_terminal() && !is_quiet();
    let done = reindex(&store, collection, args.all, &mut |done| {
        if is_shown {
            let _ = io::stderr().write_all(format!("\r{}\x1b[K", amount(done)).as_bytes());
        }
        !interrupt.is_set()
    });
    if is_shown {
        let _ = io::stderr().write_all(b"\r\x1b[K");
    }
    let done = done?;
    if interrupt.is_set() {
        let line = format!("interrupted after {}: the next run continues", amount(done));
        return Err(interrupt.error(&line).into());
    }
    match done.readings {
        0 => notify("iot-view", "all rollups are there (--all makes them again)"),
        _ => notify("iot-view", &format!("made the rollups of {}", amount(done))),
    }
    Ok(ExitCode::SUCCESS)
}

fn amount(done: Reindexed) -> String {
    let Reindexed {
        readings,
        series,
        all_series,
    } = done;
    format!("{readings} readings, {series} of {all_series} series")
}
