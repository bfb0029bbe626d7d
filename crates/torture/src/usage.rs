//! What processes use: processor time, bytes written, memory, file descriptors.

use std::fs;
use std::time::Duration;

/// Ticks of `/proc/PID/stat`: Linux counts in hundredths of a second on every machine.
const TICKS: u64 = 100;
const PAGE: u64 = 4096;

/// What a process has used since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usage {
    /// Time on processors, of the user and of the kernel.
    pub processor: Duration,
    /// Bytes that it has caused to be written to a disk.
    pub written: u64,
}

/// A thread of a process, and what it has used since its start.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Unique on the machine.
    pub id: u32,
    /// At most 15 bytes.
    pub name: String,
    /// Time on processors, of the user and of the kernel.
    pub processor: Duration,
}

/// What a process holds at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holding {
    /// Resident memory in bytes.
    pub memory: u64,
    /// Open files and sockets.
    pub descriptors: u64,
}

impl Usage {
    /// Reads it; `None` if there is no such process.
    pub fn of(process: u32) -> Option<Self> {
        let (_, processor) = stat(&format!("/proc/{process}/stat"))?;
        let io = fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
        let written = io
            .lines()
            .find_map(|line| line.strip_prefix("write_bytes: "))
            .and_then(|bytes| bytes.parse().ok());
        Some(Self {
            processor,
            written: written.unwrap_or(0),
        })
    }

    /// Adds what another process, or an earlier run, has used.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            processor: self.processor + other.processor,
            written: self.written + other.written,
        }
    }

    /// Subtracts what was used up to an earlier moment.
    #[must_use]
    pub fn minus(self, earlier: Self) -> Self {
        Self {
            processor: self.processor.saturating_sub(earlier.processor),
            written: self.written.saturating_sub(earlier.written),
        }
    }
}

impl Thread {
    /// Reads all threads of a process; none if there is no such process.
    pub fn all(process: u32) -> Vec<Self> {
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
            return Vec::new();
        };
        let thread = |entry: fs::DirEntry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let (name, processor) = stat(entry.path().join("stat").to_str()?)?;
            Some(Self {
                id,
                name,
                processor,
            })
        };
        threads.flatten().filter_map(thread).collect()
    }
}

/// What all processors of the machine were busy with since its start, the kernel's own work
/// included.
pub fn machine() -> Duration {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    // user, nice, system, idle, waiting for disks, interrupts (two kinds), taken by the host
    let fields = line.split_whitespace().skip(1).take(8).enumerate();
    let busy = fields.filter(|(place, _)| ![3, 4].contains(place));
    let ticks: u64 = busy
        .filter_map(|(_, ticks)| ticks.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 1_000 / TICKS)
}

/// Reads the name and the processor time, of the user and of the kernel, from a file `stat`.
fn stat(path: &str) -> Option<(String, Duration)> {
    let stat = fs::read_to_string(path).ok()?;
    // The name in brackets may contain anything.
    let (head, tail) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once(" (")?;
    let fields: Vec<_> = tail.split(' ').collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some((
        name.to_owned(),
        Duration::from_millis(ticks * 1_000 / TICKS),
    ))
}

impl Holding {
    /// Reads it; `None` if there is no such process.
    pub fn of(process: u32) -> Option<Self> {
        let pages = fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
        let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).ok()?.count();
        Some(Self {
            memory: pages * PAGE,
            descriptors: descriptors as u64,
        })
    }
}
