//! One line on a terminal that says how far the run is.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use iot_cli::is_quiet;

/// How often the line is written.
const INTERVAL: Duration = Duration::from_millis(250);
/// To the start of the line, and erase it.
const ERASE: &str = "\r\x1b[K";

/// Rewrites its line on stderr; silent if that is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    /// When to write it next; `None` if nobody watches.
    next: Option<Instant>,
    start: Instant,
    is_written: bool,
}

impl Progress {
    /// Returns a line, which is silent unless it `is_wanted`.
    pub(crate) fn new(is_wanted: bool) -> Self {
        let is_watched = is_wanted && io::stderr().is_terminal() && !is_quiet();
        let now = Instant::now();
        Self {
            next: is_watched.then(|| now + INTERVAL),
            start: now,
            is_written: false,
        }
    }

    /// The time that the line shows starts at `now`.
    pub(crate) fn start(&mut self, now: Instant) {
        self.start = now;
    }

    /// When to write it next.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Writes what `line` returns for the time since the start, if it is due.
    pub(crate) fn show(&mut self, now: Instant, line: impl FnOnce(Duration) -> String) {
        if self.next.is_some_and(|next| now >= next) {
            self.next = Some(now + INTERVAL);
            self.is_written = true;
            let elapsed = now.saturating_duration_since(self.start);
            write(&format!("{ERASE}{}", line(elapsed)));
        }
    }

    /// Erases the line.
    pub(crate) fn clear(&mut self) {
        self.next = None;
        if std::mem::replace(&mut self.is_written, false) {
            write(ERASE);
        }
    }
}

/// A terminal that has gone is no reason to end.
fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Returns the line: a bar if the end is known, and how many messages are sent, in flight, and
/// failed or dropped.
pub(crate) fn line(
    share: Option<f64>,
    elapsed: Duration,
    [sent, pending, missing]: [u64; 3],
) -> String {
    const WIDTH: usize = 20;
    let bar = share.map(|share| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a number from 0 to the width"
        )]
        let filled = (share.clamp(0.0, 1.0) * WIDTH as f64) as usize;
        format!("[{}{}] ", "#".repeat(filled), ".".repeat(WIDTH - filled))
    });
    let missing = match missing {
        0 => String::new(),
        missing => format!(", {missing} failed or dropped"),
    };
    format!(
        "{}{} s: {} sent, {} on their way{missing}",
        bar.unwrap_or_default(),
        elapsed.as_secs(),
        sent,
        pending,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is() {
        let seconds = Duration::from_millis(1500);
        assert_eq!(
            line(None, seconds, [500, 20, 0]),
            "1 s: 500 sent, 20 on their way"
        );
        assert_eq!(
            line(Some(0.25), seconds, [500, 20, 7]),
            "[#####...............] 1 s: 500 sent, 20 on their way, 7 failed or dropped"
        );
        assert!(line(Some(7.0), seconds, [500, 20, 7]).starts_with("[####################] "));
    }
}
