//! Reads what was given: the command line before the variables before the option file.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, FromArgMatches};

use crate::given::Given;
use crate::{generate, option_file, words};

/// Returns what the command line `words`, `IOT_…` variables and the option file mean together, and
/// where each value comes from. Prints and ends the program where a completion or the manual page is
/// asked for.
///
/// # Errors
/// What is wrong with them, or the help that was asked for.
pub fn read<A: CommandFactory + FromArgMatches>(
    words: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<(A, Given), clap::Error> {
    let command = with_negative_numbers(A::command());
    let mut built = command.clone();
    built.build();
    let words = words::join(&built, words.into_iter().map(Into::into));
    let typed = command.clone().try_get_matches_from(&words)?;
    if let Some(what) = typed.get_one(generate::GENERATE) {
        generate::print(command, *what);
        std::process::exit(0);
    }
    let file = typed.get_one::<PathBuf>(option_file::OPTIONS_FILE);
    let (mut command, in_file) = option_file::apply(command, file)
        .map_err(|line| built.error(ErrorKind::ValueValidation, line))?;
    let matches = command.try_get_matches_from_mut(words)?;
    let args = A::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((args, Given::new(matches, in_file)))
}

/// Has `-1` behind an option be its value, for the option to say what is wrong with it: an option of
/// that name there never is.
fn with_negative_numbers(command: Command) -> Command {
    command.mut_args(|arg| {
        let takes = arg.get_action().takes_values();
        arg.allow_negative_numbers(takes)
    })
}
