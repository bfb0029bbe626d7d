//! In the place of `cbor`, if the feature is off: no CBOR is read.

use serde_json::Value as Json;

use crate::reason::Reason;

pub(crate) fn read_cbor(_payload: &[u8]) -> Result<Json, Reason> {
    Err(Reason::malformed(
        "CBOR",
        "this program is built without it (build it with the feature `cbor`)",
    ))
}
