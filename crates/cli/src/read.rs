//! Reads the options: command line, variables and option file.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::generate::{self, GENERATE};
use crate::help::{self, HELP_ALL};
use crate::merge::{self, TypedError};
use crate::mosquitto::{self, MOSQUITTO};
use crate::option_file::{self, OPTIONS_FILE};
use crate::origin::{Origins, Setting, Value};
use crate::parser::Parser;
use crate::printable::printable_line;
use crate::printer::stdout_failure;
use crate::report::{notify, wrong_usage};
use crate::typed::{self, Typed};
use crate::variables;

/// Why a program ends before it has begun.
#[derive(Debug)]
pub enum Stop {
    /// This is to be printed on stdout: exit code 0.
    Print {
        /// The program's name.
        name: String,
        /// What to print.
        text: Vec<u8>,
    },
    /// The help or the version is to be printed.
    Show {
        /// The program's name.
        name: String,
        /// What clap prints.
        error: clap::Error,
    },
    /// Wrong usage, in one line: exit code 2.
    Usage {
        /// The program's name.
        name: String,
        /// What is wrong.
        line: String,
    },
}

impl Stop {
    /// Prints what there is to print and ends the program.
    pub fn exit(self) -> ! {
        match self {
            Self::Show { name, error } => end_of_print(&name, error.print()),
            Self::Print { name, text } => {
                let mut stdout = io::stdout().lock();
                let written = stdout.write_all(&text).and_then(|()| stdout.flush());
                end_of_print(&name, written)
            }
            Self::Usage { name, line } => {
                let line = format!("{name}: {}\n", printable_line(&line));
                let _ = io::stderr().write_all(line.as_bytes());
                process::exit(wrong_usage().into());
            }
        }
    }
}

/// Ends the program with exit code 0, or 1 if stdout cannot be written.
fn end_of_print(name: &str, written: io::Result<()>) -> ! {
    let failure = written.err().and_then(|error| stdout_failure(&error));
    if let Some(failure) = &failure {
        let _ = io::stderr().write_all(format!("{name}: {failure}\n").as_bytes());
    }
    // mosquitto's programs fail when they are asked for help.
    process::exit(i32::from(failure.is_some() || mosquitto::is_on()));
}

/// Returns what the command line `words`, the `IOT_…` variables and the option file mean together,
/// and where each option comes from.
///
/// # Errors
/// What is wrong with them, or what was asked for instead: the help, a manual page.
pub fn read<A: CommandFactory + FromArgMatches>(
    words: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<(A, Origins), Stop> {
    let mut command = A::command();
    let mut words: Vec<OsString> = words.into_iter().map(Into::into).collect();
    let mut name = command.get_name().to_owned();
    if takes_mosquittos_place(&mut words, &command) {
        mosquitto::turn_on();
        let called = mosquitto::name(&command);
        command = command.name(called);
        "Error".clone_into(&mut name);
    }
    let words = words.into_iter().skip(1);
    let (matches, origins) = read_options(&name, command, Vec::new(), words)?;
    let args = A::from_arg_matches(&matches).map_err(|error| Stop::Usage {
        name,
        line: error.to_string(),
    })?;
    Ok((args, origins))
}

/// Returns what the words, the variables and the option file mean together. An option file may have
/// options of `siblings`, too.
///
/// # Errors
/// What is wrong with them, or what was asked for instead.
pub(crate) fn read_options(
    name: &str,
    command: Command,
    siblings: Vec<Command>,
    words: impl IntoIterator<Item = OsString>,
) -> Result<(ArgMatches, Origins), Stop> {
    let usage = |line| Stop::Usage {
        name: name.to_owned(),
        line,
    };
    let mut parser = Parser::new(command.clone()).with_siblings(siblings);
    let typed = typed::read(parser.command(), words).map_err(usage)?;
    match merge::check_typed(&mut parser, &typed) {
        Ok(Some(matches)) => {
            if let Ok(Some(kind)) = matches.try_get_one(GENERATE) {
                let text = generate::generate(command, *kind);
                let name = name.to_owned();
                return Err(Stop::Print { name, text });
            }
        }
        Ok(None) => {}
        Err(TypedError::Show(error)) => {
            let error = show(command, &typed, error);
            let name = name.to_owned();
            return Err(Stop::Show { name, error });
        }
        Err(TypedError::Wrong(line)) => return Err(usage(line)),
    }
    // mosquitto's programs know none.
    let variable = |name: &OsStr| std::env::var_os(name).filter(|_| !mosquitto::is_on());
    let variables = variables::read(&command, &variable).map_err(usage)?;
    let named = named_file(&typed, &command, &variable);
    let file = option_file::read(&mut parser, named.as_deref()).map_err(usage)?;
    let (matches, origins) = merge::merge(&mut parser, typed, variables, file).map_err(usage)?;
    let is_quiet = matches!(matches.try_get_one("quiet"), Ok(Some(true)));
    if !is_quiet && !mosquitto::is_on() {
        let commands: Vec<&Command> = parser.siblings().iter().chain([&command]).collect();
        let set = std::env::vars_os().map(|(name, _)| name);
        for line in variables::misspelt(&commands, set) {
            notify(name, &line);
        }
    }
    Ok((matches, origins))
}

/// Returns whether the program is called by the name of mosquitto's, which the words then say as an
/// option, or by that option.
fn takes_mosquittos_place(words: &mut Vec<OsString>, command: &Command) -> bool {
    let option = OsString::from(format!("--{MOSQUITTO}"));
    let Some((program, options)) = words.split_first() else {
        return false;
    };
    // As the value of another option, it would be no option; nobody publishes that text.
    if options.contains(&option) {
        return true;
    }
    let is_called = mosquitto::is_called(program, command);
    if is_called {
        words.insert(1, option);
    }
    is_called
}

/// Returns what to print for `--help`, `--help-all` or `--version`.
fn show(command: Command, typed: &Typed, error: clap::Error) -> clap::Error {
    let wants_all = typed.settings.iter().any(|setting| setting.id == HELP_ALL);
    match error.kind() {
        ErrorKind::DisplayHelp if wants_all => help::all(command),
        ErrorKind::DisplayHelp => help::daily(command),
        _ => error,
    }
}

/// Returns the option file that the command line names, else the one of the variable.
fn named_file(
    typed: &Typed,
    command: &Command,
    variable: &dyn Fn(&OsStr) -> Option<OsString>,
) -> Option<PathBuf> {
    let is_named = |setting: &&Setting| setting.id == OPTIONS_FILE;
    let is_file = |arg: &&Arg| arg.get_id() == OPTIONS_FILE;
    if let Some(setting) = typed.settings.iter().rfind(is_named)
        && let Value::Text(path) = &setting.value
    {
        return Some(path.into());
    }
    let arg = command.get_arguments().find(is_file)?;
    variable(arg.get_env()?).map(PathBuf::from)
}
