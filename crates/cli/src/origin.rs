//! Where the value of each option comes from.

use clap::ArgMatches;
use clap::parser::ValueSource;

/// How much the place matters that an option's value comes from; the higher one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Nobody has said anything: the default.
    Default,
    /// A line of the option file.
    File,
    /// An `IOT_…` variable.
    Variable,
    /// The command line.
    Typed,
}

/// What was given, and where. Options are named by their ids, which are the names of their fields.
///
/// What excludes what is judged with this, and not left to clap: a variable or a file must not make
/// a command line fail, so what is typed overrules them.
#[derive(Debug)]
pub struct Given {
    matches: ArgMatches,
    in_file: Vec<String>,
}

impl Given {
    pub(crate) fn new(matches: ArgMatches, in_file: Vec<String>) -> Self {
        Self { matches, in_file }
    }

    /// Returns where the option's value comes from.
    pub fn rank(&self, option: &str) -> Rank {
        // clap panics for an id that it doesn't know; options may be built in or not.
        let known = self.matches.try_contains_id(option).is_ok();
        match known.then(|| self.matches.value_source(option)).flatten() {
            Some(ValueSource::CommandLine) => Rank::Typed,
            Some(ValueSource::EnvVariable) => Rank::Variable,
            _ if self.in_file.iter().any(|id| id == option) => Rank::File,
            _ => Rank::Default,
        }
    }

    /// Returns whether the option stands on the command line.
    pub fn is_typed(&self, option: &str) -> bool {
        self.rank(option) == Rank::Typed
    }

    /// Returns whether a variable or the file gives the option, and the command line does not.
    pub fn is_set(&self, option: &str) -> bool {
        matches!(self.rank(option), Rank::Variable | Rank::File)
    }

    /// Returns whether anything gives the option.
    pub fn is_given(&self, option: &str) -> bool {
        self.rank(option) > Rank::Default
    }

    /// Returns what clap makes of it, with the file's values as defaults.
    pub fn matches(&self) -> &ArgMatches {
        &self.matches
    }
}
