//! The lines of a text, of limited length.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

/// The largest record, so that neither a line without an end nor a quote that is never closed fills
/// memory.
pub(super) const LIMIT: usize = if cfg!(test) { 64 } else { 16 * 1024 } * 1024;

/// One line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) text: Vec<u8>,
    /// It is longer than the limit, and this is its beginning.
    pub(super) is_cut: bool,
}

/// The lines of a text. Those that were put back come first.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
    again: VecDeque<Line>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            again: VecDeque::new(),
        }
    }

    /// Puts a line back, to be read again before all others.
    pub(super) fn put_back(&mut self, line: Line) {
        self.again.push_front(line);
    }

    /// Returns the next line, with its end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.again.pop_front() {
            return Ok(Some(line));
        }
        let mut text = Vec::new();
        let limit = LIMIT as u64;
        let mut limited = (&mut self.input).take(limit);
        if limited.read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        let is_cut = text.len() == LIMIT && !text.ends_with(b"\n");
        if is_cut {
            self.skip_line()?;
        }
        self.number += 1;
        Ok(Some(Line {
            number: self.number,
            text,
            is_cut,
        }))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.input.fill_buf()?;
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (used, is_end) = match (end, bytes.len()) {
                (Some(end), _) => (end + 1, true),
                (None, 0) => (0, true),
                (None, all) => (all, false),
            };
            self.input.consume(used);
            if is_end {
                return Ok(());
            }
        }
    }
}
