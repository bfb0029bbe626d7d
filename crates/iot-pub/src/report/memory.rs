//! What idle connections cost in memory.

use serde_json::{Value, json};

/// Fewer connections say nothing about one more: memory comes in pages.
const ENOUGH: usize = 100;

/// The resident memory once all connections stand and nothing is published yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Of the whole process, in bytes.
    resident: u64,
    /// What each connection has added, in bytes.
    connection: u64,
}

/// Measures while connections are made.
#[derive(Debug, Default)]
pub(crate) struct Gauge {
    /// With so many connections, the first of which stood.
    first: Option<(usize, u64)>,
}

impl Gauge {
    /// So many connections are made or under way, and at least one stands: what the first one needed once for all is not
    /// counted for the others.
    pub(crate) fn first_stands(&mut self, connections: usize) {
        if self.first.is_none() {
            self.first = resident().map(|bytes| (connections, bytes));
        }
    }

    /// All stand. Returns what they cost, where there are enough of them and the system tells.
    pub(crate) fn all_stand(&self, connections: usize) -> Option<Memory> {
        let (first, before) = self.first?;
        let more = connections
            .checked_sub(first)
            .filter(|more| *more >= ENOUGH)?;
        let resident = resident()?;
        Some(Memory {
            resident,
            connection: resident.saturating_sub(before) / more as u64,
        })
    }
}

impl Memory {
    pub(crate) fn to_json(self) -> Value {
        json!({
            "resident_bytes": self.resident,
            "idle_connection_bytes": self.connection,
        })
    }

    /// Returns one line.
    pub(crate) fn to_text(self) -> String {
        #[expect(
            clippy::cast_precision_loss,
            reason = "shown with one digit after the point"
        )]
        let [megabytes, kilobytes] = [self.resident as f64 / 1e6, self.connection as f64 / 1e3];
        format!("{megabytes:.1} MB, {kilobytes:.1} kB for each idle connection")
    }
}

/// Returns the memory that this process has resident, in bytes; `None` where the system doesn't tell.
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
        assert_eq!(gauge.all_stand(1000), None);
        gauge.first = Some((10, 0));
        assert_eq!(gauge.all_stand(109), None);
        let memory = gauge.all_stand(1010).unwrap();
        assert!(memory.resident > 100_000);
        assert_eq!(memory.connection, memory.resident / 1000);
        // The first one only.
        gauge.first_stands(500);
        assert_eq!(gauge.first, Some((10, 0)));
    }

    #[test]
    fn it_is_a_line_for_people() {
        let memory = Memory {
            resident: 58_508_000,
            connection: 5_260,
        };
        assert_eq!(memory.to_text(), "58.5 MB, 5.3 kB for each idle connection");
    }
}
