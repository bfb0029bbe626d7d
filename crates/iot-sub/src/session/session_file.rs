//! The file of a session that outlives this process.
//!
//! A lock beside it keeps a second process on this machine from taking the session over.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use iot_cli::io_reason;
use iot_store::sqlite::private_file;
use serde_json::{Value, json};

use crate::file_lock::Lock;

/// What the file holds.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) client_id: String,
    /// The subscriptions that the session has.
    pub(super) filters: Vec<Noted>,
    /// Identifiers that its subscriptions had before, with the filters that precede them.
    pub(super) earlier: Vec<(u32, Vec<String>)>,
}

/// A subscription that the session has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) filter: String,
    pub(super) qos: u8,
    /// Its identifier, with the granted filters that precede it.
    pub(super) identifier: Option<(u32, Vec<String>)>,
}

impl Noted {
    fn write(&self) -> Value {
        let Self { filter, qos, .. } = self;
        match &self.identifier {
            None => json!([filter, qos]),
            Some((number, preceding)) => json!([filter, qos, number, preceding]),
        }
    }

    fn read(value: &Value) -> Option<Self> {
        Some(Self {
            filter: value[0].as_str()?.to_owned(),
            qos: u8::try_from(value[1].as_u64()?).ok()?,
            identifier: read_identifier(&value[2], &value[3]),
        })
    }
}

fn read_identifier(number: &Value, preceding: &Value) -> Option<(u32, Vec<String>)> {
    let number = u32::try_from(number.as_u64()?).ok()?;
    let preceding = preceding.as_array()?.iter().filter_map(Value::as_str);
    Some((number, preceding.map(str::to_owned).collect()))
}

/// The open file, which no other process uses.
#[derive(Debug)]
pub(super) struct SessionFile {
    path: PathBuf,
    on_disk: OnDisk,
    _lock: Lock,
}

/// What is at the file's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnDisk {
    /// There is no file.
    Nothing,
    /// It marks its filters as uncertain.
    Uncertain,
    /// It marks its filters as certain, or may do so.
    Certain,
}

impl OnDisk {
    fn says(certain: bool) -> Self {
        if certain {
            Self::Certain
        } else {
            Self::Uncertain
        }
    }
}

impl SessionFile {
    /// Opens the file at `path`, and returns what it holds if there is one. `advice` is for the
    /// user who finds that another process uses it.
    ///
    /// # Errors
    /// Another process uses it, or it cannot be read.
    pub(super) fn open(path: &Path, advice: &str) -> Result<(Self, Option<Content>)> {
        let lock = Lock::take(path, advice)?;
        let (on_disk, content) = match read(path)? {
            None => (OnDisk::Nothing, None),
            Some((content, certain)) => (OnDisk::says(certain), Some(content)),
        };
        let file = Self {
            path: path.to_owned(),
            on_disk,
            _lock: lock,
        };
        Ok((file, content))
    }

    /// Whether there is no file yet.
    pub(super) fn is_new(&self) -> bool {
        self.on_disk == OnDisk::Nothing
    }

    /// Whether the file marks its filters as certain.
    pub(super) fn is_certain(&self) -> bool {
        self.on_disk == OnDisk::Certain
    }

    /// Whether the file marks its filters as uncertain.
    pub(super) fn is_uncertain(&self) -> bool {
        self.on_disk == OnDisk::Uncertain
    }

