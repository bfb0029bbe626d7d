//! A spool in a folder of its own.

use std::cell::RefCell;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;

use chrono::Utc;
use iot_decode::PlainFormat;
use iot_store::{Entry, IdGenerator};
use tempfile::TempDir;

use crate::decode::read;
use crate::spool::spool_file::Spool;

pub(super) struct Fixture {
    pub(super) directory: TempDir,
    pub(super) ids: IdGenerator,
    /// Lines that were reported.
    pub(super) lines: RefCell<Vec<String>>,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            ids: IdGenerator::new(),
            lines: RefCell::default(),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("spool")
    }

    pub(super) fn try_open(&self) -> anyhow::Result<Spool> {
        Spool::open(&self.path(), "end it first", &|line| {
            self.lines.borrow_mut().push(line);
        })
    }

    pub(super) fn open(&self) -> Spool {
        self.try_open().unwrap()
    }

    pub(super) fn refusal(&self) -> String {
        let error = self.try_open().unwrap_err();
        format!("{error:#}").replace(&*self.path().to_string_lossy(), "PATH")
    }

    /// Readings whose values are these numbers, with a topic that long.
    pub(super) fn entries(&mut self, values: Range<u32>, topic: usize) -> Vec<Entry> {
        let topic = "t".repeat(topic);
        let mut entry = |value: u32| {
            let payload = value.to_string().into();
            read(
                PlainFormat::Auto,
                topic.as_str(),
                &payload,
                Utc::now(),
                &mut self.ids,
            )
        };
        values.map(&mut entry).collect()
    }

    /// The names of all files beside the spool, without the time in them.
    pub(super) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .directory
            .path()
            .read_dir()
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .map(|name| match name.split_once(".damaged-") {
                Some((name, rest)) => format!(
                    "{name}.damaged-TIME{}",
                    rest.trim_start_matches(|c: char| c.is_ascii_digit() || "TZ".contains(c))
                ),
                None => name,
            })
            .collect();
        names.sort();
        names
    }

    pub(super) fn write_at(&self, from: SeekFrom, bytes: &[u8]) {
        let mut file = fs::File::options().write(true).open(self.path()).unwrap();
        file.seek(from).unwrap();
        file.write_all(bytes).unwrap();
    }
}

/// Everything that is in it.
pub(super) fn all(spool: &Spool) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut after = 0;
    loop {
        let fetched = spool.fetch(after, 1_000, usize::MAX).unwrap();
        for (seq, entry) in fetched.entries {
            assert!(seq > after);
            after = seq;
            entries.push(entry);
        }
        if !fetched.more {
            return entries;
        }
    }
}

/// Makes the disk full once the file has so many pages.
pub(in crate::spool) fn limit_pages(spool: &Spool, pages: i64) {
    spool
        .connection
        .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        .unwrap();
}
