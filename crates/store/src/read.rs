//! Reading a store back: what series it has, their latest values, ranges of readings, and what was
//! rejected.
//!
//! [`open`] opens a store for reading; a [`Reader`] answers questions. It blocks: a program without
//! an event loop calls it as it is, one with an event loop on a thread for blocking calls. A reader
//! answers one question at a time; several readers of one store do not disturb each other, and none
//! of them delays the program that writes.
//!
//! # Stored and live points
//!
//! A [`Row`] has the id and the time that the reading got when its message was received. A program
//! that also gets readings live, with the same ids, joins both without gaps or repetitions: begin
//! to collect live readings, then ask for the stored ones, then leave out those live ones whose ids
//! are among the stored. Rows of one series come in order of time, and of id where the time is the
//! same.

mod bucket;
mod cancel;
mod error;
mod filter;
mod grid;
mod open;
mod question;
mod reader;
mod rejections;
mod row_batch;
mod series;

pub use bucket::Bucket;
pub use cancel::Cancel;
pub use error::ReadError;
pub use filter::SeriesFilter;
pub use grid::{Division, Grid};
pub use open::open;
pub use question::{Order, Position, RowQuestion, TimeRange};
pub use reader::Reader;
pub use rejections::{RejectionGroup, RejectionRow};
pub use row_batch::RowBatch;
pub use series::{Latest, Row, Series, SeriesKey};