    /// Writes the file atomically. This blocks until the disk has it, a few times for each
    /// connection, before any message is received.
    pub(super) fn write(&mut self, content: &Content, certain: bool) -> io::Result<()> {
        let mut text = json!({
            "client_id": content.client_id,
            "filters": content.filters.iter().map(Noted::write).collect::<Vec<_>>(),
            "certain": certain,
        });
        if !content.earlier.is_empty() {
            text["earlier_identifiers"] = json!(content.earlier);
        }
        let new = self.path.with_extension("new");
        let mut file = private_file::create(&new)?;
        file.write_all(format!("{text:#}\n").as_bytes())?;
        file.sync_all()?;
        if certain {
            // Even if the directory cannot be synced, the new file may be in place.
            self.on_disk = OnDisk::Certain;
        }
        fs::rename(&new, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        self.on_disk = OnDisk::says(certain);
        Ok(())
    }

    /// Returns `error` of a [`write`](Self::write) as it is reported.
    pub(super) fn unwritable(&self, error: &io::Error) -> anyhow::Error {
        let what = format!("cannot write session `{}`", self.path.display());
        anyhow!(io_reason(error)).context(what)
    }

    /// Removes the file.
    pub(super) fn remove(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let what = format!("cannot remove `{}`", self.path.display());
                Err(anyhow!(io_reason(&error)).context(what))
            }
            _ => Ok(()),
        }
    }
}

/// Returns the content of the file at `path`, if there is one, and whether its filters are certain.
fn read(path: &Path) -> Result<Option<(Content, bool)>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(anyhow!(io_reason(&error))),
        Ok(text) => text,
    };
    let known =
        "it is not a session file of iot-sub, or it is damaged (remove it to start a new session)";
    let value: Value = serde_json::from_slice(&text).context(known)?;
    let client_id = value["client_id"].as_str().context(known)?;
    let list = |name: &str| value[name].as_array().into_iter().flatten();
    let earlier = list("earlier_identifiers");
    let content = Content {
        client_id: client_id.to_owned(),
        filters: list("filters").filter_map(Noted::read).collect(),
        earlier: earlier
            .filter_map(|pair| read_identifier(&pair[0], &pair[1]))
            .collect(),
    };
    Ok(Some((content, value["certain"] == true)))
}

/// Whether the disk or the user's quota is full, which may change later.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    #[test]
    fn a_written_session_is_read_with_its_certainty() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("a.session");
        let (mut file, found) = SessionFile::open(&path, "").unwrap();
        assert!(file.is_new() && found.is_none());
        let content = Content {
            client_id: "c".to_owned(),
            filters: vec![
                Noted {
                    filter: "iot/#".to_owned(),
                    qos: 1,
                    identifier: None,
                },
                Noted {
                    filter: "iot/+/t".to_owned(),
                    qos: 0,
                    identifier: Some((268_435_455, vec!["iot/#".to_owned()])),
                },
            ],
            earlier: vec![(1, vec!["a".to_owned(), "b".to_owned()])],
        };
        for certain in [true, false, true] {
            file.write(&content, certain).unwrap();
            assert_eq!(file.is_uncertain(), !certain);
            drop(file);
            let found;
            (file, found) = SessionFile::open(&path, "").unwrap();
            assert!(!file.is_new());
            assert_eq!(file.is_uncertain(), !certain);
            let found = found.unwrap();
            assert_eq!(found.client_id, content.client_id);
            assert_eq!(found.filters, content.filters);
            assert_eq!(found.earlier, content.earlier);
            assert_eq!(file.is_certain(), certain);
        }
        file.remove().unwrap();
        file.remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_file_of_an_older_version_is_read() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("a.session");
        let text = r#"{"client_id": "c", "filters": [["iot/#", 2]], "certain": true}"#;
        fs::write(&path, text).unwrap();
        let (file, found) = SessionFile::open(&path, "").unwrap();
        let found = found.unwrap();
        assert!(file.is_certain() && found.earlier.is_empty());
        let expected = Noted {
            filter: "iot/#".to_owned(),
            qos: 2,
            identifier: None,
        };
        assert_eq!(found.filters, [expected]);
    }

    #[test]
    fn a_file_of_another_program_is_refused() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("a.session");
        for text in ["", "no JSON", "{}", "[1]"] {
            fs::write(&path, text).unwrap();
            let error = SessionFile::open(&path, "").unwrap_err();
            assert_eq!(
                error.to_string(),
                "it is not a session file of iot-sub, or it is damaged (remove it to start a new session)",
                "{text}"
            );
        }
    }
}
