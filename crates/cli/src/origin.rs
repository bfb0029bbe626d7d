//! Where the value of each option comes from.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use clap::{Arg, Args, Command};

/// A layer of options; a higher one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// A line of the option file.
    File,
    /// An `IOT_…` variable.
    Variable,
    /// The command line.
    Typed,
}

/// The place of one setting, with its name there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The option as it was typed: `-q` or `--qos`.
    Typed(String),
    /// The variable's name.
    Variable(String),
    /// A line of the option file, from 1 on, and the option as it is written there.
    Line {
        path: PathBuf,
        number: usize,
        option: String,
    },
}

impl Origin {
    pub(crate) fn layer(&self) -> Layer {
        match self {
            Self::Typed(_) => Layer::Typed,
            Self::Variable(_) => Layer::Variable,
            Self::Line { .. } => Layer::File,
        }
    }

    /// Returns the place in a file that an error message begins with, as in `FILE:7: `.
    pub(crate) fn prefix(&self) -> String {
        match self {
            Self::Line { path, number, .. } => format!("{}:{number}: ", path.display()),
            _ => String::new(),
        }
    }

    /// Returns the name without the place in a file.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Typed(option) | Self::Line { option, .. } => format!("`{option}`"),
            Self::Variable(name) => format!("variable `{name}`"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        match self {
            Self::Line { path, number, .. } => write!(f, " ({}:{number})", path.display()),
            _ => Ok(()),
        }
    }
}

/// What an option is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A flag.
    Flag(bool),
    Text(OsString),
}

impl Value {
    /// Returns the text; none for a flag.
    pub(crate) fn text(&self) -> Option<&OsStr> {
        match self {
            Self::Flag(_) => None,
            Self::Text(text) => Some(text),
        }
    }
}

/// One option that is set in one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The option's id: the name of its field.
    pub(crate) id: String,
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    /// The part of `--url` that it comes from.
    pub(crate) part: Option<&'static str>,
}

impl Setting {
    pub(crate) fn new(arg: &Arg, value: Value, origin: Origin) -> Self {
        Self {
            id: arg.get_id().to_string(),
            value,
            origin,
            part: None,
        }
    }

    /// Returns the setting as a word of a command line; none for a flag that is off.
    pub(crate) fn word(&self) -> Option<OsString> {
        let name = format!("--{}", self.id.replace('_', "-"));
        match &self.value {
            Value::Flag(false) => None,
            Value::Flag(true) => Some(name.into()),
            Value::Text(value) => {
                let mut word = OsString::from(name);
                word.push("=");
                word.push(value);
                Some(word)
            }
        }
    }

    /// Returns its name for a message, with its place.
    fn name(&self) -> String {
        self.of_part(self.origin.to_string())
    }

    /// Returns its name for a message that begins with [`Origin::prefix`].
    pub(crate) fn short_name(&self) -> String {
        self.of_part(self.origin.name())
    }

    fn of_part(&self, name: String) -> String {
        match self.part {
            Some(part) => format!("the {part} in {name}"),
            None => name,
        }
    }
}

/// All options that are set, and where. They are named by their ids, which are the names of their
/// fields.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    settings: Vec<Setting>,
}

impl Origins {
    /// Later ones win over earlier ones.
    pub(crate) fn new(settings: Vec<Setting>) -> Self {
        Self { settings }
    }

    pub(crate) fn setting(&self, id: &str) -> Option<&Setting> {
        self.settings.iter().rev().find(|setting| setting.id == id)
    }

    pub(crate) fn settings(&self) -> impl Iterator<Item = &Setting> {
        self.settings.iter()
    }

    /// Returns the layer that sets the option; `None` if it has its default.
    pub fn layer(&self, id: &str) -> Option<Layer> {
        self.setting(id).map(|setting| setting.origin.layer())
    }

    /// Returns whether the option is set on the command line.
    pub fn is_typed(&self, id: &str) -> bool {
        self.layer(id) == Some(Layer::Typed)
    }

    /// Returns the name of the first option of `A` that is set on the command line.
    pub(crate) fn typed_of<A: Args>(&self) -> Option<String> {
        let command = A::augment_args(Command::new("options"));
        let mut ids = command.get_arguments().map(|arg| arg.get_id().as_str());
        ids.find(|id| self.is_typed(id)).map(|id| self.name(id))
    }

    /// Returns whether any layer sets the option.
    pub fn is_set(&self, id: &str) -> bool {
        self.layer(id).is_some()
    }

    /// Returns what a message calls the option: as it was typed, the variable, or the line of the
    /// file.
    pub fn name(&self, id: &str) -> String {
        match self.setting(id) {
            Some(setting) => setting.name(),
            None => format!("`--{}`", id.replace('_', "-")),
        }
    }
}
