//! The user name and the password.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clap::builder::BoolishValueParser;

use crate::origin::Origins;
use crate::password_prompt;
use crate::small_file::read_password_file;

/// The user's name and password.
#[derive(Debug, Args)]
pub(crate) struct CredentialArgs {
    /// Use user name NAME
    #[arg(short, long, env = "IOT_USERNAME", hide_env_values = true)]
    #[arg(value_name = "NAME")]
    pub username: Option<String>,

    /// Use password PASSWORD (visible in the process list; prefer --password-file)
    #[arg(short = 'P', long, env = "IOT_PASSWORD", hide_env_values = true)]
    #[arg(value_name = "PASSWORD", allow_hyphen_values = true)]
    pub pw: Option<String>,

    /// Read the password from the first line of FILE
    #[arg(long, env = "IOT_PASSWORD_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// Ask for the password on the terminal
    #[arg(long, env = "IOT_ASK_PASSWORD", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), conflicts_with_all = ["pw", "password_file"])]
    #[arg(hide_short_help = true)]
    pub ask_password: bool,
}

impl CredentialArgs {
    /// Returns the password: given, read or asked for. Of one layer, `--pw` wins over the file.
    ///
    /// # Errors
    /// The system's, for a file that can't be read and where there is no terminal.
    pub(crate) fn password(&self, origins: &Origins) -> Result<Option<String>> {
        let is_file_higher = origins.layer("password_file") > origins.layer("pw");
        if self.pw.is_some() && !is_file_higher {
            return Ok(self.pw.clone());
        }
        if self.ask_password {
            let prompt = match &self.username {
                Some(name) => format!("Password of {name}: "),
                None => "Password: ".into(),
            };
            return password_prompt::ask(&prompt).map(Some);
        }
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        read_password_file(path, "password file").map(Some)
    }
}
