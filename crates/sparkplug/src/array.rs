//! Arrays: their values are packed into the bytes of a metric (Sparkplug 3.0, section 6.4.17).

use crate::data_type::DataType;

/// The values of an array.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "named as their data types are")]
pub enum Array {
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    UInt8(Vec<u8>),
    UInt16(Vec<u16>),
    UInt32(Vec<u32>),
    UInt64(Vec<u64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
    String(Vec<String>),
    /// Milliseconds since 1970 (UTC).
    DateTime(Vec<u64>),
}

/// Why bytes are no array of their type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArrayError {
    /// The type is none of an array.
    #[error("not the type of an array")]
    NoArray,
    /// The bytes are no whole number of values.
    #[error("{0} bytes are no whole number of values")]
    Length(usize),
    /// An array of booleans counts more of them than it has.
    #[error("an array of {0} booleans in {1} bytes")]
    Count(u32, usize),
    /// A string is not UTF-8, or has no NUL at its end.
    #[error("an array of strings that is not UTF-8 with a NUL after each")]
    String,
}

impl Array {
    /// Reads the bytes of an array of this type.
    ///
    /// # Errors
    /// [`ArrayError`] says what is wrong with them.
    pub fn read(data_type: DataType, bytes: &[u8]) -> Result<Self, ArrayError> {
        Ok(match data_type {
            DataType::Int8Array => Self::Int8(numbers(bytes, i8::from_le_bytes)?),
            DataType::Int16Array => Self::Int16(numbers(bytes, i16::from_le_bytes)?),
            DataType::Int32Array => Self::Int32(numbers(bytes, i32::from_le_bytes)?),
            DataType::Int64Array => Self::Int64(numbers(bytes, i64::from_le_bytes)?),
            DataType::UInt8Array => Self::UInt8(bytes.to_vec()),
            DataType::UInt16Array => Self::UInt16(numbers(bytes, u16::from_le_bytes)?),
            DataType::UInt32Array => Self::UInt32(numbers(bytes, u32::from_le_bytes)?),
            DataType::UInt64Array => Self::UInt64(numbers(bytes, u64::from_le_bytes)?),
            DataType::FloatArray => Self::Float(numbers(bytes, f32::from_le_bytes)?),
            DataType::DoubleArray => Self::Double(numbers(bytes, f64::from_le_bytes)?),
            DataType::BooleanArray => Self::Boolean(booleans(bytes)?),
            DataType::StringArray => Self::String(strings(bytes)?),
            DataType::DateTimeArray => Self::DateTime(numbers(bytes, u64::from_le_bytes)?),
            _ => return Err(ArrayError::NoArray),
        })
    }

    /// Returns how many values the bytes of an array of this type hold at most, without reading
    /// them.
    pub fn count(data_type: DataType, bytes: &[u8]) -> usize {
        let size = match data_type {
            DataType::BooleanArray => return 8 * bytes.len(),
            DataType::StringArray => return bytes.split(|byte| *byte == 0).count() - 1,
            DataType::Int8Array | DataType::UInt8Array => 1,
            DataType::Int16Array | DataType::UInt16Array => 2,
            DataType::Int32Array | DataType::UInt32Array | DataType::FloatArray => 4,
            _ => 8,
        };
        bytes.len() / size
    }

    /// Returns its type and its bytes.
    pub fn write(&self) -> (DataType, Vec<u8>) {
        match self {
            Self::Int8(it) => (DataType::Int8Array, packed(it, i8::to_le_bytes)),
            Self::Int16(it) => (DataType::Int16Array, packed(it, i16::to_le_bytes)),
            Self::Int32(it) => (DataType::Int32Array, packed(it, i32::to_le_bytes)),
            Self::Int64(it) => (DataType::Int64Array, packed(it, i64::to_le_bytes)),
            Self::UInt8(it) => (DataType::UInt8Array, it.clone()),
            Self::UInt16(it) => (DataType::UInt16Array, packed(it, u16::to_le_bytes)),
            Self::UInt32(it) => (DataType::UInt32Array, packed(it, u32::to_le_bytes)),
            Self::UInt64(it) => (DataType::UInt64Array, packed(it, u64::to_le_bytes)),
            Self::Float(it) => (DataType::FloatArray, packed(it, f32::to_le_bytes)),
            Self::Double(it) => (DataType::DoubleArray, packed(it, f64::to_le_bytes)),
            Self::Boolean(it) => (DataType::BooleanArray, packed_booleans(it)),
            Self::String(it) => {
                let bytes = it.iter().flat_map(|text| text.bytes().chain([0]));
                (DataType::StringArray, bytes.collect())
            }
            Self::DateTime(it) => (DataType::DateTimeArray, packed(it, u64::to_le_bytes)),
        }
    }
}

