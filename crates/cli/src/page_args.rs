//! The access to the page in the browser, for the programs that serve it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::BoolishValueParser;

use crate::error::UsageError;
use crate::origin::Origins;
use crate::small_file::read_password_file;

/// The options of the page beside its address.
#[derive(Debug, Args)]
#[command(next_help_heading = "Page")]
#[expect(clippy::struct_field_names, reason = "the names are the options")]
pub struct PageArgs {
    /// Ask browsers for the password in the first line of FILE (with any user name); HTTP does not
    /// encrypt it
    #[arg(long, env = "IOT_PAGE_PASSWORD_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE", hide_short_help = true)]
    page_password_file: Option<PathBuf>,

    /// Serve the page without a password, also on an address that others can reach
    #[arg(long, env = "IOT_PAGE_NO_PASSWORD", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), hide_short_help = true)]
    page_no_password: bool,

    /// Accept NAME as this machine's name in the page's address, as behind a reverse proxy; may be
    /// repeated
    #[arg(long, env = "IOT_PAGE_HOST", hide_env_values = true)]
    #[arg(value_name = "NAME", value_delimiter = ',', hide_short_help = true)]
    page_host: Vec<String>,
}

/// The access to the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageAccess {
    /// What browsers have to give.
    pub password: Option<String>,
    /// Further names of this machine.
    pub hosts: Vec<String>,
}

impl PageArgs {
    /// Returns who may see the page at `address`, which the option `option` gives.
    ///
    /// # Errors
    /// Others can reach the address, and neither a password nor its absence is asked for; the
    /// file with the password cannot be read.
    pub fn access(
        &self,
        address: SocketAddr,
        option: &str,
        origins: &Origins,
    ) -> Result<PageAccess> {
        let file = self.page_password_file.as_ref();
        let no_password = self.page_no_password;
        if no_password && file.is_some() && origins.is_typed("page_no_password") {
            let (one, other) = (
                origins.name("page_no_password"),
                origins.name("page_password_file"),
            );
            return Err(UsageError::new(format!("{one} cannot be used with {other}")).into());
        }
        if file.is_none() && !no_password && !address.ip().is_loopback() {
            return Err(UsageError::new(format!(
                "{option} shows the page to everybody who reaches {address} (give \
                 --page-password-file FILE, or --page-no-password)"
            ))
            .into());
        }
        let password = match file {
            Some(path) if !no_password => Some(password(path)?),
            _ => None,
        };
        Ok(PageAccess {
            password,
            hosts: self.page_host.clone(),
        })
    }

    /// Returns the first option that is typed without a page.
    ///
    /// # Errors
    /// There is one; `option` gives the page.
    pub fn check_unused(&self, option: &str, origins: &Origins) -> Result<(), UsageError> {
        match origins.typed_of::<Self>() {
            None => Ok(()),
            Some(name) => Err(UsageError::new(format!("{name} needs {option}"))),
        }
    }
}

fn password(path: &Path) -> Result<String> {
    let password = read_password_file(path, "the page's password file")?;
    if password.is_empty() {
        let name = path.display();
        bail!("the page's password file `{name}` begins with an empty line");
    }
    Ok(password)
}
