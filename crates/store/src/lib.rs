//! Sensor readings and the databases that hold them.
//!
//! What a message became is an [`Entry`]: a [`Reading`], several [`Readings`], or a [`Rejection`]
//! with its reason. Two stores take entries:
//!
//! - [`mongodb::MongoStore`] (feature `mongodb`): collections of a MongoDB deployment, which may be
//!   away;
//! - [`sqlite::SqliteStore`] (feature `sqlite`): one local file, which is written to before a
//!   message is acknowledged.
//!
//! The module [`read`] reads them back, [`upkeep`] removes old readings, and [`alerts`] keeps what
//! alerts report.
//!
//! This crate knows no broker: how a message becomes an entry is the caller's.

#[cfg(test)]
mod alert_contract;
pub mod alerts;
mod clock;
#[cfg(test)]
mod contract;
mod csv_text;
mod entry;
mod expiry;
mod extra;
mod failure;
mod json;
mod keep_rejected;
#[cfg(feature = "mongodb")]
pub mod mongodb;
pub mod mongodb_options;
mod python_repr;
pub mod read;
#[cfg(test)]
mod read_contract;
mod reading;
mod reading_id;
mod readings;
mod received_payload;
mod recent_table;
mod reindexed;
mod rejection;
mod series_update;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod store;
#[cfg(any(feature = "mongodb", feature = "sqlite"))]
mod tally;
#[cfg(test)]
mod testing;
mod time_text;
pub mod upkeep;
mod value;

pub use clock::now;
pub use csv_text::{
    CSV_HEADER, csv_name, push_csv_cell, push_csv_name, push_csv_row, push_csv_value,
};
pub use entry::Entry;
pub use expiry::{Expiry, Pruned};
pub use extra::{Extra, FieldValue, RECEIVED};
pub use failure::Failure;
pub use json::{JSON_DEPTH_LIMIT, JSON_NODE_LIMIT, JsonError, read_json, read_own_json};
pub use keep_rejected::KeepRejected;
pub use python_repr::push_number;
pub use reading::Reading;
pub use reading_id::{IdGenerator, ReadingId};
pub use readings::Readings;
pub use received_payload::{CutPayload, PayloadRef, REJECTED_PAYLOAD_LIMIT, ReceivedPayload};
pub use recent_table::RecentTable;
pub use reindexed::Reindexed;
pub use rejection::Rejection;
pub use series_update::SeriesUpdate;
pub use store::{BoxFuture, SameId, Store, Stored};
pub use time_text::TimeText;
pub use value::Value;
