//! `prune`: deletes old readings.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Result;
use chrono::DateTime;
use iot_cli::{Moment, Origins, Timezone, UsageError, notify};
use iot_store::upkeep::prune;
use iot_store::{Expiry, Pruned};

use crate::args::PruneArgs;
use crate::interrupt::Interrupt;

/// Deletes what is older, after a question.
pub(crate) fn run(args: &PruneArgs, origins: &Origins) -> Result<ExitCode> {
    args.command.verbosity().install();
    let zone = args.timezone.clone().unwrap_or_else(Timezone::local);
    let now = iot_store::now();
    let older_than = args.older_than.unwrap_or(Moment::At(DateTime::UNIX_EPOCH));
    let before = older_than
        .begin(now, &zone)
        .map_err(|why| UsageError::new(format!("{}: {why}", origins.name("older_than"))))?;
    let (store, collection) = (args.store.text()?, &args.store.collection);
    let name = args.store.name()?;
    let time = zone.local_time(before).format("%F %T").to_string();
    if before > now {
        let line = format!(
            "{} is in the future: all would go",
            origins.name("older_than")
        );
        return Err(UsageError::new(line).into());
    }
    if !args.yes && !is_confirmed(&format!("Delete what is older than {time} from `{name}`?"))? {
        notify("iot-view", "nothing is deleted");
        return Ok(ExitCode::FAILURE);
    }
    let interrupt = Interrupt::listen()?;
    let expiry = Expiry {
        before,
        keep_rollups: args.keep_rollups,
    };
    let done = prune(&store, collection, expiry, &mut |_| !interrupt.is_set())?;
    let Pruned {
        readings,
        rejections,
    } = done;
    let amount = format!("{readings} readings and {rejections} rejected messages");
    if interrupt.is_set() {
        return Err(interrupt
            .error(&format!("interrupted: deleted {amount}"))
            .into());
    }
    notify("iot-view", &format!("deleted {amount} older than {time}"));
    Ok(ExitCode::SUCCESS)
}

/// Asks on the terminal; without one, `--yes` is needed.
fn is_confirmed(question: &str) -> Result<bool, UsageError> {
    let is_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !is_terminal {
        let line = "nobody can be asked without a terminal (give --yes)";
        return Err(UsageError::new(line));
    }
    let question = format!("{} [y/N] ", iot_cli::printable(question));
    let _ = io::stderr().write_all(question.as_bytes());
    let mut answer = String::new();
    let _ = io::stdin().lock().read_line(&mut answer);
    let answer = answer.trim().to_ascii_lowercase();
    Ok(answer == "y" || answer == "yes")
}
