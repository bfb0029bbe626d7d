//! A recording that is published again: CSV or JSON lines. It is read while it is published, so it
//! may be larger than memory.

mod csv;
mod fields;
mod line;
mod mongo_json;
mod named;
mod reader;
mod record;
mod rounds;
#[cfg(test)]
mod tests;
mod utf16;

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use iot_cli::notify;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, channel};

use crate::name::NAME;
use crate::payload::clock::Speed;
use crate::payload::pace::{Next, Pace};
use record::{Item, Map, Record};
use rounds::Rounds;

/// The number of records that are read ahead.
const AHEAD: usize = 256;
/// The number of bad lines that are reported one by one. The others are only counted.
const REPORTED: u64 = 100;

/// What to replay, and how.
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(crate) struct Replay {
    /// `-` is standard input.
    pub(crate) path: PathBuf,
    pub(crate) map: Map,
    pub(crate) speed: Speed,
    /// Start again at the end.
    pub(crate) repeat: bool,
    /// A bad line ends the run.
    pub(crate) strict: bool,
    /// The messages are retained, so that an empty one would delete the retained message.
    pub(crate) retain: bool,
    /// Payloads are JSON, with the recorded times.
    pub(crate) with_times: bool,
}

/// A recording that is being published.
#[derive(Debug)]
pub(crate) struct Recording {
    name: String,
    items: Receiver<Item>,
    next: Option<Item>,
    is_over: bool,
    speed: Speed,
    strict: bool,
    /// The time of the present record.
    at: Duration,
    bad: u64,
}

impl Recording {
    /// Starts to read.
    ///
    /// # Errors
    /// The file can't be read, or its first line is no header. Standard input is not read yet.
    pub(crate) fn open(replay: Replay) -> Result<Self> {
        let name = replay.path.display().to_string();
        let (sender, items) = channel(AHEAD);
        let recording = Self {
            name: match &*name {
                "-" => "standard input".into(),
                _ => name,
            },
            items,
            next: None,
            is_over: false,
            speed: replay.speed,
            strict: replay.strict,
            at: Duration::ZERO,
            bad: 0,
        };
        let source = Rounds {
            name: recording.name.clone(),
            path: replay.path,
            map: replay.map,
            repeat: replay.repeat,
            retain: replay.retain,
            with_times: replay.with_times,
        };
        let first = if source.is_standard_input() {
            None
        } else {
            Some(source.open()?)
        };
        // In a thread of its own, because a pipe may block for any time.
        let read = move || {
            if let Err(error) = source.read(first, &sender) {
                let _ = sender.blocking_send(Item::Failed(error));
            }
        };
        thread::Builder::new()
            .name("recording".into())
            .spawn(read)?;
        Ok(recording)
    }

    /// Returns when the next message is due. Reports the bad lines before it.
    pub(crate) fn pace(&mut self) -> Pace {
        loop {
            if self.next.is_none() && !self.is_over {
                match self.items.try_recv() {
                    Ok(item) => self.next = Some(item),
                    Err(TryRecvError::Empty) => return Pace::Later,
                    Err(TryRecvError::Disconnected) => self.is_over = true,
                }
            }
            match &self.next {
                None => return Pace::Never,
                Some(Item::Bad(line)) if !self.strict => {
                    self.bad += 1;
                    match self.bad {
                        1..=REPORTED => notify(NAME, &format!("skipped a bad line: {line}")),
                        // The first one that is not reported.
                        n if n == REPORTED + 1 => {
                            notify(NAME, "further bad lines are counted, and not named");
                        }
                        _ => {}
                    }
                    self.next = None;
                }
                Some(Item::Record(record)) => {
                    self.at = record.at;
                    break;
                }
                Some(Item::Bad(_) | Item::Failed(_)) => break,
            }
        }
        Pace::At {
            due: self.speed.real(self.at),
            simulated: self.at,
        }
    }

    /// Waits until [`pace`](Self::pace) is known. May be dropped at the await.
    pub(crate) async fn ready(&mut self) {
        if self.next.is_none() && !self.is_over {
            self.next = self.items.recv().await;
            self.is_over = self.next.is_none();
        }
    }

    /// Returns the message that is due.
    ///
    /// # Errors
    /// The recording cannot be read, or a bad line ends the run.
    pub(crate) fn next(&mut self) -> Result<Next> {
        match self.next.take() {
            None => Ok(Next::Over),
            Some(Item::Record(Record { topic, payload, .. })) => {
                Ok(Next::Message { topic, payload })
            }
            Some(Item::Bad(line)) => bail!("bad line: {line}"),
            Some(Item::Failed(error)) => Err(error),
        }
    }

    /// Returns what is reported at the end.
    pub(crate) fn last_notice(&self) -> Option<String> {
        let lines = match self.bad {
            0 => return None,
            1 => "1 bad line".to_owned(),
            bad => format!("{bad} bad lines"),
        };
        Some(format!("{lines} of `{}` skipped", self.name))
    }
}
