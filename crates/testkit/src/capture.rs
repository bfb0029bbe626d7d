//! The output of a program, read line by line.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// One output of a running program. A thread of its own reads it, so the program never waits for
/// the test.
#[derive(Debug)]
pub(crate) struct Capture {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    written: Mutex<Written>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Written {
    text: String,
    ended: bool,
}

impl Capture {
    /// Reads `output` to its end, or up to a line with `last`: then our end is closed, as `| head`
    /// would.
    pub(crate) fn of(output: impl Read + Send + 'static, last: Option<String>) -> Self {
        let shared = Arc::new(Shared::default());
        let capture = Self {
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            read_lines(output, last.as_deref(), &shared);
            shared.change(|written| written.ended = true);
        });
        capture
    }

    pub(crate) fn text(&self) -> String {
        self.shared.lock().text.clone()
    }

    /// Waits for a line with `text`; returns that line, or `None` on the deadline or at the end of
    /// the output.
    pub(crate) fn wait_for(&self, text: &str, deadline: Duration) -> Option<String> {
        let found = |written: &Written| {
            let line = written.text.lines().find(|line| line.contains(text));
            line.map(String::from)
        };
        self.shared
            .wait_until(deadline, |written| {
                written.ended || found(written).is_some()
            })
            .and_then(|written| found(&written))
    }

    /// Waits until the output is closed; returns whether that happened before the deadline.
    pub(crate) fn wait_for_end(&self, deadline: Duration) -> bool {
        let ended = |written: &Written| written.ended;
        self.shared.wait_until(deadline, ended).is_some()
    }
}

impl Shared {
    /// A test that panicked elsewhere still shows what was written.
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Written)) {
        change(&mut self.lock());
        self.more.notify_all();
    }

    fn wait_until(
        &self,
        deadline: Duration,
        reached: impl Fn(&Written) -> bool,
    ) -> Option<MutexGuard<'_, Written>> {
        let end = Instant::now() + deadline;
        let mut written = self.lock();
        while !reached(&written) {
            let left = end.checked_duration_since(Instant::now())?;
            written = self
                .more
                .wait_timeout(written, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Some(written)
    }
}

fn read_lines(output: impl Read, last: Option<&str>, shared: &Shared) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    // An error is an end too: the program has ended.
    while matches!(output.read_until(b'\n', &mut line), Ok(length) if length > 0) {
        let text = String::from_utf8_lossy(&line).into_owned();
        shared.change(|written| written.text += &text);
        if last.is_some_and(|last| text.contains(last)) {
            return;
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::DEADLINE;

    #[test]
    fn finds_the_whole_line() {
        let capture = Capture::of("one\ntwo three\nfour".as_bytes(), None);
        assert_eq!(capture.wait_for("two", DEADLINE), Some("two three".into()));
        assert_eq!(capture.wait_for("four", DEADLINE), Some("four".into()));
    }

    #[test]
    fn gives_up_at_the_end_of_the_output() {
        let capture = Capture::of("one\n".as_bytes(), None);
        assert_eq!(capture.wait_for("two", DEADLINE), None);
        assert!(capture.wait_for_end(DEADLINE));
        assert_eq!(capture.text(), "one\n");
    }

    #[test]
    fn gives_up_at_the_deadline() {
        let (reader, _writer) = io::pipe().expect("a pipe");
        let capture = Capture::of(reader, None);
        assert_eq!(capture.wait_for("one", Duration::from_millis(10)), None);
        assert!(!capture.wait_for_end(Duration::from_millis(10)));
    }

    #[test]
    fn stops_after_the_last_line_wanted() {
        let capture = Capture::of("one\ntwo\nthree\n".as_bytes(), Some("two".into()));
        assert!(capture.wait_for_end(DEADLINE));
        assert_eq!(capture.text(), "one\ntwo\n");
    }

    #[test]
    fn takes_bytes_that_are_no_text() {
        let capture = Capture::of(&b"caf\xe9\n"[..], None);
        assert_eq!(
            capture.wait_for("caf", DEADLINE),
            Some("caf\u{fffd}".into())
        );
    }
}
