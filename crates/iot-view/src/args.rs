//! The commands and their options.

mod alerts;
mod check;
mod export;
mod filter;
mod latest;
mod page;
mod period;
mod plot;
mod prune;
mod reindex;
mod rejected;
mod store;

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};
use iot_cli::UsageError;

pub(crate) use alerts::AlertsArgs;
pub(crate) use check::CheckArgs;
pub(crate) use export::{Aggregate, ExportArgs, Format};
pub(crate) use latest::LatestArgs;
pub(crate) use page::PageCommand;
pub(crate) use plot::{PlotArgs, Size};
pub(crate) use prune::PruneArgs;
pub(crate) use reindex::ReindexArgs;
pub(crate) use rejected::RejectedArgs;
pub(crate) use store::StoreArgs;

const EXAMPLES: &str = "\
Examples:
  iot-view latest --store sqlite:iot.db --silent 10m
  iot-view export 'home/#' --since yesterday --until yesterday -o day.csv
  iot-view plot home/kitchen/temp --since 24h
";

const ABOUT: &str = "Show, export and plot stored readings";

const FILTERS: &str = "A FILTER is a topic filter, as in home/+/temp or home/#, or TOPIC#METRIC for one value of messages \
                       that have several. Without one, a command is about all readings.";

/// Returns the program with its commands.
pub(crate) fn program() -> Command {
    let commands = [
        LatestArgs::command(),
        ExportArgs::command(),
        PlotArgs::command(),
        AlertsArgs::command(),
        RejectedArgs::command(),
        CheckArgs::command(),
        PruneArgs::command(),
        ReindexArgs::command(),
        PageCommand::command(),
    ];
    let program = Command::new("iot-view")
        .about(ABOUT)
        .version(env!("CARGO_PKG_VERSION"))
        .before_help(EXAMPLES)
        .after_help(FILTERS)
        .max_term_width(100)
        .subcommand_required(true);
    commands.into_iter().fold(program, |program, command| {
        program.subcommand(
            command
                .max_term_width(100)
                .args_override_self(true)
                .disable_help_flag(true)
                .version(env!("CARGO_PKG_VERSION"))
                .disable_version_flag(true),
        )
    })
}

/// Returns a command's options.
///
/// # Errors
/// [`UsageError`] for what clap finds only now.
pub(crate) fn parsed<A: FromArgMatches>(matches: &ArgMatches) -> Result<A, UsageError> {
    A::from_arg_matches(matches).map_err(|error| UsageError::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_has_a_short_help_that_begins_with_a_verb_and_a_variable() {
        for command in program().get_subcommands() {
            let faults = iot_cli::help_faults(command.clone());
            assert_eq!(faults, Vec::<String>::new(), "{}", command.get_name());
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        program().debug_assert();
    }
}
