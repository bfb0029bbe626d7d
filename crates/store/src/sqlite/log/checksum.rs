//! The checksum of a write-ahead log, and which single bit would make it right.

use std::array;

/// In which order the four bytes of a word are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    fn word(self, bytes: &[u8], index: usize) -> u32 {
        let bytes = array::from_fn(|at| bytes[index * 4 + at]);
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

/// A checksum: each frame continues that of the frame before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum(u32, u32);

/// A bit, by its word and its place in that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bit {
    word: usize,
    shift: u32,
}

/// What a single wrong bit could be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flip {
    /// No single bit explains the difference.
    None,
    /// This one.
    One(Bit),
    /// One of several.
    Several,
}

impl Sum {
    /// Reads a checksum from the log, where it is always big endian.
    pub(super) fn stored(bytes: &[u8]) -> Self {
        Self(Order::Big.word(bytes, 0), Order::Big.word(bytes, 1))
    }

    pub(super) fn bytes(self) -> [u8; 8] {
        (u64::from(self.0) << 32 | u64::from(self.1)).to_be_bytes()
    }

    /// Continues with `bytes`, a multiple of eight.
    pub(super) fn over(self, order: Order, bytes: &[u8]) -> Self {
        let Self(mut first, mut second) = self;
        for pair in bytes.chunks_exact(8) {
            first = first.wrapping_add(order.word(pair, 0)).wrapping_add(second);
            second = second.wrapping_add(order.word(pair, 1)).wrapping_add(first);
        }
        Self(first, second)
    }

    pub(super) fn differs_by_one_bit(self, other: Self) -> bool {
        (self.0 ^ other.0).count_ones() + (self.1 ^ other.1).count_ones() == 1
    }

    /// Returns which bit of `bytes` has to be flipped so that continuing with them gives `wanted`.
    ///
    /// The checksum is linear: a bit changes it by its value times a factor that depends only on
    /// how many words follow. High bits have the same effect in many places.
    pub(super) fn flip(self, order: Order, bytes: &[u8], wanted: Self) -> Flip {
        let got = self.over(order, bytes);
        let missing = Self(wanted.0.wrapping_sub(got.0), wanted.1.wrapping_sub(got.1));
        let mut found = Flip::None;
        // What one more in the first and in the second word of a pair adds.
        let mut factors = [Self(1, 1), Self(0, 1)];
        for pair in (0..bytes.len() / 8).rev() {
            for (word, factor) in [(pair * 2, factors[0]), (pair * 2 + 1, factors[1])] {
                let value = order.word(bytes, word);
                for shift in 0..32 {
                    let change = Self(factor.0 << shift, factor.1 << shift);
                    let change = if value >> shift & 1 == 0 {
                        change
                    } else {
                        Self(change.0.wrapping_neg(), change.1.wrapping_neg())
                    };
                    if change == missing {
                        found = match found {
                            Flip::None => Flip::One(Bit { word, shift }),
                            _ => Flip::Several,
                        };
                    }
                }
            }
            factors = factors.map(|Self(first, second)| {
                let first = first.wrapping_add(second);
                Self(first, second.wrapping_add(first))
            });
        }
        found
    }
}

impl Bit {
    /// Flips it.
    pub(super) fn flip(self, order: Order, bytes: &mut [u8]) {
        let byte = (self.shift / 8) as usize;
        let byte = match order {
            Order::Little => byte,
            Order::Big => 3 - byte,
        };
        bytes[self.word * 4 + byte] ^= 1 << (self.shift % 8);
    }
}
