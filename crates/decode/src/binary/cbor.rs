//! CBOR (RFC 8949) as JSON.

use ciborium_ll::{Decoder, Header, simple};
use serde_json::{Map, Value as Json};

use super::budget::Budget;
use super::json::{base64url, double, key};
use crate::reason::Reason;

const FORMAT: &str = "CBOR";

/// Tags with a meaning of their own; a value with another tag is the value.
const BIG_POSITIVE: u64 = 2;
const BIG_NEGATIVE: u64 = 3;
const DECIMAL_FRACTION: u64 = 4;
const BIG_FLOAT: u64 = 5;

/// Returns the value that `payload` is.
///
/// # Errors
/// It is not one CBOR value, or exceeds a limit of JSON's.
pub(crate) fn read_cbor(payload: &[u8]) -> Result<Json, Reason> {
    let mut reader = Reader {
        budget: Budget::of(payload)?,
        decoder: Decoder::from(payload),
    };
    let header = reader.header()?;
    let value = reader.value(header)?;
    let rest = payload.len() - reader.decoder.offset();
    match rest {
        0 => Ok(value),
        1 => Err(malformed("1 byte follows the value")),
        _ => Err(malformed(&format!("{rest} bytes follow the value"))),
    }
}

fn malformed(why: &str) -> Reason {
    Reason::malformed(FORMAT, why)
}

struct Reader<'p> {
    budget: Budget,
    decoder: Decoder<&'p [u8]>,
}

type Problem<'p> = ciborium_ll::Error<<&'p [u8] as ciborium_io::Read>::Error>;

fn problem(error: &Problem<'_>) -> Reason {
    match error {
        ciborium_ll::Error::Io(_) => malformed("it ends within a value"),
        ciborium_ll::Error::Syntax(offset) => malformed(&format!("byte {offset} is wrong")),
    }
}

