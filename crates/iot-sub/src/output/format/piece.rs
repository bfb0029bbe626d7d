//! The parts of a format.

use super::field::Field;
use super::flags::Flags;
use crate::output::time::Letter;

/// A part of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(Vec<u8>),
    Time(Letter),
    Field(Field, Flags),
}
