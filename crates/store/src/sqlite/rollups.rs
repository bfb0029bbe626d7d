//! Rollups: what each series did in each minute, hour and day.
//!
//! An hour of a series is either *due*, or its rollups are exact. A reading makes its hour due, in
//! the transaction that stores it, whether it is new, late, or replayed; from then on only the
//! readings themselves tell about that hour. Some seconds after the hour is over its rollups are
//! made of all its readings, and it is not due any more. So nothing is counted twice, whatever
//! comes in what order, and a crash leaves at most hours that are due.
//!
//! Rollups may outlive their readings ([`pruned_hour`]). A late reading of such an hour is added to
//! them, as there is nothing else to make them of.

mod cell;
mod due;
mod minutes;
mod reindex;
mod roll;

pub(super) use cell::{Cell, Span};
pub use due::Mode;
pub(super) use due::{Due, is_due, mode, pruned_hour, set_mode, set_pruned_hour};
pub(super) use minutes::{read as read_minutes, write as write_minutes};
pub use reindex::reindex;
pub(super) use roll::{roll, roll_day};
