//! Prints without blocking the caller: a thread writes lines out of a bounded buffer.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use iot_core::error::io_reason;
use tokio::sync::Notify;

/// Bytes that wait to be written, at most, but for the one line that goes beyond.
const LIMIT: usize = 1024 * 1024;

/// Writes lines from a thread of its own. Lines that come while the thread writes are collected, up
/// to 1 MiB, and go out with the next call, so a slow reader costs one call for many lines. The
/// thread runs until nobody reads any more, or the program ends. Clones write to the same place.
#[derive(Debug, Clone)]
pub struct Printer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something is to be written.
    work: Condvar,
    /// All is written, or the reader has gone.
    idle: Condvar,
    /// There is room again, or the reader has gone.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    writing: bool,
    closed: bool,
    left_out: u64,
    /// Why nothing more can be written, if the reader has not simply gone.
    failure: Option<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Printer {
    /// Returns a printer that writes to `out`.
    ///
    /// # Errors
    /// The system's, where no thread can be started.
    pub fn new(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            idle: Condvar::new(),
            room: Notify::new(),
        });
        let own = Arc::clone(&shared);
        thread::Builder::new()
            .name("printer".into())
            .spawn(move || write_out(&own, &mut out))?;
        Ok(Self { shared })
    }

    /// Adds what `line` appends, a whole line with its end. Returns `false`, and counts the line as
    /// left out, where there is no room for it or nobody reads any more.
    pub fn print(&self, line: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut state = self.shared.lock();
        if state.closed || state.waiting.len() >= LIMIT {
            state.left_out += 1;
            return false;
        }
        line(&mut state.waiting);
        let wake = !state.writing;
        drop(state);
        if wake {
            self.shared.work.notify_one();
        }
        true
    }

    /// Adds whole lines, which are taken out of `text`. Returns `false`, and counts them as left
    /// out, where [`print`](Self::print) would leave out the first of them.
    pub fn print_lines(&self, text: &mut Vec<u8>, lines: u64) -> bool {
        let mut state = self.shared.lock();
        let has_room = !state.closed && state.waiting.len() < LIMIT;
        if !has_room {
            state.left_out += lines;
        } else if state.waiting.is_empty() {
            std::mem::swap(&mut state.waiting, text);
        } else {
            state.waiting.extend_from_slice(text);
        }
        let wake = has_room && !state.writing;
        drop(state);
        text.clear();
        if wake {
            self.shared.work.notify_one();
        }
        has_room
    }

    /// Returns why writing has failed, for example on a full disk. A reader that has gone, as
    /// `head` does, is no failure.
    pub fn failure(&self) -> Option<String> {
        self.shared.lock().failure.clone()
    }

    /// Returns whether nothing more can be written: the reader has gone, or writing has failed.
    pub fn is_closed(&self) -> bool {
        self.shared.lock().closed
    }

    /// Returns whether the next line would be left out for want of room.
    pub fn is_full(&self) -> bool {
        let state = self.shared.lock();
        !state.closed && state.waiting.len() >= LIMIT
    }

    /// Returns whether all is written, or the reader has gone.
    pub fn is_idle(&self) -> bool {
        let state = self.shared.lock();
        state.closed || (!state.writing && state.waiting.is_empty())
    }

    /// Waits until there is room after it was full, or the reader has gone. May be dropped at the
    /// await.
    pub async fn progress(&self) {
        self.shared.room.notified().await;
    }

    /// Waits until all is written, for `timeout` at most, and returns how many lines were left
    /// out before.
    pub fn finish(&self, timeout: Duration) -> u64 {
        let deadline = Instant::now() + timeout;
        let mut state = self.shared.lock();
        while !state.closed && (state.writing || !state.waiting.is_empty()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.idle.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.left_out
    }
}

fn write_out(shared: &Shared, out: &mut impl Write) {
    let mut bytes = Vec::new();
    loop {
        let mut state = shared.lock();
        state.writing = false;
        while state.waiting.is_empty() {
            shared.idle.notify_all();
            let waited = shared.work.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.writing = true;
        std::mem::swap(&mut state.waiting, &mut bytes);
        drop(state);
        let was_full = bytes.len() >= LIMIT;
        let written = out.write_all(&bytes).and_then(|()| out.flush());
        bytes.clear();
        if let Err(error) = written {
            let mut state = shared.lock();
            state.closed = true;
            state.failure = stdout_failure(&error);
            state.waiting = Vec::new();
            drop(state);
            shared.idle.notify_all();
            shared.room.notify_one();
            return;
        }
        if was_full {
            shared.room.notify_one();
        }
    }
}

/// Returns the line for stdout that cannot be written; `None` if its reader has only gone.
pub fn stdout_failure(error: &io::Error) -> Option<String> {
    let has_gone = error.kind() == ErrorKind::BrokenPipe;
    (!has_gone).then(|| format!("cannot write to standard output: {}", io_reason(error)))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Takes what is written only when the test lets it.
    struct Gate(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0
                .recv()
                .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            self.1.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gate() -> (Printer, mpsc::Sender<()>, mpsc::Receiver<Vec<u8>>) {
        let (open, opened) = mpsc::channel();
        let (sender, written) = mpsc::channel();
        (Printer::new(Gate(opened, sender)).unwrap(), open, written)
    }

    #[test]
    fn a_stuck_reader_holds_up_nobody_and_what_is_left_out_is_counted() {
        let (printer, open, written) = gate();
        let line = [b'x'; 1024];
        let mut taken = 0;
        while printer.print(|out| out.extend_from_slice(&line)) {
            taken += 1;
        }
        assert!(printer.is_full());
        assert!(!printer.print(|out| out.push(b'x')));
        let mut arrived = 0;
        while arrived < taken * line.len() {
            open.send(()).unwrap();
            arrived += written.recv().unwrap().len();
        }
        assert_eq!(printer.finish(Duration::from_secs(10)), 2);
    }

    /// A disk without room.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(ErrorKind::StorageFull))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_failed_write_is_kept_as_the_failure() {
        let printer = Printer::new(Full).unwrap();
        printer.print(|out| out.push(b'x'));
        printer.finish(Duration::from_secs(10));
        assert!(printer.is_closed());
        let failure = printer.failure().unwrap();
        assert!(
            failure.starts_with("cannot write to standard output: "),
            "{failure}"
        );
    }

    #[test]
    fn a_reader_that_has_gone_ends_the_printing() {
        let (printer, open, _written) = gate();
        drop(open);
        assert!(printer.print(|out| out.push(b'x')));
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(printer.progress());
        assert!(printer.is_closed());
        assert_eq!(printer.failure(), None);
        assert!(!printer.print(|out| out.push(b'x')));
        assert_eq!(printer.finish(Duration::from_secs(10)), 1);
    }
}
