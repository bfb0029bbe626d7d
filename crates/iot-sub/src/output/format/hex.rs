//! The payload in hex digits, in groups, as `mosquitto_sub` 2.1 prints it.

use super::flags::{Flags, pad};

/// What is between groups unless the format says something else.
const DEFAULT_SEPARATOR: u8 = b' ';

/// Appends the digits of at most as many bytes as the field is wide. Digits and padding are
/// counted together for the groups. To the left aligned, it is padded by the difference between
/// width and digits, also if the digits are wider: that is what mosquitto does.
pub(super) fn print(flags: Flags, payload: &[u8], is_upper: bool, out: &mut Vec<u8>) {
    let digits = if is_upper {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    let shown = match flags.width {
        0 => payload,
        width => &payload[..payload.len().min(width)],
    };
    let mut groups = Groups {
        size: flags.precision.unwrap_or(0),
        separator: flags.separator.unwrap_or(DEFAULT_SEPARATOR),
        place: 0,
    };
    if !flags.left {
        for _ in 0..flags.width.saturating_sub(shown.len() * 2) {
            out.push(flags.fill());
            groups.step(out);
        }
    }
    for (index, byte) in shown.iter().enumerate() {
        out.push(digits[usize::from(byte >> 4)]);
        groups.step(out);
        out.push(digits[usize::from(byte & 15)]);
        if index + 1 < shown.len() {
            groups.step(out);
        }
    }
    if flags.left {
        let padding = match flags.width {
            0 => payload.len(),
            width => width.abs_diff(shown.len() * 2),
        };
        pad(b' ', padding, out);
    }
}

/// Where the groups end.
struct Groups {
    /// 0: there are none.
    size: usize,
    separator: u8,
    place: usize,
}

impl Groups {
    /// A digit was written, and another one follows.
    fn step(&mut self, out: &mut Vec<u8>) {
        self.place += 1;
        if self.size > 0 && self.place.is_multiple_of(self.size) {
            out.push(self.separator);
        }
    }
}
