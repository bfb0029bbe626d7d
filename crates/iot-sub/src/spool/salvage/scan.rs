//! Entries of a damaged file that no row leads to.

use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::RangeInclusive;
use std::path::Path;

use anyhow::Context;

use super::rows::Keep;
use crate::path_suffix::with_suffix;
use crate::spool::codec;
use crate::spool::seq::Seq;

/// Passes on what is an entry by its checksum and has one of these numbers, wherever it stands in
/// the file or its log: for pages to which no way leads any more. Where the beginning of the table
/// is lost, that finds some that were delivered and deleted; the store has them already, under
/// their ids. It doesn't find those that are spread over several pages.
pub(super) fn scan(
    path: &Path,
    numbers: &[RangeInclusive<Seq>],
    keep: Keep<'_>,
) -> anyhow::Result<()> {
    // A page may be in the log and in the file.
    let mut seen = HashSet::new();
    for file in [path.to_owned(), with_suffix(path, "-wal")] {
        match File::open(&file) {
            Ok(open) => scan_file(open, numbers, &mut seen, keep)
                .with_context(|| format!("cannot read `{}`", file.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read `{}`", file.display()));
            }
        }
    }
    Ok(())
}

fn scan_file(
    mut file: impl Read,
    numbers: &[RangeInclusive<Seq>],
    seen: &mut HashSet<Seq>,
    keep: Keep<'_>,
) -> anyhow::Result<()> {
    const CHUNK: u64 = 1 << 20;
    /// More than a page: no entry stands in one piece across a page's end.
    const OVERLAP: usize = 8 << 10;
    let mut window = Vec::new();
    loop {
        let read = file.by_ref().take(CHUNK).read_to_end(&mut window)?;
        let end = match read {
            0 => window.len(),
            _ => window.len().saturating_sub(OVERLAP),
        };
        let mut at = 0;
        while at < end {
            let Ok(((seq, _), length)) = codec::decode_first(&window[at..]) else {
                at += 1;
                continue;
            };
            if numbers.iter().any(|numbers| numbers.contains(&seq)) && seen.insert(seq) {
                keep(&window[at..at + length])?;
            }
            at += length;
        }
        window.drain(..at);
        if read == 0 {
            return Ok(());
        }
    }
}
