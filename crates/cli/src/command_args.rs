//! What each command of a program takes beside its own options.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use crate::verbosity::Verbosity;

/// Options of each command of a program with commands.
#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Program")]
pub struct CommandArgs {
    /// Read options from FILE, one a line, as in `--store sqlite:iot.db` [default:
    /// $XDG_CONFIG_HOME/NAME or ~/.config/NAME, with NAME this program's name]
    #[arg(long, env = "IOT_OPTIONS_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE", hide_short_help = true)]
    options_file: Option<PathBuf>,

    /// Print nothing on stderr but the error that ends the program
    #[arg(long, env = "IOT_QUIET", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    quiet: bool,

    /// Print this help
    #[arg(short, long, action = ArgAction::HelpShort)]
    help: Option<bool>,

    /// Print all options, with their variables
    #[arg(long, action = ArgAction::HelpShort)]
    help_all: Option<bool>,
}

impl CommandArgs {
    /// Returns how much is written to stderr.
    pub fn verbosity(&self) -> Verbosity {
        if self.quiet {
            Verbosity::Quiet
        } else {
            Verbosity::Normal
        }
    }
}
