//! A terminal whose whole screen is drawn, and given back as it was.

use std::io::{self, Write};

use crate::width::width;

/// The other screen of the terminal, without a cursor, until it is dropped.
#[derive(Debug)]
pub(crate) struct Screen(());

impl Screen {
    /// Changes to the other screen.
    ///
    /// # Errors
    /// Nothing can be written.
    pub(crate) fn open() -> io::Result<Self> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(b"\x1b[?1049h\x1b[?25l\x1b[2J")?;
        stdout.flush()?;
        Ok(Self(()))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(b"\x1b[?25h\x1b[?1049l");
        let _ = stdout.flush();
    }
}

/// Returns how many columns and rows the terminal has.
pub(crate) fn size() -> (usize, usize) {
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(io::stdout())
        && size.ws_col > 0
        && size.ws_row > 0
    {
        return (size.ws_col.into(), size.ws_row.into());
    }
    (80, 24)
}

/// Returns the beginning of a line that fits into so many columns.
pub(crate) fn cut(line: &str, columns: usize) -> String {
    if width(line) <= columns {
        return line.to_owned();
    }
    let (mut cut, mut used) = (String::new(), 0);
    for c in line.chars() {
        used += width(c.encode_utf8(&mut [0; 4]));
        if used >= columns {
            break;
        }
        cut.push(c);
    }
    cut + "…"
}
