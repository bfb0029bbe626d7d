//! What a run of a program may take.

use std::time::Duration;

/// Limits of one run. They are checked between two outputs, and whenever a function calls itself or
/// a value is taken from a range, an array or an object. A single operation on a large value is not
/// interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapLimits {
    /// Most outputs.
    pub outputs: usize,
    /// Most steps: values that are taken from ranges, arrays and objects, and calls of functions
    /// that call themselves. They limit memory.
    pub steps: usize,
    /// Longest time.
    pub time: Duration,
}

impl Default for MapLimits {
    /// 10,000 outputs, 5,000,000 steps, one second.
    fn default() -> Self {
        Self {
            outputs: 10_000,
            steps: 5_000_000,
            time: Duration::from_secs(1),
        }
    }
}
