//! Where an export goes: a file that replaces another one when all is written, or stdout. A thread
//! writes, so that the store is read meanwhile.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use anyhow::{Error, Result, anyhow};
use iot_cli::{make_printable, stdout_failure};
use iot_store::read::ReadError;

use super::encoder::Encoder;
use super::progress::Progress;
use super::record::Record;
use crate::interrupt::Interrupt;
use crate::replacement::{Replacement, reason};

/// Bytes of one write.
const FULL: usize = 256 * 1024;
/// Buffers that wait for the thread.
const WAITING: usize = 4;

/// Why an export ends before its end.
#[derive(Debug)]
pub(super) enum Stopped {
    /// Nobody reads stdout any more, as after `| head`: no error.
    ReaderGone,
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<ReadError> for Stopped {
    fn from(error: ReadError) -> Self {
        Self::Failed(error.into())
    }
}

/// An export that is being written.
pub(super) struct Output {
    encoder: Box<dyn Encoder>,
    buffer: Vec<u8>,
    /// Makes all text safe for a terminal.
    is_terminal: bool,
    progress: Progress,
    interrupt: Interrupt,
    writer: Writer,
    file: Option<Replacement>,
}

impl Output {
    /// Begins to write to `target`, the file at `path`, or to stdout.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub(super) fn open(
        path: Option<&Path>,
        target: Option<(File, Option<Replacement>)>,
        is_text: bool,
        mut encoder: Box<dyn Encoder>,
        progress: Progress,
        interrupt: Interrupt,
    ) -> Result<Self> {
        let (sink, file): (Box<dyn Write + Send>, _) = match target {
            None => (Box::new(io::stdout()), None),
            Some((file, replacement)) => (Box::new(file), replacement),
        };
        let mut buffer = Vec::with_capacity(FULL + FULL / 4);
        encoder.begin(&mut buffer);
        let is_terminal = is_text && path.is_none() && io::stdout().is_terminal();
        if is_terminal {
            make_line_printable(&mut buffer, 0);
        }
        Ok(Self {
            encoder,
            buffer,
            is_terminal,
            progress,
            interrupt,
            writer: Writer::start(sink, path.map(Path::to_owned))?,
            file,
        })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// Why the export has to end.
    pub(super) fn write(&mut self, record: &Record<'_>) -> Result<(), Stopped> {
        let start = self.buffer.len();
        self.encoder.write(record, &mut self.buffer)?;
        if self.is_terminal {
            make_line_printable(&mut self.buffer, start);
        }
        self.progress.count();
        if self.buffer.len() < FULL {
            return Ok(());
        }
        self.pass_on()?;
        self.progress.show(Some(record.time()));
        self.check_interrupt()
    }

    /// Whether the export goes on.
    ///
    /// # Errors
    /// A signal asks it to end.
    pub(super) fn check_interrupt(&mut self) -> Result<(), Stopped> {
        if self.interrupt.is_set() {
            self.progress.clear();
            let error = self.interrupt.error("interrupted: nothing is exported");
            return Err(Stopped::Failed(error.into()));
        }
        Ok(())
    }

    /// Returns how many rows were written.
    pub(super) fn rows(&self) -> u64 {
        self.progress.rows()
    }

    /// Writes the rest, and makes the file the one that was asked for.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn finish(mut self) -> Result<(), Stopped> {
        self.encoder.end(&mut self.buffer)?;
        self.pass_on()?;
        self.writer.finish()?;
        if let Some(file) = self.file.take() {
            file.replace()?;
        }
        self.progress.finish();
        Ok(())
    }

    fn pass_on(&mut self) -> Result<(), Stopped> {
        self.progress.add_bytes(self.buffer.len());
        self.buffer = self.writer.pass(std::mem::take(&mut self.buffer))?;
        Ok(())
    }
}

/// Makes the line from `start` on safe for a terminal. A line break in a cell would look like the
/// end of the line.
fn make_line_printable(out: &mut Vec<u8>, start: usize) {
    let has_end = out.len() > start && out.ends_with(b"\n");
    if has_end {
        out.pop();
    }
    make_printable(out, start, false);
    if has_end {
        out.push(b'\n');
    }
}

/// The thread that writes.
struct Writer {
    full: Option<SyncSender<Vec<u8>>>,
    empty: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<io::Result<()>>>,
    path: Option<PathBuf>,
}

impl Writer {
    fn start(mut sink: Box<dyn Write + Send>, path: Option<PathBuf>) -> Result<Self> {
        let (full, filled) = sync_channel::<Vec<u8>>(WAITING);
        let (give_back, empty) = channel();
        let thread = thread::Builder::new()
            .name("export".into())
            .spawn(move || {
                for mut buffer in filled {
                    sink.write_all(&buffer)?;
                    buffer.clear();
                    let _ = give_back.send(buffer);
                }
                sink.flush()
            })?;
        Ok(Self {
            full: Some(full),
            empty,
            thread: Some(thread),
            path,
        })
    }

    /// Takes a full buffer, and returns an empty one.
    fn pass(&mut self, buffer: Vec<u8>) -> Result<Vec<u8>, Stopped> {
        let sent = self.full.as_ref().map(|full| full.send(buffer));
        if let Some(Ok(())) = sent {
            return Ok(self.empty.try_recv().unwrap_or_default());
        }
        self.finish()?;
        Err(Stopped::ReaderGone)
    }

    fn finish(&mut self) -> Result<(), Stopped> {
        self.full = None;
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        let Ok(result) = thread.join() else {
            return Err(anyhow!("the thread that writes has failed").into());
        };
        let Err(error) = result else { return Ok(()) };
        match &self.path {
            Some(path) => {
                let cannot = format!("cannot write `{}`", path.display());
                Err(reason(error).context(cannot).into())
            }
            None => match stdout_failure(&error) {
                Some(line) => Err(anyhow!(line).into()),
                None => Err(Stopped::ReaderGone),
            },
        }
    }
}
