//! The help: the options of daily use, or all of them with their variables.

use clap::builder::{Resettable, StyledStr};
use clap::{Arg, Command, Error};

/// The id of the option that prints the help with all options.
pub(crate) const HELP_ALL: &str = "help_all";

/// The examples come first.
const TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

/// Returns the help with the options of daily use.
pub(crate) fn daily(command: Command) -> Error {
    let name = command.get_name();
    let called = command.get_bin_name().unwrap_or(name);
    let has = |id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
    let mut more = Vec::new();
    if has(HELP_ALL) {
        more.push(format!(
            "All options, with their variables: {called} --help-all"
        ));
    } else if command.has_subcommands() {
        more.push(format!(
            "The options of a command: {name} COMMAND --help, or --help-all"
        ));
    }
    more.push(format!("The manual page: {name} --generate man | man -l -"));
    let more = more.join("\n");
    // Variables double the length; `--help-all` has them.
    let command = command.mut_args(|arg| arg.env(Resettable::Reset));
    print(with_end(command, &more))
}

/// Returns the help with all options.
pub(crate) fn all(command: Command) -> Error {
    let more = "Each option can be set on the command line, by its variable, or in an option file. \
                The command line wins over a variable, and a variable over the file.\n\n\
                A DURATION is 500ms, 10s, 5m, 1h or 2d; a number alone is in seconds.";
    let command = command.mut_args(|arg| arg.hide_short_help(false));
    print(with_end(command, more))
}

fn with_end(command: Command, more: &str) -> Command {
    let end = command.get_after_help().map(StyledStr::to_string);
    let end = end.map_or_else(String::new, |end| format!("{end}\n\n"));
    command.after_help(end + more).help_template(TEMPLATE)
}

/// Lets clap make the error that prints the help on a terminal in its colours.
fn print(mut command: Command) -> Error {
    let is_help = |arg: &Arg| arg.get_id() == "help";
    debug_assert!(command.get_arguments().any(is_help));
    let words = [command.get_name().to_owned(), "--help".to_owned()];
    let asked = command.try_get_matches_from_mut(words);
    asked.expect_err("--help prints the help")
}
