//! Reads a format: text, escapes, `@` with a letter of the time, `%` with a field.

use super::field::Field;
use super::flags::Flags;
use super::piece::Piece;
use crate::output::time::Letter;

/// Widest field; a longer one is a slip of the hand.
const WIDEST: usize = 1_000_000;

/// What separates groups of hex digits.
const SEPARATORS: &[u8] = b"!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~ ";

/// Returns the pieces of a format.
///
/// # Errors
/// A line that says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Vec<Piece>, String> {
    let mut format = Pieces(Vec::new());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '%' => format.percent(&mut rest)?,
            '@' => match rest.next() {
                None => return Err("`@` at the end of the format (`@@` is an @)".into()),
                Some('@') => format.text("@"),
                Some(letter) => format.0.push(Piece::Time(Letter::of(letter)?)),
            },
            '\\' => format.text(escape(rest.next())?),
            c => format.text(c.encode_utf8(&mut [0; 4])),
        }
    }
    Ok(format.0)
}

fn escape(letter: Option<char>) -> Result<&'static str, String> {
    Ok(match letter {
        Some('\\') => "\\",
        Some('0') => "\0",
        Some('a') => "\x07",
        Some('e') => "\x1b",
        Some('n') => "\n",
        Some('r') => "\r",
        Some('t') => "\t",
        Some('v') => "\x0b",
        Some(other) => {
            return Err(format!(
                "there is no `\\{other}`, only \\\\ \\0 \\a \\e \\n \\r \\t \\v"
            ));
        }
        None => return Err("`\\` at the end of the format (`\\\\` is a \\)".into()),
    })
}

struct Pieces(Vec<Piece>);

impl Pieces {
    fn text(&mut self, text: &str) {
        if let Some(Piece::Text(before)) = self.0.last_mut() {
            before.extend(text.as_bytes());
        } else {
            self.0.push(Piece::Text(text.into()));
        }
    }

    fn percent(&mut self, rest: &mut std::str::Chars<'_>) -> Result<(), String> {
        let mut flags = Flags::default();
        let text = rest.as_str();
        let after = text.trim_start_matches('-');
        // One of each at most: what follows is an unknown letter.
        let after = &text[(text.len() - after.len()).min(1)..];
        flags.left = after.len() < text.len();
        let unpadded = after.strip_prefix('0');
        flags.zeros = unpadded.is_some();
        let (width, after) = number(unpadded.unwrap_or(after))?;
        flags.width = width;
        let mut after = after;
        if let Some(precise) = after.strip_prefix('.') {
            let (precision, behind) = number(precise)?;
            (flags.precision, after) = (Some(precision), behind);
        }
        if let [separator, b'x' | b'X', ..] = after.as_bytes()
            && SEPARATORS.contains(separator)
        {
            flags.separator = Some(*separator);
            after = &after[1..];
        }
        let mut letters = after.chars();
        let letter = letters.next();
        *rest = letters;
        match letter {
            None => Err("the format ends inside a `%` sequence (`%%` is a %)".into()),
            Some('%') => {
                self.text("%");
                Ok(())
            }
            Some(letter) => {
                let field = Field::of(letter).ok_or_else(|| {
                    format!("there is no `%{letter}`, only %% and A C D d E F f I J j l m P p q R r S t U X x")
                })?;
                self.0.push(Piece::Field(field, flags));
                Ok(())
            }
        }
    }
}

/// Returns the number that `text` begins with, 0 where it begins with none, and what follows.
fn number(text: &str) -> Result<(usize, &str), String> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &text[..text.len() - rest.len()];
    if digits.is_empty() {
        return Ok((0, rest));
    }
    match digits.parse() {
        Ok(number) if number <= WIDEST => Ok((number, rest)),
        _ => Err(format!("`{digits}` is wider than {WIDEST}")),
    }
}
