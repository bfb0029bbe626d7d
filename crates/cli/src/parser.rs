//! clap as the judge of which options go together.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command, Error};

use crate::origin::{Origins, Setting};
use crate::url;

/// A program's command for repeated parsing. It knows no variables: these are words like others.
pub(crate) struct Parser {
    command: Command,
    /// The other commands of the program.
    siblings: Vec<Command>,
}

impl Parser {
    pub(crate) fn new(command: Command) -> Self {
        let mut command = url::with_schemes(command).mut_args(|arg| {
            // `-1` behind an option is its value, for the option to say what is wrong with it.
            let takes = arg.get_action().takes_values();
            arg.env(Resettable::Reset).allow_negative_numbers(takes)
        });
        command.build();
        debug_assert!(command.get_arguments().all(is_named_as_its_id));
        Self {
            command,
            siblings: Vec::new(),
        }
    }

    /// Adds the other commands of the program, whose options an option file may have.
    pub(crate) fn with_siblings(self, siblings: Vec<Command>) -> Self {
        Self { siblings, ..self }
    }

    pub(crate) fn siblings(&self) -> &[Command] {
        &self.siblings
    }

    pub(crate) fn command(&self) -> &Command {
        &self.command
    }

    pub(crate) fn parse(
        &mut self,
        words: impl IntoIterator<Item = OsString>,
    ) -> Result<ArgMatches, Error> {
        let name = OsString::from(self.command.get_name());
        let words = [name].into_iter().chain(words);
        self.command.try_get_matches_from_mut(words)
    }

    /// Returns which options other ones require and which are missing.
    pub(crate) fn missing(
        &mut self,
        words: impl IntoIterator<Item = OsString>,
    ) -> BTreeSet<String> {
        match self.parse(words) {
            Err(error) => missing_in(&error),
            Ok(_) => BTreeSet::new(),
        }
    }

    /// Returns the first setting that requires what the error says is missing.
    pub(crate) fn requirer<'a>(
        &mut self,
        missing: &BTreeSet<String>,
        origins: &'a Origins,
    ) -> Option<&'a Setting> {
        origins.settings().find(|setting| {
            let needed = self.missing(setting.word());
            needed.intersection(missing).next().is_some()
        })
    }
}

/// Settings become words by their ids. What has no name is typed only.
fn is_named_as_its_id(arg: &Arg) -> bool {
    arg.is_positional() || arg.get_long() == Some(&*arg.get_id().as_str().replace('_', "-"))
}

/// Returns what the error says is required and missing.
pub(crate) fn missing_in(error: &Error) -> BTreeSet<String> {
    if error.kind() != ErrorKind::MissingRequiredArgument {
        return BTreeSet::new();
    }
    match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::Strings(names)) => names.iter().cloned().collect(),
        Some(ContextValue::String(name)) => BTreeSet::from([name.clone()]),
        _ => BTreeSet::new(),
    }
}
