//! Text in UTF-16, as spreadsheets save it, as UTF-8.

use std::io::{self, BufRead, BufReader, Read};

/// Returns the input as UTF-8 if it begins with the byte order mark of UTF-16, else as it is.
///
/// # Errors
/// The input cannot be read.
pub(super) fn as_utf8(mut input: Box<dyn BufRead + Send>) -> io::Result<Box<dyn BufRead + Send>> {
    let big_endian = match input.fill_buf()? {
        [0xfe, 0xff, ..] => true,
        [0xff, 0xfe, ..] => false,
        _ => return Ok(input),
    };
    input.consume(2);
    Ok(Box::new(BufReader::new(Utf16 {
        input,
        big_endian,
        high: None,
        text: Vec::new(),
    })))
}

/// Decodes while it is read.
struct Utf16 {
    input: Box<dyn BufRead + Send>,
    big_endian: bool,
    /// The first half of a character beyond 16 bits.
    high: Option<u16>,
    /// What is decoded and not yet read.
    text: Vec<u8>,
}

impl Utf16 {
    /// Decodes the next chunk. Nothing is left if no text was added.
    fn decode(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        // An even number, so that no character is cut.
        (&mut self.input).take(16 * 1024).read_to_end(&mut bytes)?;
        let is_last = bytes.len() < 16 * 1024;
        let unit = if self.big_endian {
            u16::from_be_bytes
        } else {
            u16::from_le_bytes
        };
        let (pairs, _) = bytes.as_chunks();
        let mut units: Vec<u16> = self.high.take().into_iter().collect();
        units.extend(pairs.iter().copied().map(unit));
        if !is_last {
            self.high = units.pop_if(|unit| (0xd800..0xdc00).contains(unit));
        }
        for char in char::decode_utf16(units) {
            let char = char.unwrap_or(char::REPLACEMENT_CHARACTER);
            let mut buffer = [0; 4];
            self.text
                .extend_from_slice(char.encode_utf8(&mut buffer).as_bytes());
        }
        Ok(())
    }
}

impl Read for Utf16 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.text.is_empty() {
            self.decode()?;
        }
        let length = buffer.len().min(self.text.len());
        buffer[..length].copy_from_slice(&self.text[..length]);
        self.text.drain(..length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(bytes: Vec<u8>, expected: &str) {
        let input = Box::new(BufReader::with_capacity(3, io::Cursor::new(bytes)));
        let mut text = String::new();
        as_utf8(input).unwrap().read_to_string(&mut text).unwrap();
        assert!(text == expected, "{} characters", text.len());
    }

    #[test]
    fn both_byte_orders_are_read_and_utf_8_stays() {
        let long = format!("a{}", "😀ü".repeat(20_000));
        for text in ["topic;value\r\n", "", &long] {
            let little = text.encode_utf16().flat_map(u16::to_le_bytes);
            case([0xff, 0xfe].into_iter().chain(little).collect(), text);
            let big = text.encode_utf16().flat_map(u16::to_be_bytes);
            case([0xfe, 0xff].into_iter().chain(big).collect(), text);
            case(text.as_bytes().to_vec(), text);
        }
    }
}
