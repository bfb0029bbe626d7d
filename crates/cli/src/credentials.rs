//! Who connects, and the proof of it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use clap::builder::BoolishValueParser;

use crate::given::{Given, Rank};
use crate::terminal;
use iot_core::error::io_reason;

/// The user's name and password.
#[derive(Debug, Args)]
pub struct WhoArgs {
    /// Connect as user NAME
    #[arg(
        short,
        long,
        env = "IOT_USERNAME",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub username: Option<String>,

    /// Prove it with PASSWORD (others on this machine can see it: prefer the variable, the file, or
    /// --ask-password)
    #[arg(short = 'P', long, env = "IOT_PASSWORD", hide_env_values = true)]
    #[arg(value_name = "PASSWORD", allow_hyphen_values = true)]
    pub pw: Option<String>,

    /// Read the password from the first line of FILE, unless --pw gives one
    #[arg(
        long,
        env = "IOT_PASSWORD_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub password_file: Option<PathBuf>,

    /// Ask for the password on the terminal, without showing it
    #[arg(long, env = "IOT_ASK_PASSWORD", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub ask_password: bool,
}

/// The places that a password may come from, the first of equally high ones first.
const PLACES: [&str; 3] = ["pw", "password_file", "ask_password"];

impl WhoArgs {
    /// Keeps the place of the password that matters most.
    ///
    /// # Errors
    /// One line, for two places that are typed.
    pub(crate) fn settle(&mut self, given: &Given) -> Result<(), String> {
        if given.is_typed("ask_password")
            && let Some(other) = PLACES[..2].iter().find(|place| given.is_typed(place))
        {
            let other = other.replace('_', "-");
            return Err(format!(
                "--ask-password and --{other} both say where the password is: give one of them"
            ));
        }
        // The first of the highest: `max_by_key` would take the last.
        let best = PLACES
            .into_iter()
            .rev()
            .max_by_key(|place| given.rank(place));
        for place in PLACES {
            if Some(place) != best && given.rank(place) > Rank::Default {
                match place {
                    "pw" => self.pw = None,
                    "password_file" => self.password_file = None,
                    _ => self.ask_password = false,
                }
            }
        }
        Ok(())
    }

    /// Returns the password: given, read or asked for.
    ///
    /// # Errors
    /// The system's, for a file that can't be read and where there is no terminal.
    pub(crate) fn password(&self) -> Result<Option<String>> {
        if self.pw.is_some() {
            return Ok(self.pw.clone());
        }
        if self.ask_password {
            let prompt = match &self.username {
                Some(name) => format!("Password of {name}: "),
                None => "Password: ".into(),
            };
            return terminal::ask(&prompt).map(Some);
        }
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        let text = fs::read_to_string(path)
            .map_err(|error| anyhow!(io_reason(&error)))
            .with_context(|| format!("cannot read password file `{}`", path.display()))?;
        Ok(Some(text.lines().next().unwrap_or("").to_owned()))
    }
}
