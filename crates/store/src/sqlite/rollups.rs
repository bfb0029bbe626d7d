//! Rollups: what each series did in each minute, hour and day.
//!
//! An hour of a series is either *due*, or its rollups are exact. A reading makes its hour due, in
//! the transaction that stores it, whether it is new, late, or replayed; from then on only the
//! readings themselves tell about that hour. Some seconds after the hour is over its rollups are
//! made of all its readings, and it is not due any more. So nothing is counted twice, whatever
//! comes in what order, and a crash leaves at most hours that are due.

mod cell;
mod due;
mod reindex;
mod roll;

pub(super) use cell::{Cell, FEWEST_FOR_MINUTES, Span};
pub use due::Mode;
pub(super) use due::{Due, mode, pruned_hour, set_mode, set_pruned_hour};
pub use reindex::reindex;
pub(super) use roll::roll;
