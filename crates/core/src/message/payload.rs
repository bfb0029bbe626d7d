//! The payload of a message, and what can become one.

use bytes::Bytes;

/// The payload of a message: text, bytes, a number or nothing, as bytes.
///
/// Numbers become decimal text. Floats become the shortest text that reads back as the same number:
/// `25.0`; below 0.00001 and from 10¹⁶ on it has an exponent, `1e16`. `()` and `None` become no
/// bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload(pub Bytes);

macro_rules! payload_from {
    ($($type:ty => |$value:ident| $bytes:expr;)+) => {
        $(impl From<$type> for Payload {
            fn from($value: $type) -> Self {
                Self($bytes)
            }
        })+
    };
}

payload_from! {
    () => |_nothing| Bytes::new();
    Bytes => |bytes| bytes;
    Vec<u8> => |bytes| bytes.into();
    &[u8] => |bytes| Bytes::copy_from_slice(bytes);
    String => |text| text.into();
    &String => |text| Bytes::copy_from_slice(text.as_bytes());
    &str => |text| Bytes::copy_from_slice(text.as_bytes());
    f64 => |number| format!("{number:?}").into();
    f32 => |number| format!("{number:?}").into();
    i32 => |number| number.to_string().into();
    i64 => |number| number.to_string().into();
    u32 => |number| number.to_string().into();
    u64 => |number| number.to_string().into();
    usize => |number| number.to_string().into();
}

impl<const N: usize> From<&[u8; N]> for Payload {
    fn from(bytes: &[u8; N]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

impl<T: Into<Payload>> From<Option<T>> for Payload {
    fn from(payload: Option<T>) -> Self {
        payload.map_or_else(Self::default, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(payload: impl Into<Payload>, expected: &str) {
        assert_eq!(payload.into().0, expected.as_bytes());
    }

    #[test]
    fn a_payload_is_text_bytes_a_number_or_nothing() {
        case("25.3", "25.3");
        case(String::from("ü"), "ü");
        case(b"\x01\x02", "\u{1}\u{2}");
        case(25.0, "25.0");
        case(25.062_5_f32, "25.0625");
        case(-7, "-7");
        case((), "");
        case(None::<&str>, "");
        case(Some(1), "1");
    }
}
