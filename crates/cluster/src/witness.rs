//! Follows what the broker nodes write down: which messages they received, which the members
//! acknowledged, and which they dropped.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use torture::message::Key;

const INTERVAL: Duration = Duration::from_millis(100);

/// Follows the files on a thread of its own.
pub(crate) struct Witness {
    evidence: Arc<Mutex<Evidence>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What is known of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// A node has received it.
    pub(crate) received: bool,
    /// A member has acknowledged it.
    pub(crate) acknowledged: bool,
    /// A node has dropped it for some member.
    pub(crate) dropped: bool,
}

/// Everything that was written down so far.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// By publisher and number.
    messages: Vec<Vec<Known>>,
    /// Acknowledgements by client, of messages acknowledged before too.
    pub(crate) members: BTreeMap<String, u64>,
    /// Drops by reason.
    pub(crate) drops: BTreeMap<String, u64>,
    /// Different messages that were acknowledged, and that number over time.
    pub(crate) acknowledged: u64,
    pub(crate) samples: Vec<(Instant, u64)>,
}

impl Witness {
    /// Follows these files, which need not be there yet.
    pub(crate) fn of(files: Vec<PathBuf>) -> Self {
        let evidence = Arc::new(Mutex::new(Evidence::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let (evidence, stop) = (Arc::clone(&evidence), Arc::clone(&stop));
            thread::spawn(move || follow(files, &evidence, &stop))
        };
        Self {
            evidence,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn evidence(&self) -> MutexGuard<'_, Evidence> {
        self.evidence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn follow(files: Vec<PathBuf>, evidence: &Mutex<Evidence>, stop: &AtomicBool) {
    let mut files: Vec<_> = files
        .into_iter()
        .map(|path| (path, None, Vec::new()))
        .collect();
    while !stop.load(Ordering::Relaxed) {
        for (path, file, rest) in &mut files {
            if file.is_none() {
                *file = File::open(&path).ok();
            }
            if let Some(file) = file {
                file.read_to_end(rest).expect("a file of ours can be read");
            }
            let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
                continue;
            };
            let lines: Vec<u8> = rest.drain(..=end).collect();
            let mut evidence = evidence.lock().unwrap_or_else(PoisonError::into_inner);
            for line in String::from_utf8_lossy(&lines).lines() {
                evidence.add(line);
            }
        }
        let mut evidence = evidence.lock().unwrap_or_else(PoisonError::into_inner);
        let acknowledged = evidence.acknowledged;
        evidence.samples.push((Instant::now(), acknowledged));
        drop(evidence);
        sleep(INTERVAL);
    }
}

impl Evidence {
    /// Adds a line, see `broker-node/src/witness.rs`; or one of mosquitto, which does not say which
    /// message was acknowledged.
    fn add(&mut self, line: &str) {
        if let Some((_, more)) = line.split_once(": Received PUBACK from ") {
            let client = more.split(' ').next().unwrap_or_default();
            self.acknowledged += 1;
            *self.members.entry(client.to_owned()).or_default() += 1;
            return;
        }
        let mut words = line.splitn(4, ' ');
        let (Some(event), Some(topic), Some(number)) = (words.next(), words.next(), words.next())
        else {
            return;
        };
        let publisher = topic
            .strip_prefix("iot/few/")
            .and_then(|rest| rest.split('/').next())
            .and_then(|publisher| publisher.parse().ok());
        let (Some(publisher), Ok(number)) = (publisher, number.parse()) else {
            return;
        };
        let more = words.next().unwrap_or_default();
        let known = self.known((publisher, number));
        match event {
            "P" => known.received = true,
            "A" => {
                let is_new = !known.acknowledged;
                known.acknowledged = true;
                self.acknowledged += u64::from(is_new);
                *self.members.entry(more.to_owned()).or_default() += 1;
            }
            "D" => {
                known.dropped = true;
                *self.drops.entry(more.to_owned()).or_default() += 1;
            }
            _ => {}
        }
    }

    fn known(&mut self, (publisher, number): Key) -> &mut Known {
        if self.messages.len() <= publisher {
            self.messages.resize_with(publisher + 1, Vec::new);
        }
        let messages = &mut self.messages[publisher];
        if messages.len() <= number {
            messages.resize_with(number + 1, Known::default);
        }
        &mut messages[number]
    }

    /// What is known of a message.
    pub(crate) fn of(&self, (publisher, number): Key) -> Known {
        let messages = self.messages.get(publisher);
        messages
            .and_then(|messages| messages.get(number))
            .copied()
            .unwrap_or_default()
    }

    /// All messages that members have acknowledged.
    pub(crate) fn all_acknowledged(&self) -> impl Iterator<Item = Key> {
        let of_publisher = |(publisher, messages): (usize, &Vec<Known>)| {
            let numbers = messages.iter().enumerate();
            let acknowledged = numbers.filter(|(_, known)| known.acknowledged);
            acknowledged
                .map(|(number, _)| (publisher, number))
                .collect::<Vec<_>>()
        };
        self.messages.iter().enumerate().flat_map(of_publisher)
    }

    /// All messages that a node has received, and no member acknowledged.
    pub(crate) fn unacknowledged(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        for (publisher, messages) in self.messages.iter().enumerate() {
            for (number, known) in messages.iter().enumerate() {
                if known.received && !known.acknowledged {
                    keys.push((publisher, number));
                }
            }
        }
        keys
    }

    /// Messages a second that were acknowledged in the last `window`.
    pub(crate) fn rate(&self, window: Duration) -> f64 {
        let Some(&(now, latest)) = self.samples.last() else {
            return 0.0;
        };
        let before = self
            .samples
            .iter()
            .rev()
            .find(|(at, _)| now - *at >= window);
        before.map_or(0.0, |&(at, count)| {
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let count = (latest - count) as f64;
            count / (now - at).as_secs_f64()
        })
    }
}
