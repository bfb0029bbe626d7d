//! What a store has lost by pruning.

/// How much is deleted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Readings.
    pub readings: u64,
    /// Rejected messages.
    pub rejections: u64,
}
