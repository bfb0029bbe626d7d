//! `--store`: which database, as people name it.

use std::path::PathBuf;
use std::str::FromStr;

/// Where readings are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// Nowhere: they are only printed.
    Nowhere,
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A connection string, which may hold a password.
    MongoDb(String),
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, "a store is mongodb://…, sqlite:PATH or none")
    }
}

impl StoreUrl {
    /// As [`FromStr`], for a program that reads: its error does not offer `none`, which an option
    /// file of other programs may have.
    ///
    /// # Errors
    /// A line that shows the forms.
    pub fn parse_readable(text: &str) -> Result<Self, String> {
        const FORM: &str = "a store to read is mongodb://… or sqlite:PATH";
        Self::parse(text, FORM)
    }

    fn parse(text: &str, form: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        match text.split_once(':') {
            // As in a URL: sqlite://x.db is x.db, and sqlite:///x.db is /x.db.
            Some(("sqlite", path)) => match path.strip_prefix("//").unwrap_or(path) {
                "" => Err("sqlite: needs the path of a file, as in sqlite:iot.db".into()),
                path => Ok(Self::Sqlite(path.into())),
            },
            Some((scheme, rest)) if scheme.to_ascii_lowercase().starts_with("mongodb") => {
                let begins = ["mongodb://", "mongodb+srv://"];
                if !begins.iter().any(|begin| text.starts_with(begin)) {
                    return Err("a MongoDB URL is mongodb://HOST:PORT, in small letters".into());
                }
                check_hosts(rest)?;
                Ok(Self::MongoDb(text.into()))
            }
            None if text.contains(['/', '.']) => Err(format!("{form} (for a file: sqlite:{text})")),
            _ => Err(form.into()),
        }
    }
}

/// Checks the hosts in a MongoDB URL, whose scheme is cut off. The driver would wait for ever for a
/// host that cannot exist.
fn check_hosts(rest: &str) -> Result<(), String> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    // A user name and a password may hold anything.
    let hosts = rest.rsplit_once('@').map_or(rest, |(_, hosts)| hosts);
    let hosts = hosts.split(['/', '?']).next().unwrap_or_default();
    let is_space = |char: char| char.is_whitespace() || char.is_control();
    if hosts.contains(is_space) {
        return Err(
            "a host in the MongoDB URL has a space in it (the form is mongodb://HOST:PORT)".into(),
        );
    }
    Ok(())
}

impl StoreUrl {
    /// Returns the store of a program without `--store`: MongoDB on this machine.
    pub fn local_mongodb() -> Self {
        Self::MongoDb("mongodb://localhost:27017".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_mongodb_a_file_or_none() {
        for (text, expected) in [
            ("none", StoreUrl::Nowhere),
            ("sqlite:x.db", StoreUrl::Sqlite("x.db".into())),
            ("sqlite://x.db", StoreUrl::Sqlite("x.db".into())),
            ("sqlite:///x.db", StoreUrl::Sqlite("/x.db".into())),
            (
                "mongodb://a b@c/",
                StoreUrl::MongoDb("mongodb://a b@c/".into()),
            ),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!(
            StoreUrl::parse_readable("x"),
            Err("a store to read is mongodb://… or sqlite:PATH".into())
        );
        for bad in ["", "sqlite:", "redis://x", "mongodb://a b/"] {
            assert!(bad.parse::<StoreUrl>().is_err(), "{bad}");
        }
    }
}
