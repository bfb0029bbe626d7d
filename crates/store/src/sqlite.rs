//! The embedded store: one SQLite file, which is the journal and the store at once.
//!
//! `sqlite3 iot.db 'select topic, value, reg_date from sensors'` shows the readings in order of
//! arrival: a number as REAL (`25.5`), a boolean as 1 or 0, other JSON as JSON text (so a JSON
//! string has its quotes: `"open"`), text as it is (`open`), the time as
//! `2026-11-23T10:00:00.123Z`. A query for one topic, with a range of times or without, follows the
//! primary key. One over all topics sorts what it reads: about a second for each million readings.
//! To count them all, ask the table `readings`, which nothing sorts.

mod about;
mod alerts;
pub mod decoder_state;
pub mod disk;
pub mod failure;
pub mod file;
pub mod held;
mod insertion;
mod integrity;
pub mod log;
pub mod private_file;
mod prune;
mod read;
mod rejected_limit;
mod repetitions;
mod rollups;
mod series_table;
mod sql_value;
mod sqlite_store;
mod store_file;
#[cfg(test)]
mod tests;
mod unique_ids;
mod upgrade;
mod view;

pub use alerts::AlertTables;
pub use failure::{Damaged, Retryable};
pub use insertion::Refusal;
pub use integrity::damage_in;
pub use prune::prune;
pub use read::SqliteReader;
pub use rollups::{Mode as RollupMode, reindex};
pub use sqlite_store::SqliteStore;
