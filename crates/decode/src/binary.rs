//! Trees of values in binary form, which are read as the JSON that they mean.
//!
//! Byte strings become base64url without padding, numbers that are not finite become null (RFC 8949
//! §6.1). Keys that are numbers become text.

mod budget;
#[cfg_attr(not(feature = "cbor"), path = "binary/without_cbor.rs")]
mod cbor;
mod json;
mod msgpack;

pub(crate) use cbor::read_cbor;
pub(crate) use msgpack::read_msgpack;

#[cfg(test)]
mod tests;
