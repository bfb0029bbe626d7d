//! How far the making of rollups is.

/// How far [`reindex`](crate::upkeep::reindex) is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reindexed {
    /// Readings that were added up so far, by this call.
    pub readings: u64,
    /// Series that are done.
    pub series: u64,
    /// All series.
    pub all_series: u64,
}
