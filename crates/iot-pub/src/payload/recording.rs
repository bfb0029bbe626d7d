//! A recording that is published again: CSV or JSON lines, read as it goes, so that it may be larger than memory.

mod csv;
mod reader;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use iot_cli::{io_reason, tell};
use iot_core::TopicName;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::name::NAME;
use crate::payload::clock::Speed;
use crate::payload::pace::{Next, Pace};
use reader::Reader;

/// How many records are read ahead.
const AHEAD: usize = 256;
/// How many bad lines are named; the others are only counted.
const NAMED: u64 = 100;

/// Returns the topic to publish to, for a recorded one.
pub(crate) type Map = Box<dyn Fn(&str) -> Result<TopicName, String> + Send>;

/// What is to be replayed, and how.
pub(crate) struct Replay {
    /// `-` is standard input.
    pub(crate) path: PathBuf,
    pub(crate) map: Map,
    pub(crate) speed: Speed,
    /// From the start again at the end.
    pub(crate) repeat: bool,
    /// A bad line ends the run.
    pub(crate) strict: bool,
}

/// One message of a recording.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    topic: TopicName,
    payload: Bytes,
    /// After the first one.
    at: Duration,
}

/// What the reading thread hands over.
#[derive(Debug)]
enum Item {
    Record(Record),
    /// `FILE:LINE: WHY`
    Bad(String),
    /// It can't be read any further.
    Failed(anyhow::Error),
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
    /// How far it is.
    at: Duration,
    bad: u64,
}

impl Recording {
    /// Starts to read.
    ///
    /// # Errors
    /// Where the file can't be read, or its first line is no header. Standard input is not waited for.
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
        };
        let first = if source.is_standard_input() {
            None
        } else {
            Some(source.open()?)
        };
        // Not this thread: a pipe may make wait for as long as it likes.
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

    /// Returns when the next message is due; tells of bad lines before it.
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
                        1..=NAMED => tell(NAME, &format!("skipped a bad line: {line}")),
                        // One more than are named.
                        n if n == NAMED + 1 => {
                            tell(NAME, "further bad lines are counted, and not named");
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
    /// The system's, and a bad line where that is to end the run.
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

    /// Returns what is to be said at the end.
    pub(crate) fn last_notice(&self) -> Option<String> {
        let lines = match self.bad {
            0 => return None,
            1 => "1 bad line".to_owned(),
            bad => format!("{bad} bad lines"),
        };
        Some(format!("{lines} of `{}` skipped", self.name))
    }
}

/// Reads a recording once, or again and again.
struct Rounds {
    name: String,
    path: PathBuf,
    map: Map,
    repeat: bool,
}

impl Rounds {
    fn is_standard_input(&self) -> bool {
        self.path == Path::new("-")
    }

    fn open(&self) -> Result<Reader<Box<dyn BufRead + Send>>> {
        let input: Box<dyn BufRead + Send> = if self.is_standard_input() {
            Box::new(BufReader::new(io::stdin()))
        } else {
            let file = File::open(&self.path).map_err(|error| anyhow!(io_reason(&error)));
            let file = file.with_context(|| format!("cannot read recording `{}`", self.name))?;
            Box::new(BufReader::new(file))
        };
        Reader::new(&self.name, input)
    }

    /// Hands over everything, until nobody wants it any more.
    fn read(
        &self,
        mut first: Option<Reader<Box<dyn BufRead + Send>>>,
        sender: &Sender<Item>,
    ) -> Result<()> {
        let mut base = Duration::ZERO;
        let mut is_first = true;
        loop {
            let mut reader = match first.take() {
                Some(reader) => reader,
                None => self.open()?,
            };
            let mut records: u32 = 0;
            let mut last = Duration::ZERO;
            while let Some(item) = reader.next(&self.map)? {
                let item = match item {
                    Item::Record(mut record) => {
                        records = records.saturating_add(1);
                        // One that is before its predecessor follows it at once.
                        last = last.max(record.at);
                        record.at = base + last;
                        Item::Record(record)
                    }
                    // Told in the first round.
                    Item::Bad(_) if !is_first => continue,
                    item => item,
                };
                if sender.blocking_send(item).is_err() {
                    return Ok(());
                }
            }
            if records == 0 {
                bail!("`{}` has no line that can be replayed", self.name);
            }
            if !self.repeat {
                return Ok(());
            }
            is_first = false;
            base += last + pause(last, records);
        }
    }
}

/// Returns the time between the last message of a round and the first of the next: as between any two on average.
fn pause(last: Duration, records: u32) -> Duration {
    match last.checked_div(records - 1) {
        Some(mean) if !mean.is_zero() => mean,
        _ => Duration::from_secs(1),
    }
}
