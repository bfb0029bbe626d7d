//! A damaged log, written again so that SQLite reads all of it.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use super::frame::Frames;
use super::survey::Survey;

/// Writes the committed frames as a log whose checksums are right. What cannot be repaired in a
/// frame stays as it is: check the database afterwards.
pub(super) fn rebuild(survey: &Survey, frames: &mut Frames, to: File) -> io::Result<()> {
    let mut to = BufWriter::new(to);
    let (header, mut sum) = survey.header.bytes();
    to.write_all(&header)?;
    for index in 0..survey.end {
        if let Some(frame) = survey.frame(frames, index)? {
            sum = frame.sum(sum, survey.header.order);
            to.write_all(&frame.bytes(survey.header.salts, sum))?;
        }
    }
    to.into_inner()?.sync_all()
}

/// Writes the pages of the committed frames to where they stand in a database.
pub(super) fn unfold(survey: &Survey, frames: &mut Frames, mut to: File) -> io::Result<()> {
    let page_size = u64::from(survey.header.page_size);
    let mut pages = survey.most_pages;
    for index in 0..survey.end {
        if let Some(frame) = survey.frame(frames, index)?
            && let Some(before) = frame.page().checked_sub(1)
        {
            to.seek(SeekFrom::Start(u64::from(before) * page_size))?;
            to.write_all(frame.content())?;
            if frame.size() != 0 {
                pages = frame.size();
            }
        }
    }
    to.set_len(u64::from(pages) * page_size)?;
    to.sync_all()
}
