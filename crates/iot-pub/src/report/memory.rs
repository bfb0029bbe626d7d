//! The memory that idle connections take.

use serde_json::{Value, json};

/// The fewest connections to measure: memory comes in pages, so a few say nothing about one more.
const MIN_CONNECTIONS: usize = 100;

/// The resident memory when all connections are up and nothing is published yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    /// Of the whole process, in bytes.
    resident: u64,
    /// What each connection has added, in bytes.
    connection: u64,
}

/// Measures while connections are made.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    /// How many connections were made when the first one was accepted, and the memory then.
    first: Option<(usize, u64)>,
}

impl Gauge {
    /// A connection is accepted, and `connections` are made so far. What the first one needs once
    /// for all is not counted for the others.
    pub(super) fn first_connected(&mut self, connections: usize) {
        if self.first.is_none() {
            self.first = resident().map(|bytes| (connections, bytes));
        }
    }

    /// All connections are accepted. Returns their memory, if there are enough of them and the
    /// system knows.
    pub(super) fn all_connected(&self, connections: usize) -> Option<Memory> {
        let (first, before) = self.first?;
        let more = connections
            .checked_sub(first)
            .filter(|more| *more >= MIN_CONNECTIONS)?;
        let resident = resident()?;
        Some(Memory {
            resident,
            connection: resident.saturating_sub(before) / more as u64,
        })
    }
}

impl Memory {
    pub(super) fn to_json(self) -> Value {
        json!({
            "resident_bytes": self.resident,
            "idle_connection_bytes": self.connection,
        })
    }

    /// Returns one line.
    pub(super) fn to_text(self) -> String {
        #[expect(
            clippy::cast_precision_loss,
            reason = "shown with one digit after the point"
        )]
        let [megabytes, kilobytes] = [self.resident as f64 / 1e6, self.connection as f64 / 1e3];
        format!("{megabytes:.1} MB, {kilobytes:.1} kB for each idle connection")
    }
}

/// Returns the memory that this process has resident, in bytes; `None` if the system does
/// not say.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn each_connection_has_its_share_of_what_was_added() {
        let mut gauge = Gauge::default();
        assert_eq!(gauge.all_connected(1000), None);
        gauge.first = Some((10, 0));
        assert_eq!(gauge.all_connected(109), None);
        let memory = gauge.all_connected(1010).unwrap();
        assert!(memory.resident > 100_000);
        assert_eq!(memory.connection, memory.resident / 1000);
        // The first one only.
        gauge.first_connected(500);
        assert_eq!(gauge.first, Some((10, 0)));
    }

    #[test]
    fn the_text_has_megabytes_and_kilobytes() {
        let memory = Memory {
            resident: 58_508_000,
            connection: 5_260,
        };
        assert_eq!(memory.to_text(), "58.5 MB, 5.3 kB for each idle connection");
    }
}
