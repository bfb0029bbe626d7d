//! One line on a terminal that says how far the run is.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use iot_cli::is_quiet;

const EVERY: Duration = Duration::from_millis(250);

/// Rewrites its line on stderr; silent where that is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    /// When to say it next; `None` where nobody watches.
    next: Option<Instant>,
    said: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let watched = io::stderr().is_terminal() && !is_quiet();
        Self {
            next: watched.then(|| Instant::now() + EVERY),
            said: false,
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Says it, where the time has come.
    pub(crate) fn say(&mut self, now: Instant, line: impl FnOnce() -> String) {
        if self.next.is_some_and(|next| now >= next) {
            self.next = Some(now + EVERY);
            self.said = true;
            // To the start of the line, and erase what stands there.
            write(&format!("\r\x1b[K{}", line()));
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        self.next = None;
        if std::mem::replace(&mut self.said, false) {
            write("\r\x1b[K");
        }
    }
}

/// A terminal that has gone is no reason to end.
fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Returns the line: a bar where the end is known, and how many messages are sent, on their way, and failed or dropped.
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
