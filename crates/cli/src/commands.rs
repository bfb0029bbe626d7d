//! Programs whose first word is a command, as in `iot-view latest`. Each command has its own
//! options, which come from the command line, variables and the option file as for any program.

use std::ffi::{OsStr, OsString};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Args as _, Command};

use crate::generate::{self, GENERATE, GenerateArgs};
use crate::help;
use crate::origin::Origins;
use crate::printable::printable;
use crate::read::{Stop, read_options};

/// What a command line asks for.
#[derive(Debug)]
pub struct CommandLine {
    /// The command's name.
    pub name: String,
    /// Its options.
    pub matches: ArgMatches,
    /// Where each option comes from.
    pub origins: Origins,
}

/// Returns the command that `words` name, with its options from all layers. `program` has the
/// commands as subcommands, and no options of its own.
///
/// # Errors
/// What is wrong with them, or what was asked for instead: the help, a manual page.
pub fn read_command(
    program: Command,
    words: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<CommandLine, Stop> {
    let program = with_options(program);
    let name = program.get_name().to_owned();
    let usage = |line| Stop::Usage {
        name: name.clone(),
        line,
    };
    let mut words: Vec<OsString> = words.into_iter().map(Into::into).skip(1).collect();
    let Some(at) = position(&program, &words) else {
        return Err(without_command(program, &words));
    };
    let mut word = words.remove(at);
    if word == "help" {
        match position(&program, &words) {
            Some(next) => word = words.remove(next),
            None => return Err(without_command(program, &["--help".into()])),
        }
        words = vec!["--help".into()];
    }
    let Some(command) = program.find_subcommand(&word) else {
        return Err(usage(unknown(program, &word)));
    };
    let called = command.get_name().to_owned();
    let siblings = program.get_subcommands();
    let siblings: Vec<Command> = siblings
        .filter(|other| other.get_name() != called)
        .cloned()
        .collect();
    let command = flat(&name, command.clone());
    let (matches, origins) = read_options(&name, command, siblings, words)?;
    Ok(CommandLine {
        name: called,
        matches,
        origins,
    })
}

/// Returns a command as a program of its own: named as the program, for its option file, and called
/// by both words.
fn flat(program: &str, command: Command) -> Command {
    let called = format!("{program} {}", command.get_name());
    command.name(program.to_owned()).bin_name(called)
}

fn with_options(program: Command) -> Command {
    let flag = |id: &'static str, help: &'static str, action| {
        let arg = Arg::new(id).long(id).help(help).action(action);
        arg.help_heading("Program")
    };
    let about = program.get_about().cloned();
    let program = GenerateArgs::augment_args(program)
        .about(about.unwrap_or_default())
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .arg(flag("version", "Print the version", ArgAction::Version))
        .arg(flag("help", "Print this help", ArgAction::HelpShort).short('h'));
    program.mut_arg(GENERATE, |arg| arg.hide_short_help(false))
}

/// Returns where the command is among the words: the first one that is neither an option nor an
/// option's value.
fn position(program: &Command, words: &[OsString]) -> Option<usize> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let text = word.to_string_lossy();
        if !text.starts_with('-') || text == "-" {
            return Some(at);
        }
        let takes_next = !text.contains('=') && takes_value(program, &text);
        at += if takes_next { 2 } else { 1 };
    }
    None
}

/// Returns whether the option, of the program or of one of its commands, has its value in the next
/// word.
fn takes_value(program: &Command, option: &str) -> bool {
    let is_named = |arg: &&Arg| match option.strip_prefix("--") {
        Some(name) => arg.get_long() == Some(name),
        None => option.len() == 2 && arg.get_short() == option.chars().nth(1),
    };
    let commands = std::iter::once(program).chain(program.get_subcommands());
    let mut arguments = commands.flat_map(Command::get_arguments);
    let found = arguments.find(is_named);
    found.is_some_and(|arg| {
        let least = arg.get_num_args().map_or(1, |range| range.min_values());
        arg.get_action().takes_values() && least > 0
    })
}

/// What a command line without a command asks for, or what is wrong with it.
fn without_command(program: Command, words: &[OsString]) -> Stop {
    let name = program.get_name().to_owned();
    let bare = without_commands(&program);
    let called = [OsString::from(&name)].into_iter();
    let parsed = bare
        .clone()
        .try_get_matches_from(called.chain(words.iter().cloned()));
    if let Some(kind) = parsed
        .ok()
        .and_then(|matches| matches.get_one(GENERATE).copied())
    {
        let text = generate::generate(program, kind);
        return Stop::Print { name, text };
    }
    let siblings = program.get_subcommands().cloned().collect();
    match read_options(&name, bare, siblings, words.to_vec()) {
        Err(Stop::Show { name, error }) if error.kind() == ErrorKind::DisplayHelp => Stop::Show {
            name,
            error: help::daily(program),
        },
        Err(Stop::Usage { name, .. }) if words == ["--help-all"] => Stop::Show {
            name,
            error: help::all(program),
        },
        Err(stop) => stop,
        Ok(_) => missing(&program),
    }
}

