//! The lines of standard input, read as they come, because they may not fit into memory.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use bytes::{Bytes, BytesMut};
use iot_cli::{io_reason, notify};
use iot_core::TopicName;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::name::NAME;
use crate::payload::pace::{Next, Pace};

/// The bytes of one read.
const CHUNK: usize = 64 * 1024;
/// The number of reads that may be ahead of publishing.
const AHEAD: usize = 4;
/// The longest line: the largest MQTT packet.
const LONGEST: usize = 268_435_455;
/// The number of lines without a topic that are reported one by one. The others are only counted.
const REPORTED: u64 = 100;

/// Lines that are being published, each as a message.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The lines of one read after another.
    batches: Receiver<Result<VecDeque<Bytes>>>,
    batch: VecDeque<Bytes>,
    failure: Option<anyhow::Error>,
    is_over: bool,
    /// The first word of a line is its topic.
    topic_first: bool,
    /// The number of lines that were taken.
    number: u64,
    /// The number of those without a topic, which were skipped.
    skipped: u64,
    /// The number of their bytes.
    taken: u64,
    /// The number of all bytes, if that is known.
    total: Option<u64>,
}

impl Lines {
    /// Starts to read.
    ///
    /// # Errors
    /// No thread can be started.
    pub(crate) fn of_stdin(topic_first: bool) -> io::Result<Self> {
        Self::of(io::stdin(), topic_first, size_of_stdin())
    }

    fn of(
        input: impl Read + Send + 'static,
        topic_first: bool,
        total: Option<u64>,
    ) -> io::Result<Self> {
        let (sender, batches) = channel(AHEAD);
        // In a thread of its own, because a pipe may block for any time.
        let read = move || {
            if let Err(error) = read(input, &sender) {
                let error = anyhow!(io_reason(&error)).context("cannot read standard input");
                let _ = sender.blocking_send(Err(error));
            }
        };
        thread::Builder::new().name("lines".into()).spawn(read)?;
        Ok(Self {
            batches,
            batch: VecDeque::new(),
            failure: None,
            is_over: false,
            topic_first,
            number: 0,
            skipped: 0,
            taken: 0,
            total,
        })
    }

    /// Returns which part of the bytes was taken, from 0 to 1, if their number is known.
    pub(crate) fn share(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "for a bar of some characters")]
        self.total
            .map(|total| self.taken as f64 / total.max(1) as f64)
    }

    /// Returns when the next line is due: at once, later or never.
    pub(crate) fn pace(&mut self) -> Pace {
        while self.batch.is_empty() && self.failure.is_none() && !self.is_over {
            match self.batches.try_recv() {
                Ok(batch) => self.take(Some(batch)),
                Err(TryRecvError::Empty) => return Pace::Later,
                Err(TryRecvError::Disconnected) => self.take(None),
            }
        }
        if self.is_over {
            return Pace::Never;
        }
        Pace::At {
            due: Duration::ZERO,
            simulated: Duration::ZERO,
        }
    }

    /// Waits until [`pace`](Self::pace) is known. May be dropped at the await.
    pub(crate) async fn ready(&mut self) {
        if self.batch.is_empty() && self.failure.is_none() && !self.is_over {
            let batch = self.batches.recv().await;
            self.take(batch);
        }
    }

    fn take(&mut self, batch: Option<Result<VecDeque<Bytes>>>) {
        match batch {
            Some(Ok(batch)) => self.batch = batch,
            Some(Err(error)) => self.failure = Some(error),
            None => self.is_over = true,
        }
    }

    /// Returns the next line as a message.
    ///
    /// # Errors
    /// Standard input cannot be read.
    pub(crate) fn next(&mut self, topic: &TopicName) -> Result<Next> {
        let Some(line) = self.batch.pop_front() else {
            return self.failure.take().map_or(Ok(Next::Over), Err);
        };
        self.number += 1;
        self.taken += line.len() as u64 + 1;
        if !self.topic_first {
            let topic = topic.clone();
            return Ok(Next::Message {
                topic,
                payload: line,
            });
        }
        match split_topic(&line) {
            Ok((topic, payload)) => Ok(Next::Message { topic, payload }),
            Err(why) => {
                self.skip(&why);
                Ok(Next::Silent)
            }
        }
    }

    /// Counts a line without a topic. The first ones are reported one by one.
    fn skip(&mut self, why: &str) {
        self.skipped += 1;
        let number = self.number;
        match self.skipped {
            1..=REPORTED => notify(
                NAME,
                &format!("skipped line {number} of standard input: {why}"),
            ),
            // The first one that is not reported.
            n if n == REPORTED + 1 => {
                notify(
                    NAME,
                    "further lines without a topic are counted, and not named",
                );
            }
            _ => {}
        }
    }

    /// Returns what is reported at the end.
    pub(crate) fn last_notice(&self) -> Option<String> {
        match self.skipped {
            0 => None,
            1 => Some("1 line of standard input without a topic skipped".to_owned()),
            skipped => Some(format!(
                "{skipped} lines of standard input without a topic skipped"
            )),
        }
    }
}