impl Reader<'_> {
    fn header(&mut self) -> Result<Header, Reason> {
        self.budget.take_node()?;
        self.decoder.pull().map_err(|error| problem(&error))
    }

    fn value(&mut self, mut header: Header) -> Result<Json, Reason> {
        loop {
            return match header {
                Header::Positive(number) => Ok(number.into()),
                Header::Negative(number) => Ok(negative(number)),
                Header::Float(number) => Ok(double(number)),
                Header::Simple(simple::FALSE) => Ok(false.into()),
                Header::Simple(simple::TRUE) => Ok(true.into()),
                Header::Simple(_) => Ok(Json::Null),
                Header::Bytes(length) => Ok(base64url(&self.bytes(length)?)),
                Header::Text(length) => self.text(length).map(Json::String),
                Header::Array(length) => self.array(length),
                Header::Map(length) => self.map(length),
                Header::Break => Err(malformed("a break outside of an array or a map")),
                Header::Tag(tag @ (BIG_POSITIVE | BIG_NEGATIVE)) => match self.header()? {
                    Header::Bytes(length) => {
                        let size = big_number(&self.bytes(length)?)?;
                        Ok(big(size, tag == BIG_NEGATIVE))
                    }
                    _ => Err(malformed("a big number is not a byte string")),
                },
                Header::Tag(tag @ (DECIMAL_FRACTION | BIG_FLOAT)) => self.fraction(tag),
                Header::Tag(_) => {
                    header = self.header()?;
                    continue;
                }
            };
        }
    }

    fn bytes(&mut self, length: Option<usize>) -> Result<Vec<u8>, Reason> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        let mut segments = self.decoder.bytes(length);
        while let Some(mut segment) = segments.pull().map_err(|error| problem(&error))? {
            while let Some(part) = { segment.pull(&mut buffer) }.map_err(|error| problem(&error))? {
                bytes.extend_from_slice(part);
            }
        }
        Ok(bytes)
    }

    fn text(&mut self, length: Option<usize>) -> Result<String, Reason> {
        let mut text = String::new();
        let mut buffer = [0; 4096];
        let mut segments = self.decoder.text(length);
        while let Some(mut segment) = segments.pull().map_err(|error| problem(&error))? {
            while let Some(part) = { segment.pull(&mut buffer) }.map_err(|error| problem(&error))? {
                text.push_str(part);
            }
        }
        Ok(text)
    }

    /// Returns the header of the next item; none after the last. `left` is `None` if a break ends
    /// the items.
    fn next(&mut self, left: &mut Option<usize>) -> Result<Option<Header>, Reason> {
        match left {
            Some(0) => Ok(None),
            Some(left) => {
                *left -= 1;
                self.header().map(Some)
            }
            None => Ok(Some(self.header()?).filter(|header| *header != Header::Break)),
        }
    }

    fn array(&mut self, mut length: Option<usize>) -> Result<Json, Reason> {
        self.budget.enter()?;
        let mut items = Vec::new();
        while let Some(header) = self.next(&mut length)? {
            items.push(self.value(header)?);
        }
        self.budget.leave();
        Ok(Json::Array(items))
    }

    fn map(&mut self, mut length: Option<usize>) -> Result<Json, Reason> {
        self.budget.enter()?;
        let mut fields = Map::new();
        while let Some(header) = self.next(&mut length)? {
            let key = key(self.value(header)?, FORMAT)?;
            let header = self.header()?;
            fields.insert(key, self.value(header)?);
        }
        self.budget.leave();
        Ok(Json::Object(fields))
    }

    /// Reads the exponent and the mantissa of a decimal fraction or a big float (§3.4.4).
    fn fraction(&mut self, tag: u64) -> Result<Json, Reason> {
        const WRONG: &str = "a fraction is not an exponent and a mantissa";
        self.budget.enter()?;
        let header = self.header()?;
        let Json::Array(parts) = self.value(header)? else {
            return Err(malformed(WRONG));
        };
        self.budget.leave();
        let [Json::Number(exponent), Json::Number(mantissa)] = &parts[..] else {
            return Err(malformed(WRONG));
        };
        let exponent = exponent.as_i64().ok_or_else(|| malformed(WRONG))?;
        let number = if tag == DECIMAL_FRACTION {
            // A big mantissa is a double, and has an exponent of its own.
            if mantissa.is_f64() {
                mantissa.as_f64().unwrap_or_default() * 10_f64.powi(clamp(exponent))
            } else {
                let decimal = format!("{mantissa}e{exponent}");
                decimal.parse().map_err(|_| malformed(WRONG))?
            }
        } else {
            mantissa.as_f64().unwrap_or_default() * 2_f64.powi(clamp(exponent))
        };
        if !number.is_finite() {
            return Err(Reason::OutOfRange);
        }
        Ok(double(number))
    }
}

fn clamp(exponent: i64) -> i32 {
    i32::try_from(exponent.clamp(-10_000, 10_000)).unwrap_or_default()
}

/// Returns `-1 - number`.
#[expect(clippy::cast_precision_loss, reason = "the nearest double is wanted")]
fn negative(number: u64) -> Json {
    match i64::try_from(number) {
        Ok(number) => (-1 - number).into(),
        Err(_) => double(-(number as f64)),
    }
}

fn big(size: Size, is_negative: bool) -> Json {
    match (size, is_negative) {
        (Size::Small(size), false) => size.into(),
        (Size::Small(size), true) => negative(size),
        (Size::Large(size), false) => double(size),
        (Size::Large(size), true) => double(-size),
    }
}

/// The size of a big number.
enum Size {
    Small(u64),
    Large(f64),
}

/// Returns the number that big-endian bytes are (§3.4.3).
#[expect(clippy::cast_precision_loss, reason = "the nearest double is wanted")]
fn big_number(bytes: &[u8]) -> Result<Size, Reason> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    let (first, rest) = bytes.split_at(bytes.len().min(16));
    let mut number = first
        .iter()
        .fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
    if let Ok(number) = u64::try_from(number) {
        return Ok(Size::Small(number));
    }
    // Bits that are cut off still decide how a half is rounded.
    if rest.iter().any(|byte| *byte != 0) {
        number |= 1;
    }
    let scale = i32::try_from(rest.len().min(1_000) * 8).unwrap_or_default();
    let size = number as f64 * 2_f64.powi(scale);
    if size.is_finite() {
        Ok(Size::Large(size))
    } else {
        Err(Reason::OutOfRange)
    }
}
