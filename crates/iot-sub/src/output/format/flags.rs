//! Width, precision and padding of a field, as C's `printf` and mosquitto have them.

/// What stands between `%` and the letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) left: bool,
    pub(super) zeros: bool,
    /// 0: as wide as it is.
    pub(super) width: usize,
    pub(super) precision: Option<usize>,
    /// Between groups of hex digits.
    pub(super) separator: Option<u8>,
}

impl Flags {
    pub(super) fn string(self, text: &[u8], out: &mut Vec<u8>) {
        let text = &text[..text.len().min(self.precision.unwrap_or(usize::MAX))];
        self.aligned(text, b' ', out);
    }

    pub(super) fn integer(self, number: u64, out: &mut Vec<u8>) {
        let fill = if self.zeros && !self.left { b'0' } else { b' ' };
        self.aligned(number.to_string().as_bytes(), fill, out);
    }

    pub(super) fn maybe(self, number: Option<impl Into<u64>>, out: &mut Vec<u8>) {
        match number {
            Some(number) => self.integer(number.into(), out),
            None => pad(self.fill(), self.width, out),
        }
    }

    pub(super) fn float(self, number: f64, out: &mut Vec<u8>) {
        let sign = if number.is_sign_negative() { "-" } else { "" };
        let size = number.abs();
        let (digits, finite) = if size.is_nan() {
            ("nan".to_owned(), false)
        } else if size.is_infinite() {
            ("inf".to_owned(), false)
        } else {
            (format!("{size:.*}", self.precision.unwrap_or(6)), true)
        };
        if self.zeros && !self.left && finite {
            out.extend(sign.as_bytes());
            let zeros = self.width.saturating_sub(sign.len() + digits.len());
            pad(b'0', zeros, out);
            out.extend(digits.as_bytes());
        } else {
            self.aligned(format!("{sign}{digits}").as_bytes(), b' ', out);
        }
    }

    fn aligned(self, text: &[u8], fill: u8, out: &mut Vec<u8>) {
        let missing = self.width.saturating_sub(text.len());
        if !self.left {
            pad(fill, missing, out);
        }
        out.extend_from_slice(text);
        if self.left {
            pad(b' ', missing, out);
        }
    }

    pub(super) fn fill(self) -> u8 {
        if self.zeros { b'0' } else { b' ' }
    }

    pub(super) fn payload(self, payload: &[u8], out: &mut Vec<u8>) {
        let shown = match self.width {
            0 => payload,
            width => &payload[..payload.len().min(width)],
        };
        let missing = self.width.saturating_sub(shown.len());
        if !self.left {
            pad(self.fill(), missing, out);
        }
        out.extend_from_slice(shown);
        if self.left {
            // As mosquitto does it.
            let without_width = self.width == 0;
            pad(b' ', if without_width { shown.len() } else { missing }, out);
        }
    }
}

pub(super) fn pad(byte: u8, count: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + count, byte);
}
