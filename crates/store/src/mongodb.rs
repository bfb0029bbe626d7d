//! MongoDB: the only module that knows its driver.
//!
//! A reading is a document `{_id, topic, value, reg_date}` in the collection, a rejection one in
//! the collection of the same name with `_rejected` behind it. All writes wait for the majority of
//! the servers, and for their journals.
//!
//! Its `_id` was given to a reading before the first attempt, so a repeated insert finds the
//! document there (error 11000 on the index `_id_`) and counts it as stored. That matters, as a
//! server applies writes that the driver has reported as failed. What is found at a first attempt
//! is compared ([`SameId`](crate::SameId)).

mod alerts;
mod batch;
mod batch_notes;
mod collections;
mod document;
mod failure;
mod insertion;
mod item;
mod mongo_store;
mod monitor;
mod numbers;
mod preparation;
mod prune;
mod read;
mod refusal;
mod reindex;
mod rejected_limit;
mod retained;
mod same_id;
mod series_notes;
mod sharding;
#[cfg(test)]
mod tests;
mod url;
mod writer;

pub use crate::mongodb_options::{Granularity, Options, Report, TimeSeries, check_collection};
pub use alerts::AlertCollections;
pub use collections::name;
pub use mongo_store::MongoStore;
pub use prune::prune;
pub use read::MongoReader;
pub use reindex::reindex;
