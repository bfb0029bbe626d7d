//! Sizes in bytes, as people type them.
//!
//! The crate `bytesize` reads `512M` as 512,000,000, and a size beyond 64 bits as the largest that
//! fits.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(u64);

/// Longer ones first, as `B` ends them all.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
    ("T", 1 << 40),
    ("B", 1),
];

impl Size {
    /// Returns so many MiB.
    pub(crate) const fn mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    pub(crate) const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = &'static str;

    /// Reads `512MiB` or `512M`, which are the same: K, M, G and T are powers of 1,024. A number
    /// alone is bytes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str =
            "a size is a positive number and its unit: 512KiB, 64MiB, 1GiB, or 512K, 64M, 1G";
        let unit = UNITS.iter().find_map(|&(unit, bytes)| {
            let number = text.strip_suffix(unit)?;
            Some((number, bytes))
        });
        let (number, unit) = unit.unwrap_or((text, 1));
        number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(unit))
            .filter(|&bytes| bytes > 0)
            .map(Self)
            .ok_or(WANTED)
    }
}

impl fmt::Display for Size {
    /// Writes it with the largest unit that needs no fraction.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |&&(_, bytes): &&(&str, u64)| self.0.is_multiple_of(bytes);
        match UNITS[..4].iter().rev().find(whole) {
            Some((unit, bytes)) => write!(f, "{} {unit}", self.0 / bytes),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_its_unit() {
        for (text, bytes, shown) in [
            ("1GiB", 1 << 30, "1 GiB"),
            ("1G", 1 << 30, "1 GiB"),
            ("1536M", 1536 << 20, "1536 MiB"),
            ("64KiB", 64 << 10, "64 KiB"),
            ("1000", 1000, "1000 bytes"),
            ("7B", 7, "7 bytes"),
            ("2T", 2 << 40, "2 TiB"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, shown));
        }
        for bad in ["", "0", "-1M", "1.5G", "1 G", "G", "1Gb", "99999999999T"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }
}
