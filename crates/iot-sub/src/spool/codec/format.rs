//! What encoding and decoding have in common.

/// What an encoded entry begins with.
pub(super) const MAGIC: [u8; 4] = *b"iot1";

/// And one that carries more than the four fields.
pub(super) const MAGIC_2: [u8; 4] = *b"iot2";

/// And one that carries the payload it was read from.
pub(super) const MAGIC_3: [u8; 4] = *b"iot3";

/// And one that has a metric, a unit, or several readings.
pub(super) const MAGIC_4: [u8; 4] = *b"iot4";

/// What follows in such an entry: once and fields; the whole payload; length and hash of the
/// payload, and its beginning.
pub(super) const HAS_EXTRA: u8 = 1;
pub(super) const HAS_PAYLOAD: u8 = 2;
pub(super) const HAS_CUT_PAYLOAD: u8 = 4;
/// With "iot4": the metric; the unit; and within several readings a topic of its own.
pub(super) const HAS_METRIC: u8 = 8;
pub(super) const HAS_UNIT: u8 = 16;
pub(super) const HAS_TOPIC: u8 = 32;

pub(super) const HEADER: usize = 12;

pub(super) const NUMBER: u8 = 0;
pub(super) const JSON: u8 = 1;
pub(super) const TEXT: u8 = 2;
pub(super) const REJECTION: u8 = 3;
pub(super) const READINGS: u8 = 4;

/// Which facts about a series there are, in this order.
pub(super) const SERIES_METRIC: u8 = 1;
pub(super) const SERIES_UNIT: u8 = 2;
pub(super) const SERIES_NAME: u8 = 4;
pub(super) const SERIES_DEVICE: u8 = 8;
pub(super) const SERIES_CLASS: u8 = 16;

/// What marks a field that is a date.
pub(super) const DATE: &str = "date";
