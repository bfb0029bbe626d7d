//! Text from others (topics, payloads, reason strings, client identifiers), made fit for a terminal
//! and for a line of a log.

use std::borrow::Cow;

/// Returns the text with each character that moves the cursor, talks to the terminal, changes the
/// order of the others or is not seen as an escape sequence such as `\n` or `\u{1b}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| push(c, &mut escaped));
    escaped.into()
}

/// Most characters of a line for people: a topic can have 65,535.
const LINE_CHARS: usize = 1_200;
/// Characters that are left of a longer line, at its start and at its end.
const SHOWN_CHARS: usize = 400;

/// Returns a line for people: [`printable`], and without its middle if it is very long.
pub fn printable_line(line: &str) -> Cow<'_, str> {
    let line = printable(line);
    let count = line.chars().count();
    if count <= LINE_CHARS {
        return line;
    }
    let start: String = line.chars().take(SHOWN_CHARS).collect();
    let end: String = line.chars().skip(count - SHOWN_CHARS).collect();
    let left_out = count - 2 * SHOWN_CHARS;
    format!("{start}… ({left_out} characters) …{end}").into()
}

/// Replaces what stands in `out` from `start` on by its printable form, for a terminal. Bytes that
/// are not UTF-8 become `\xff`. Line breaks and tabs stay if `keeps_lines` is set.
pub fn make_printable(out: &mut Vec<u8>, start: usize, keeps_lines: bool) {
    let is_kept = |c: char| keeps_lines && matches!(c, '\n' | '\t');
    let is_harmless = |c: char| is_kept(c) || !is_unsafe(c);
    let bytes = &out[start..];
    if std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(is_harmless)) {
        return;
    }
    let mut escaped = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_kept(c) {
                escaped.push(c);
            } else {
                push(c, &mut escaped);
            }
        }
        for byte in chunk.invalid() {
            escaped.extend(byte.escape_ascii().map(char::from));
        }
    }
    out.truncate(start);
    out.extend_from_slice(escaped.as_bytes());
}

fn push(c: char, text: &mut String) {
    if is_unsafe(c) {
        text.extend(c.escape_default());
    } else {
        text.push(c);
    }
}

/// Control characters (ESC and the C1 controls among them), line separators, the marks that change
/// the direction of text, and what takes no place, so that two topics would look the same.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
        // Tags.
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn case(text: &str, expected: &str) {
        assert_eq!(printable(text), expected);
    }

    #[test]
    fn what_a_terminal_would_obey_becomes_an_escape_sequence() {
        case("plain ü 温 \\ \"", "plain ü 温 \\ \"");
        case("a\nb\r\tc\0", "a\\nb\\r\\tc\\u{0}");
        case("\x1b]52;c;cm0=\x07", "\\u{1b}]52;c;cm0=\\u{7}");
        case("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}");
        case(
            "a\u{202e}b\u{2066}\u{2028}",
            "a\\u{202e}b\\u{2066}\\u{2028}",
        );
    }

    #[test]
    fn what_is_not_seen_becomes_an_escape_sequence() {
        for c in [
            '\u{ad}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{2060}',
            '\u{feff}',
            '\u{202a}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{e0001}',
            '\u{e0061}',
            '\u{e007f}',
        ] {
            let code = u32::from(c);
            case(&format!("iot{c}/a"), &format!("iot\\u{{{code:x}}}/a"));
            let mut out = format!("iot{c}").into_bytes();
            make_printable(&mut out, 0, true);
            assert_eq!(out, format!("iot\\u{{{code:x}}}").into_bytes());
        }
    }

    #[test]
    fn a_long_line_loses_its_middle() {
        let line = "ä".repeat(LINE_CHARS);
        assert_eq!(printable_line(&line), line);
        let line = format!("rejected `{}`: no number", "t".repeat(65_535));
        let shown = printable_line(&line);
        assert!(shown.starts_with("rejected `ttt"), "{shown}");
        assert!(shown.contains("t… (64757 characters) …t"), "{shown}");
        assert!(shown.ends_with("ttt`: no number"), "{shown}");
    }

    #[test]
    fn bytes_on_a_terminal() {
        for (keeps_lines, expected) in [
            (true, "\x1b[1ma\tb\n\\xff\\u{1b}"),
            (false, "\x1b[1ma\\tb\\n\\xff\\u{1b}"),
        ] {
            let mut out = b"\x1b[1ma\tb\n\xff\x1b".to_vec();
            make_printable(&mut out, 4, keeps_lines);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
