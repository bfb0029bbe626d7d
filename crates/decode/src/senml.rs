//! `SenML` (RFC 8428) in JSON and CBOR: a list of records, each of which is a reading.

mod record;
mod resolve;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use crate::binary::read_cbor;
use crate::decoded::Measured;
use crate::names::Names;
use crate::plain::document;
use crate::reason::Reason;
use record::{Labels, Record};
use resolve::Base;

const FORMAT: &str = "SenML";

/// Returns the readings of a pack, received at `now`. Their metrics are the resolved names; a
/// record's sum is the metric `NAME.sum`. Two readings of a pack can have the same metric, with
/// different times or units.
///
/// # Errors
/// It is not `SenML`, is of a newer version, or needs an unknown extension.
pub(crate) fn senml(
    payload: &[u8],
    now: DateTime<Utc>,
    names: &mut Names,
) -> Result<Vec<Measured>, Reason> {
    let (pack, labels) = pack(payload)?;
    let Json::Array(records) = pack else {
        return Err(Reason::malformed(FORMAT, "it is not an array of records"));
    };
    let mut base = Base::default();
    let mut readings = Vec::with_capacity(records.len());
    for (index, record) in records.iter().enumerate() {
        Record::read(record, labels)
            .and_then(|record| base.resolve(&record, now, names, &mut readings))
            .map_err(|why| Reason::malformed(FORMAT, format!("record {}: {why}", index + 1)))?;
    }
    Ok(readings)
}

/// Returns the pack in a payload, and which labels its records have.
fn pack(payload: &[u8]) -> Result<(Json, Labels), Reason> {
    // In CBOR, a `[` or white space would begin a byte string, a number or a tag.
    match payload.trim_ascii().first() {
        Some(b'[' | b'{') => Ok((document(payload)?, Labels::Json)),
        _ => Ok((read_cbor(payload)?, Labels::Cbor)),
    }
}

/// Returns the pack in a payload as JSON.
///
/// # Errors
/// It is neither JSON nor CBOR.
pub(crate) fn senml_document(payload: &[u8]) -> Result<Json, Reason> {
    pack(payload).map(|(pack, _)| pack)
}
