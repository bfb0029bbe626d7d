//! The options of the page in the browser.

use std::net::SocketAddr;

use anyhow::Result;
use clap::Args;
use iot_cli::{Origins, PageArgs, UsageError, parse_socket_address};
use iot_page::PageConfig;

#[derive(Debug, Args)]
#[command(next_help_heading = "Page")]
pub(super) struct PageOptions {
    /// Serve a page with readings, charts and health for browsers [default address:
    /// 127.0.0.1:8188]; port 0 uses a free port
    #[arg(long, env = "IOT_PAGE", hide_env_values = true)]
    #[arg(value_name = "ADDRESS:PORT", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = parse_socket_address)]
    #[arg(default_missing_value = "127.0.0.1:8188")]
    page: Option<SocketAddr>,

    #[command(flatten)]
    access: PageArgs,
}

impl PageOptions {
    /// Checks that the page's options have a page. Only typed options cause an error.
    pub(super) fn check(&self, origins: &Origins) -> Result<(), UsageError> {
        match self.page {
            Some(_) => Ok(()),
            None => self.access.check_unused("--page", origins),
        }
    }

    /// Returns where the page is and who may see it, if there is one.
    pub(super) fn plan(&self, origins: &Origins) -> Result<Option<PageConfig>> {
        let Some(address) = self.page else {
            return Ok(None);
        };
        let access = self
            .access
            .access(address, &origins.name("page"), origins)?;
        Ok(Some(PageConfig {
            address,
            password: access.password,
            hosts: access.hosts,
        }))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use iot_page::DEFAULT_ADDRESS;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        options: PageOptions,
    }

    #[test]
    fn without_an_address_it_is_the_default_one() {
        let page = |words: &[&str]| Only::try_parse_from(words).map(|only| only.options.page);
        assert_eq!(page(&["x"]).unwrap(), None);
        assert_eq!(page(&["x", "--page"]).unwrap(), Some(DEFAULT_ADDRESS));
        let other = "[::1]:0".parse().unwrap();
        assert_eq!(page(&["x", "--page=[::1]:0"]).unwrap(), Some(other));
        assert!(page(&["x", "--page", "127.0.0.1:1"]).is_err());
    }
}
