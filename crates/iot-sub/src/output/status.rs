//! Lines for stderr while a table has the whole screen: it shows the latest, and they are printed
//! when it is gone.

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use iot_cli::Printer;

/// Most lines that are kept.
const KEPT: usize = 500;

/// Where lines for stderr go.
#[derive(Debug)]
pub(crate) struct Status {
    stderr: Printer,
    kept: Mutex<Option<Kept>>,
    has_news: AtomicBool,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    /// Lines that were dropped as there are too many.
    dropped: u64,
}

impl Status {
    pub(super) fn new(stderr: Printer) -> Self {
        Self {
            stderr,
            kept: Mutex::new(None),
            has_news: AtomicBool::new(false),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints a line, or keeps it while a table has the screen.
    pub(super) fn print(&self, line: &str) {
        let mut kept = self.kept();
        if let Some(kept) = &mut *kept {
            if kept.lines.len() == KEPT {
                kept.lines.pop_front();
                kept.dropped += 1;
            }
            kept.lines.push_back(line.to_owned());
            self.has_news.store(true, Ordering::Relaxed);
            // In a file, nothing is painted over.
            if std::io::stderr().is_terminal() {
                return;
            }
        }
        drop(kept);
        self.write(line);
    }

    fn write(&self, line: &str) {
        self.stderr.print(|out| {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        });
    }
}

#[cfg(feature = "watch")]
impl Status {
    /// A table takes the screen.
    pub(super) fn begin(&self) {
        *self.kept() = Some(Kept::default());
    }

    /// The table is gone: prints what was kept from a terminal.
    pub(super) fn end(&self) {
        let Some(kept) = self.kept().take() else {
            return;
        };
        if !std::io::stderr().is_terminal() {
            return;
        }
        if kept.dropped > 0 {
            self.write(&format!("iot-sub: … {} lines before", kept.dropped));
        }
        for line in kept.lines {
            self.write(&line);
        }
    }

    /// Returns whether there are lines since the last call.
    pub(super) fn has_news(&self) -> bool {
        self.has_news.swap(false, Ordering::Relaxed)
    }

    /// Returns the latest lines.
    pub(super) fn latest(&self, count: usize) -> Vec<String> {
        let kept = self.kept();
        let Some(kept) = &*kept else {
            return Vec::new();
        };
        let skipped = kept.lines.len().saturating_sub(count);
        kept.lines.iter().skip(skipped).cloned().collect()
    }
}