/// Splits `TOPIC PAYLOAD`, between which a space or a tab stands, also before an empty payload.
fn split_topic(line: &Bytes) -> Result<(TopicName, Bytes), String> {
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t'));
    let Some(end) = end else {
        return Err("a line is TOPIC PAYLOAD, with a space between them".into());
    };
    let word = str::from_utf8(&line[..end]).map_err(|_| "the topic is not UTF-8")?;
    let topic = TopicName::new(word).map_err(|error| error.to_string())?;
    Ok((topic, line.slice(end + 1..)))
}

/// Sends the lines, those of one read together, until the receiver is closed.
fn read(mut input: impl Read, sender: &Sender<Result<VecDeque<Bytes>>>) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    // The beginning of a line.
    let mut rest = BytesMut::new();
    loop {
        let len = match input.read(&mut chunk) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let read = &chunk[..len];
        let mut lines = VecDeque::new();
        if len == 0 {
            if !rest.is_empty() {
                lines.push_back(rest.freeze());
                let _ = sender.blocking_send(Ok(lines));
            }
            return Ok(());
        }
        match read.iter().rposition(|byte| *byte == b'\n') {
            None => rest.extend_from_slice(read),
            Some(last) => {
                // The lines share the memory of one read.
                rest.extend_from_slice(&read[..=last]);
                let text = rest.split().freeze();
                rest.extend_from_slice(&read[last + 1..]);
                let mut start = 0;
                for end in ends_of_lines(&text) {
                    lines.push_back(text.slice(start..end));
                    start = end + 1;
                }
            }
        }
        if rest.len() > LONGEST {
            let why = format!("a line has more than {LONGEST} bytes, which no MQTT message may");
            return Err(io::Error::other(why));
        }
        if !lines.is_empty() && sender.blocking_send(Ok(lines)).is_err() {
            return Ok(());
        }
    }
}

/// Returns the positions of the ends of lines.
fn ends_of_lines(text: &[u8]) -> impl Iterator<Item = usize> {
    let bytes = text.iter().enumerate();
    bytes.filter_map(|(index, byte)| (*byte == b'\n').then_some(index))
}

/// Returns the number of bytes of standard input, if that is a file.
fn size_of_stdin() -> Option<u64> {
    #[cfg(unix)]
    {
        use std::fs::File;
        use std::os::fd::AsFd;
        let file = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
        let metadata = file.metadata().ok()?;
        Some(metadata.len()).filter(|_| metadata.is_file())
    }
    #[cfg(not(unix))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a few bytes at a time.
    struct Trickle(&'static [u8], usize);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(self.0.len());
            let (now, later) = self.0.split_at(len);
            buffer[..len].copy_from_slice(now);
            self.0 = later;
            Ok(len)
        }
    }

    #[track_caller]
    fn case(text: &'static [u8], topic_first: bool, expected: &[(&str, &[u8])]) {
        for step in [1, 2, 7, 1000] {
            let mut lines = Lines::of(Trickle(text, step), topic_first, None).unwrap();
            let topic = TopicName::new("t").unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.unwrap();
            let mut found = Vec::new();
            loop {
                match lines.pace() {
                    Pace::Later => runtime.block_on(lines.ready()),
                    Pace::Never => break,
                    _ => match lines.next(&topic).unwrap() {
                        Next::Message { topic, payload } => found.push((topic, payload)),
                        Next::Silent => {}
                        other @ Next::Over => panic!("{other:?}"),
                    },
                }
            }
            let found: Vec<(&str, &[u8])> = found
                .iter()
                .map(|(topic, payload)| (topic.as_str(), &payload[..]))
                .collect();
            assert_eq!(found, expected, "{step} bytes at a time");
        }
    }

    #[test]
    fn each_line_is_a_message_the_last_and_the_empty_one_too() {
        case(b"", false, &[]);
        case(b"\n", false, &[("t", b"")]);
        case(
            b"one\n\n two \r\n\xff\0\nlast",
            false,
            &[
                ("t", b"one"),
                ("t", b""),
                ("t", b" two \r"),
                ("t", b"\xff\0"),
                ("t", b"last"),
            ],
        );
    }

    #[test]
    fn a_line_may_begin_with_its_topic() {
        case(
            b"a/b 1 2\nc\t\xff\nd \ne  f\n25.3\n\n 1\na/# 2",
            true,
            &[("a/b", b"1 2"), ("c", b"\xff"), ("d", b""), ("e", b" f")],
        );
        assert_eq!(
            split_topic(&Bytes::from_static(b"a/# 2")).unwrap_err(),
            "topic name `a/#` contains the wildcard `#` (only topic filters have wildcards)"
        );
    }
}
