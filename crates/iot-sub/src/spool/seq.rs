//! The numbers of the entries in the spool.

/// The number of an entry: ascending, never given twice, beginning with 1.
pub(crate) type Seq = i64;