fn missing(program: &Command) -> Stop {
    let names: Vec<&str> = program.get_subcommands().map(Command::get_name).collect();
    Stop::Usage {
        name: program.get_name().to_owned(),
        line: format!(
            "a command is missing: {} (--help prints the help)",
            names.join(", ")
        ),
    }
}

fn without_commands(program: &Command) -> Command {
    let arguments: Vec<Arg> = program.get_arguments().cloned().collect();
    let mut bare = Command::new(program.get_name().to_owned())
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(arguments);
    if let Some(version) = program.get_version() {
        bare = bare.version(version.to_owned());
    }
    bare
}

fn unknown(mut program: Command, word: &OsStr) -> String {
    let shown = word.to_string_lossy();
    let shown = printable(&shown);
    let called = [OsString::from(program.get_name()), word.to_owned()];
    let error = program.try_get_matches_from_mut(called).err();
    let suggestion =
        error
            .as_ref()
            .and_then(|error| match error.get(ContextKind::SuggestedSubcommand)? {
                // The most similar one comes last.
                ContextValue::Strings(names) => names.last().cloned(),
                ContextValue::String(name) => Some(name.clone()),
                _ => None,
            });
    match suggestion {
        Some(name) => format!("unknown command `{shown}` (did you mean `{name}`?)"),
        None => format!("unknown command `{shown}` (--help lists the commands)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_args::CommandArgs;

    fn program() -> Command {
        let option = |id: &'static str| Arg::new(id).long(id).action(ArgAction::Set);
        let flag = |id: &'static str| Arg::new(id).long(id).action(ArgAction::SetTrue);
        let word = Arg::new("filter");
        let command = |name: &'static str| {
            let command = Command::new(name).disable_help_flag(true);
            CommandArgs::augment_args(command)
                .arg(option("store"))
                .arg(word.clone())
        };
        Command::new("prog")
            .version("1.0")
            .subcommand(command("latest").arg(flag("json")))
            .subcommand(command("export"))
    }

    fn line(words: &[&str]) -> Result<(String, Option<String>, Option<String>), String> {
        let words = ["prog"].iter().chain(words);
        match read_command(program(), words.map(OsString::from)) {
            Ok(line) => {
                let text = |id| line.matches.get_one::<String>(id).cloned();
                Ok((line.name, text("store"), text("filter")))
            }
            Err(Stop::Usage { line, .. }) => Err(line),
            Err(Stop::Show { error, .. }) => Err(error.to_string()),
            Err(Stop::Print { text, .. }) => Err(String::from_utf8(text).unwrap()),
        }
    }

    #[test]
    fn options_stand_before_or_behind_the_command() {
        let some = |text: &str| Some(text.to_owned());
        for words in [
            &["latest", "--store", "x", "a/#"][..],
            &["--store", "x", "latest", "a/#"],
            &["--store=x", "latest", "a/#"],
        ] {
            let expected = ("latest".to_owned(), some("x"), some("a/#"));
            assert_eq!(line(words), Ok(expected), "{words:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_command_stands_in_one_line() {
        for (words, expected) in [
            (
                &[][..],
                "a command is missing: latest, export (--help prints the help)",
            ),
            (
                &["lates"],
                "unknown command `lates` (did you mean `latest`?)",
            ),
            (
                &["x\u{1b}y"],
                "unknown command `x\\u{1b}y` (--help lists the commands)",
            ),
            (
                &["export", "--json"],
                "unknown option `--json` (--help lists the options)",
            ),
            (
                &["--what"],
                "unknown option `--what` (--help lists the options)",
            ),
        ] {
            assert_eq!(line(words), Err(expected.to_owned()), "{words:?}");
        }
    }

    #[test]
    fn the_help_the_version_and_what_is_generated() {
        let help = line(&["--help"]).unwrap_err();
        assert!(
            help.contains("Usage: prog") && help.contains("latest"),
            "{help}"
        );
        let all = line(&["--help-all"]).unwrap_err();
        assert!(all.contains("latest") && all.contains("export"), "{all}");
        assert_eq!(line(&["--version"]).unwrap_err(), "prog 1.0\n");
        for words in [&["help"][..], &["help", "latest"], &["--generate", "man"]] {
            assert!(line(words).is_err(), "{words:?}");
        }
        let fish = line(&["--generate", "fish"]).unwrap_err();
        assert!(fish.contains("latest") && fish.contains("store"), "{fish}");
    }
}
