//! What is kept of rejections.

/// What is kept of rejections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepRejected {
    /// All of them.
    #[default]
    All,
    /// The latest, in so many bytes. The oldest are dropped first.
    UpTo(u64),
    /// None: they are only counted.
    Nothing,
}

#[cfg(any(feature = "mongodb", feature = "sqlite"))]
impl KeepRejected {
    /// Returns how many bytes stay when a limit was exceeded: less than the limit, so that not each
    /// rejection drops another one.
    pub(crate) fn kept_bytes(limit: u64) -> u64 {
        limit - limit / 10
    }
}
