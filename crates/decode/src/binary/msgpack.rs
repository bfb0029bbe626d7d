//! `MessagePack` as JSON.

use chrono::{DateTime, SecondsFormat};
use rmp::Marker;
use serde_json::{Map, Value as Json};

use super::budget::Budget;
use super::json::{base64url, double, key};
use crate::reason::Reason;

const FORMAT: &str = "MessagePack";

/// The type of a timestamp among the extensions.
const TIMESTAMP: i8 = -1;

/// Returns the value that `payload` is. A timestamp becomes text as in RFC 3339.
///
/// # Errors
/// It is not one `MessagePack` value, or exceeds a limit of JSON's.
pub(crate) fn read_msgpack(payload: &[u8]) -> Result<Json, Reason> {
    let mut reader = Reader {
        budget: Budget::of(payload)?,
        rest: payload,
    };
    let value = reader.value()?;
    match reader.rest.len() {
        0 => Ok(value),
        1 => Err(malformed("1 byte follows the value")),
        rest => Err(malformed(&format!("{rest} bytes follow the value"))),
    }
}

fn malformed(why: &str) -> Reason {
    Reason::malformed(FORMAT, why)
}

struct Reader<'p> {
    budget: Budget,
    rest: &'p [u8],
}

impl<'p> Reader<'p> {
    fn value(&mut self) -> Result<Json, Reason> {
        self.budget.take_node()?;
        let [marker] = self.array_of()?;
        Ok(match Marker::from_u8(marker) {
            Marker::Null => Json::Null,
            Marker::False => false.into(),
            Marker::True => true.into(),
            Marker::FixPos(number) => number.into(),
            Marker::FixNeg(number) => number.into(),
            Marker::U8 => u8::from_be_bytes(self.array_of()?).into(),
            Marker::U16 => u16::from_be_bytes(self.array_of()?).into(),
            Marker::U32 => u32::from_be_bytes(self.array_of()?).into(),
            Marker::U64 => u64::from_be_bytes(self.array_of()?).into(),
            Marker::I8 => i8::from_be_bytes(self.array_of()?).into(),
            Marker::I16 => i16::from_be_bytes(self.array_of()?).into(),
            Marker::I32 => i32::from_be_bytes(self.array_of()?).into(),
            Marker::I64 => i64::from_be_bytes(self.array_of()?).into(),
            Marker::F32 => double(f32::from_be_bytes(self.array_of()?).into()),
            Marker::F64 => double(f64::from_be_bytes(self.array_of()?)),
            Marker::FixStr(length) => self.text(length.into())?,
            Marker::Str8 => self.length_8().and_then(|length| self.text(length))?,
            Marker::Str16 => self.length_16().and_then(|length| self.text(length))?,
            Marker::Str32 => self.length_32().and_then(|length| self.text(length))?,
            Marker::Bin8 => self.length_8().and_then(|length| self.bytes(length))?,
            Marker::Bin16 => self.length_16().and_then(|length| self.bytes(length))?,
            Marker::Bin32 => self.length_32().and_then(|length| self.bytes(length))?,
            Marker::FixArray(length) => self.array(length.into())?,
            Marker::Array16 => self.length_16().and_then(|length| self.array(length))?,
            Marker::Array32 => self.length_32().and_then(|length| self.array(length))?,
            Marker::FixMap(length) => self.map(length.into())?,
            Marker::Map16 => self.length_16().and_then(|length| self.map(length))?,
            Marker::Map32 => self.length_32().and_then(|length| self.map(length))?,
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 => self.length_8().and_then(|length| self.extension(length))?,
            Marker::Ext16 => self.length_16().and_then(|length| self.extension(length))?,
            Marker::Ext32 => self.length_32().and_then(|length| self.extension(length))?,
            Marker::Reserved => return Err(malformed("the byte 0xc1 is not used")),
        })
    }

    fn take(&mut self, length: usize) -> Result<&'p [u8], Reason> {
        let (taken, rest) = { self.rest.split_at_checked(length) }
            .ok_or_else(|| malformed("it ends within a value"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array_of<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let taken = self.take(N)?;
        taken
            .try_into()
            .map_err(|_| malformed("it ends within a value"))
    }

    fn length_8(&mut self) -> Result<usize, Reason> {
        self.array_of().map(|[length]| length.into())
    }

    fn length_16(&mut self) -> Result<usize, Reason> {
        self.array_of()
            .map(|bytes| u16::from_be_bytes(bytes).into())
    }

    fn length_32(&mut self) -> Result<usize, Reason> {
        let length = u32::from_be_bytes(self.array_of()?);
        usize::try_from(length).map_err(|_| malformed("it ends within a value"))
    }

    fn text(&mut self, length: usize) -> Result<Json, Reason> {
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| Reason::NotUtf8)?;
        Ok(text.into())
    }

    fn bytes(&mut self, length: usize) -> Result<Json, Reason> {
        self.take(length).map(base64url)
    }

    fn array(&mut self, length: usize) -> Result<Json, Reason> {
        self.budget.enter()?;
        let mut items = Vec::new();
        for _ in 0..length {
            items.push(self.value()?);
        }
        self.budget.leave();
        Ok(Json::Array(items))
    }

    fn map(&mut self, length: usize) -> Result<Json, Reason> {
        self.budget.enter()?;
        let mut fields = Map::new();
        for _ in 0..length {
            let key = key(self.value()?, FORMAT)?;
            fields.insert(key, self.value()?);
        }
        self.budget.leave();
        Ok(Json::Object(fields))
    }

    fn extension(&mut self, length: usize) -> Result<Json, Reason> {
        let kind = i8::from_be_bytes(self.array_of()?);
        let data = self.take(length)?;
        let time = (kind == TIMESTAMP).then(|| timestamp(data)).flatten();
        Ok(match time {
            Some((seconds, nanoseconds)) => {
                let time = DateTime::from_timestamp(seconds, nanoseconds)
                    .ok_or_else(|| malformed("a time is out of range"))?;
                time.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
            }
            None => base64url(data),
        })
    }
}

/// Returns the seconds since 1970 and the nanoseconds of a timestamp.
fn timestamp(data: &[u8]) -> Option<(i64, u32)> {
    match data.len() {
        4 => Some((u32::from_be_bytes(data.try_into().ok()?).into(), 0)),
        8 => {
            let bits = u64::from_be_bytes(data.try_into().ok()?);
            let seconds = i64::try_from(bits & ((1 << 34) - 1)).ok()?;
            Some((seconds, u32::try_from(bits >> 34).ok()?))
        }
        12 => {
            let (nanoseconds, seconds) = data.split_at(4);
            let nanoseconds = u32::from_be_bytes(nanoseconds.try_into().ok()?);
            Some((i64::from_be_bytes(seconds.try_into().ok()?), nanoseconds))
        }
        _ => None,
    }
}
