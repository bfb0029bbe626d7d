//! Shows, exports and plots stored readings.

mod age;
mod alerts;
mod args;
mod check;
mod export;
mod grid;
mod interrupt;
mod latest;
mod open;
mod page;
mod period;
mod plot;
mod prune;
mod reindex;
mod rejected;
mod replacement;
mod screen;
mod series;
mod stdout;
mod table;
mod unmatched;
mod width;

use std::process::ExitCode;

use anyhow::Result;
use iot_cli::CommandLine;

fn main() -> ExitCode {
    let line = iot_cli::read_command(args::program(), std::env::args_os())
        .unwrap_or_else(|stop| stop.exit());
    run(&line).unwrap_or_else(|error| iot_cli::report("iot-view", &error))
}

fn run(line: &CommandLine) -> Result<ExitCode> {
    let (matches, origins) = (&line.matches, &line.origins);
    match line.name.as_str() {
        "latest" => latest::run(&args::parsed(matches)?),
        "export" => export::run(&args::parsed(matches)?, origins),
        "alerts" => alerts::run(&args::parsed(matches)?, origins),
        "rejected" => rejected::run(&args::parsed(matches)?, origins),
        "check" => check::run(&args::parsed(matches)?, origins),
        "prune" => prune::run(&args::parsed(matches)?, origins),
        "reindex" => reindex::run(&args::parsed(matches)?),
        "plot" => plot::run(&args::parsed(matches)?, origins),
        "page" => page::run(&args::parsed(matches)?, origins),
        other => unreachable!("there is no command `{other}`"),
    }
}
