//! Names of topics, metrics and units, each kept once: a device sends the same ones for years.

use std::collections::HashSet;
use std::sync::Arc;

/// Bytes of names that are kept.
const LIMIT_BYTES: usize = 4 << 20;

/// What a name takes beside its text: two counters and a place in the table.
const OVERHEAD_BYTES: usize = 48;

/// Shares equal names. It forgets all of them when they are too many; names that are in use stay.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: HashSet<Arc<str>>,
    bytes: usize,
}

impl Names {
    /// Returns the shared form of `name`.
    pub(crate) fn share(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.known.get(name) {
            return Arc::clone(known);
        }
        let bytes = name.len() + OVERHEAD_BYTES;
        if self.bytes + bytes > LIMIT_BYTES {
            self.known = HashSet::new();
            self.bytes = 0;
        }
        self.bytes += bytes;
        let shared: Arc<str> = name.into();
        self.known.insert(Arc::clone(&shared));
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_shared_and_many_are_forgotten() {
        let mut names = Names::default();
        let first = names.share("temperature");
        assert!(Arc::ptr_eq(&first, &names.share("temperature")));
        for number in 0..1_000_000 {
            names.share(&format!("metric {number}"));
            assert!(names.bytes <= LIMIT_BYTES);
        }
        assert_eq!(first, names.share("temperature"));
    }
}
