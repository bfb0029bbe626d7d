//! Numbers in MongoDB's answers.

use mongodb::bson::{Bson, Document};

/// Returns a whole number of an answer, or 0.
#[expect(
    clippy::cast_possible_truncation,
    reason = "what is counted is a whole number that a double holds"
)]
pub(super) fn whole(document: &Document, key: &str) -> i64 {
    match document.get(key) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        Some(Bson::Double(number)) => *number as i64,
        _ => 0,
    }
}

/// Returns a number of an answer, or 0.
#[expect(clippy::cast_precision_loss, reason = "a double is what is wanted")]
pub(super) fn double(document: &Document, key: &str) -> f64 {
    match document.get(key) {
        Some(Bson::Int32(number)) => f64::from(*number),
        Some(Bson::Int64(number)) => *number as f64,
        Some(Bson::Double(number)) => *number,
        _ => 0.0,
    }
}
