//! Reads a file back, beside the program that writes it.
//!
//! The file is opened read-only. A question reads one state of it, in statements that end within
//! moments: rows come in portions, each of which is read and then passed on. So the write-ahead log
//! can be folded in between them, however slowly the rows are taken.

mod buckets;
mod connection;
mod reader;
mod rejections;
mod rows;
mod series_list;

pub(super) use connection::connect;
pub use reader::SqliteReader;
