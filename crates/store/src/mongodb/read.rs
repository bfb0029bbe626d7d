//! Reads a collection back, plain or time-series, also one that another program has filled.
//!
//! A range is downsampled by the server. Days that are over are kept, rolled up by minute and hour,
//! in the collection of the same name with `_rollups` behind it, a document for each series and
//! day, as soon as somebody has asked for them. Before `iot-sub` says that a reading of such a day
//! is stored, it makes what is kept of the day void, and counts that in `late`; rollups that were
//! made meanwhile are not kept, as `late` is not what it was before.

mod alerts;
mod buckets;
mod cells;
mod days;
mod questions;
mod reader;
mod rejections;
mod rows;
mod series_list;
mod server;
mod value;

pub use reader::MongoReader;
