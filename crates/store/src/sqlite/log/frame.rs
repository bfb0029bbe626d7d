//! The frames of a write-ahead log: each is a page and its number.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use super::checksum::{Order, Sum};

/// Bytes before the first frame.
pub(super) const LOG_HEADER: usize = 32;

const FRAME_HEADER: usize = 24;

/// What two frames of the same generation of the log have in common.
pub(super) type Salts = [u8; 8];

/// A frame as it stands in the file.
#[derive(Debug)]
pub(super) struct Frame {
    /// What the checksum covers: the page's number, the database's size, and the page.
    pub(super) covered: Vec<u8>,
    pub(super) salts: Salts,
    pub(super) stored: Sum,
}

impl Frame {
    /// The number of its page, from 1.
    pub(super) fn page(&self) -> u32 {
        self.number(0)
    }

    /// The size of the database in pages, if the frame ends a transaction; otherwise 0.
    pub(super) fn size(&self) -> u32 {
        self.number(4)
    }

    pub(super) fn set_size(&mut self, pages: u32) {
        self.covered[4..8].copy_from_slice(&pages.to_be_bytes());
    }

    pub(super) fn content(&self) -> &[u8] {
        &self.covered[8..]
    }

    pub(super) fn sum(&self, before: Sum, order: Order) -> Sum {
        before.over(order, &self.covered)
    }

    /// Returns the frame's bytes with these salts and this checksum.
    pub(super) fn bytes(&self, salts: Salts, sum: Sum) -> Vec<u8> {
        let (numbers, page) = self.covered.split_at(8);
        [numbers, &salts, &sum.bytes(), page].concat()
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = &self.covered[at..at + 4];
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u32::from(*byte))
    }
}

/// The frames of an open log.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) file: File,
    pub(super) page_size: usize,
}

impl Frames {
    /// Returns a frame by its index from 0, unless the file ends before its end.
    pub(super) fn read(&mut self, index: u64) -> io::Result<Option<Frame>> {
        let length = (FRAME_HEADER + self.page_size) as u64;
        let start = LOG_HEADER as u64 + index * length;
        self.file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![0; FRAME_HEADER + self.page_size];
        match self.file.read_exact(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            result => result?,
        }
        let mut salts = [0; 8];
        salts.copy_from_slice(&bytes[8..16]);
        let stored = Sum::stored(&bytes[16..FRAME_HEADER]);
        bytes.drain(8..FRAME_HEADER);
        Ok(Some(Frame {
            covered: bytes,
            salts,
            stored,
        }))
    }
}