fn numbers<const SIZE: usize, T>(
    bytes: &[u8],
    read: impl Fn([u8; SIZE]) -> T,
) -> Result<Vec<T>, ArrayError> {
    let (values, rest) = bytes.as_chunks::<SIZE>();
    if !rest.is_empty() {
        return Err(ArrayError::Length(bytes.len()));
    }
    Ok(values.iter().map(|value| read(*value)).collect())
}

fn packed<const SIZE: usize, T: Copy>(values: &[T], write: impl Fn(T) -> [u8; SIZE]) -> Vec<u8> {
    values.iter().flat_map(|value| write(*value)).collect()
}

/// Their number, then one bit each, the highest of a byte first.
fn booleans(bytes: &[u8]) -> Result<Vec<bool>, ArrayError> {
    let Some((count, bits)) = bytes.split_first_chunk() else {
        return Err(ArrayError::Length(bytes.len()));
    };
    let count = u32::from_le_bytes(*count);
    if u64::from(count) > 8 * bits.len() as u64 {
        return Err(ArrayError::Count(count, bytes.len()));
    }
    let bit = |at: u32| bits[at as usize / 8] & (0x80 >> (at % 8)) != 0;
    Ok((0..count).map(bit).collect())
}

fn packed_booleans(values: &[bool]) -> Vec<u8> {
    let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let mut bytes = count.to_le_bytes().to_vec();
    for eight in values.chunks(8) {
        let bits = eight.iter().zip(0..).filter(|(is_set, _)| **is_set);
        bytes.push(bits.map(|(_, at)| 0x80_u8 >> at).sum());
    }
    bytes
}

/// A NUL ends each.
fn strings(bytes: &[u8]) -> Result<Vec<String>, ArrayError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let Some(texts) = bytes.strip_suffix(&[0]) else {
        return Err(ArrayError::String);
    };
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(str::to_owned);
    let texts: Result<_, _> = texts.split(|byte| *byte == 0).map(text).collect();
    texts.map_err(|_| ArrayError::String)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        #[track_caller]
        fn case(array: &Array, data_type: DataType, bytes: &[u8]) {
            assert_eq!(array.write(), (data_type, bytes.to_vec()));
            assert_eq!(Array::read(data_type, bytes).as_ref(), Ok(array));
        }
        case(
            &Array::Int8(vec![-23, 123]),
            DataType::Int8Array,
            &[0xE9, 0x7B],
        );
        case(
            &Array::Int16(vec![-30_000, 30_000]),
            DataType::Int16Array,
            &[0xD0, 0x8A, 0x30, 0x75],
        );
        case(
            &Array::UInt32(vec![52, 3_293_969_225]),
            DataType::UInt32Array,
            &[0x34, 0, 0, 0, 0x49, 0xFB, 0x55, 0xC4],
        );
        case(
            &Array::Boolean(vec![
                false, false, true, true, false, true, false, false, true, true, false, true,
            ]),
            DataType::BooleanArray,
            &[0x0C, 0, 0, 0, 0x34, 0xD0],
        );
        case(
            &Array::String(vec!["ABC".into(), "hello".into()]),
            DataType::StringArray,
            b"ABC\0hello\0",
        );
        case(
            &Array::DateTime(vec![1_256_102_875_335, 1_656_107_875_000]),
            DataType::DateTimeArray,
            &[
                0xC7, 0xD0, 0x90, 0x75, 0x24, 0x01, 0, 0, 0xB8, 0xBA, 0xB8, 0x97, 0x81, 0x01, 0, 0,
            ],
        );
    }

    #[test]
    fn bytes_that_are_no_array() {
        #[track_caller]
        fn case(data_type: DataType, bytes: &[u8], expected: ArrayError) {
            assert_eq!(Array::read(data_type, bytes), Err(expected));
        }
        case(DataType::Int32Array, &[1, 2, 3], ArrayError::Length(3));
        case(DataType::BooleanArray, &[1, 0], ArrayError::Length(2));
        case(
            DataType::BooleanArray,
            &[0xFF, 0xFF, 0xFF, 0xFF, 1],
            ArrayError::Count(u32::MAX, 5),
        );
        case(DataType::StringArray, b"abc", ArrayError::String);
        case(DataType::StringArray, b"\xff\0", ArrayError::String);
        case(DataType::Double, &[], ArrayError::NoArray);
    }
}
