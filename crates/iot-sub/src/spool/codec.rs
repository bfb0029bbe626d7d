//! How an entry is written into the spool: few bytes, and a checksum that shows whether they have
//! changed.
//!
//! ```text
//! "iot1"  4 bytes: what this is, and the version of the format; "iot2" to "iot4" where the
//!         body has more
//! length  4 bytes: of what follows the checksum
//! crc     4 bytes: CRC-32 of what follows
//! seq     8 bytes: its number in the spool, by which a salvage finds its place
//! body    kind (1), id (12), reg_date in ms (8), length of the topic (4), topic,
//!         with "iot2": once (1: 0 or 1), length of the fields (4), then
//!         the fields as JSON: [[name, value], [name, ms, "date"], …]
//!         with "iot3": which of the following there are (1),
//!         with 1 in that what "iot2" has,
//!         with 4 length (8) and SHA-256 (32) of the whole payload,
//!         with 2 or 4 length of what is kept of the payload (4), that,
//!         and then by kind:
//!         number     the double's bits (8)
//!         JSON       its text
//!         text       the text
//!         rejection  length (8) and SHA-256 (32) of the whole payload, length of what is
//!                    kept of it (4), that, reason
//! ```
//!
//! "iot4" is "iot3" with a metric, a unit, or several readings:
//!
//! ```text
//! one reading     8 in the flags: length of the metric (4), metric; 16: the same for the unit;
//!                 they stand before the value
//! several         behind the payload their number (4), each of them, and then facts about series
//! each of them    kind (1), id (12), reg_date in ms (8), flags (1): 1 once and fields as in
//!                 "iot2", 32 a topic of its own, 8 metric, 16 unit; length of the value (4), value
//! facts           flags (1), topic, and with 1 in the flags the metric, 2 unit, 4 name, 8 device,
//!                 16 device class, each text behind its length (4)
//! ```
//!
//! All numbers are little endian. What salvages a damaged file finds entries in it by their first
//! four bytes.

#[cfg(test)]
mod tests;

mod decode;
mod encode;
mod format;

pub(super) use decode::{decode, decode_first};
pub(super) use encode::encode;
