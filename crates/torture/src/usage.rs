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
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name in brackets may contain anything.
        let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let ticks: u64 =
            fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
        let io = fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
        let written = io
            .lines()
            .find_map(|line| line.strip_prefix("write_bytes: "))
            .and_then(|bytes| bytes.parse().ok());
        Some(Self {
            processor: Duration::from_millis(ticks * 1_000 / TICKS),
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
