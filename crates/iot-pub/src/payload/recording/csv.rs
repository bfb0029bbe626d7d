//! One record of comma-separated values, as in RFC 4180. Unlike the crate `csv`, which repairs what
//! it can, this says what is wrong, and whether the record goes on in the next line.

/// A text as a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Fields(Vec<Vec<u8>>),
    /// A quote is not closed: the record goes on in the next line.
    Open,
    Bad(&'static str),
}

/// Splits a record into its fields, between which the separator stands. `text` may end with the end
/// of its line.
pub(super) fn parse(text: &[u8], separator: u8) -> Parsed {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let field;
        (field, rest) = match rest.strip_prefix(b"\"") {
            None => {
                let end = rest.iter().position(|byte| *byte == separator);
                let (field, rest) = rest.split_at(end.unwrap_or(rest.len()));
                if field.contains(&b'"') {
                    return Parsed::Bad("a quote in a field that doesn't begin with one");
                }
                (field.to_vec(), rest)
            }
            Some(quoted) => match unquote(quoted) {
                None => return Parsed::Open,
                Some(unquoted) => unquoted,
            },
        };
        fields.push(field);
        rest = match rest {
            [] => return Parsed::Fields(fields),
            [first, rest @ ..] if *first == separator => rest,
            _ => return Parsed::Bad("text between a closing quote and the next comma"),
        };
    }
}

/// Returns a field up to its closing quote, and what follows. A doubled quote stands for one quote.
fn unquote(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut field = Vec::new();
    loop {
        let quote = rest.iter().position(|byte| *byte == b'"')?;
        field.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix(b"\"") {
            None => return Some((field, rest)),
            Some(more) => {
                field.push(b'"');
                rest = more;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: &[&str]) {
        let expected = expected.iter().map(|field| field.as_bytes().to_vec());
        assert_eq!(
            parse(text.as_bytes(), b','),
            Parsed::Fields(expected.collect())
        );
    }

    #[test]
    fn fields() {
        case("a,b,c", &["a", "b", "c"]);
        case("a,b\r\n", &["a", "b"]);
        case("", &[""]);
        case(",", &["", ""]);
        case("\"a\",\"\",b\n", &["a", "", "b"]);
        case("\"a,b\",\"say \"\"x\"\"\"", &["a,b", "say \"x\""]);
        case("\"two\nlines\",b", &["two\nlines", "b"]);
        case(" a , b ", &[" a ", " b "]);
    }

    #[test]
    fn a_bad_record_is_found() {
        assert_eq!(parse(b"a,\"b", b','), Parsed::Open);
        assert_eq!(parse(b"a,\"b\"\"", b','), Parsed::Open);
        for bad in ["a\"b,c", "\"a\"b,c", "\"a\" ,b"] {
            assert!(
                matches!(parse(bad.as_bytes(), b','), Parsed::Bad(_)),
                "{bad}"
            );
        }
    }
}
