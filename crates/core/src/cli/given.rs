//! Where options come from, for what is decided between several of them: typed before a variable,
//! and of what is typed the last.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

/// The options that are given. It has none of its own: flattened in before all others, which take
/// theirs away from what was parsed.
#[derive(Debug, Default)]
pub struct Given(Vec<(String, Rank)>);

/// How strong an option is: the greater wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    typed: bool,
    index: usize,
}

impl Rank {
    /// Returns whether the other one is given in the same way: both typed, or both as variables.
    pub fn is_beside(self, other: Self) -> bool {
        self.typed == other.typed
    }
}

impl Given {
    /// Returns the rank of the option, if it is given at all.
    pub fn rank(&self, id: &str) -> Option<Rank> {
        let mut given = self.0.iter();
        given.find(|(name, _)| name == id).map(|(_, rank)| *rank)
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let ranks = matches.ids().filter_map(|id| {
            let id = id.as_str();
            let typed = match matches.value_source(id)? {
                ValueSource::CommandLine => true,
                ValueSource::EnvVariable => false,
                _ => return None,
            };
            let index = matches.indices_of(id)?.next_back()?;
            Some((id.to_owned(), Rank { typed, index }))
        });
        Ok(Self(ranks.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Given {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}
