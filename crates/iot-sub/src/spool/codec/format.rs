//! What encoding and decoding have in common.

/// What an encoded entry begins with.
pub(super) const MAGIC: [u8; 4] = *b"iot1";

/// And one that carries more than the four fields.
pub(super) const MAGIC_2: [u8; 4] = *b"iot2";

/// And one that carries the payload it was read from.
pub(super) const MAGIC_3: [u8; 4] = *b"iot3";

/// What follows in such an entry: once and fields; the whole payload; length and hash of the
/// payload, and its beginning.
pub(super) const HAS_EXTRA: u8 = 1;
pub(super) const HAS_PAYLOAD: u8 = 2;
pub(super) const HAS_CUT_PAYLOAD: u8 = 4;

pub(super) const HEADER: usize = 12;

pub(super) const NUMBER: u8 = 0;
pub(super) const JSON: u8 = 1;
pub(super) const TEXT: u8 = 2;
pub(super) const REJECTION: u8 = 3;

/// What marks a field that is a date.
pub(super) const DATE: &str = "date";
