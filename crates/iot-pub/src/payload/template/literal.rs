//! What stands between the gaps of a template: which closing braces are text, and which are half a gap.

use super::Marks;

/// What stands between the gaps, and which of its braces and quotes are open: `}}` ends a gap, or closes two braces of JSON
/// as in `{"a": {"b": 1}}`, or stands in a JSON string. Any other is a gap's whose beginning is mistyped.
#[derive(Debug)]
pub(super) struct Literal {
    marks: Marks,
    text: String,
    /// How many `{` are not closed.
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    /// The character before, in the text since the last gap.
    last: Option<char>,
}

impl Literal {
    pub(super) fn new(marks: Marks) -> Self {
        Self {
            marks,
            text: String::new(),
            depth: 0,
            in_string: false,
            is_escaped: false,
            last: None,
        }
    }

    /// Appends text up to the next gap.
    ///
    /// # Errors
    /// What is wrong, for a closing mark that closes nothing.
    pub(super) fn push(&mut self, text: &str) -> Result<(), String> {
        for (at, c) in text.char_indices() {
            if self.closes_nothing(c) {
                let end = at + c.len_utf8();
                let before = &text[..end - self.marks.close.len()];
                let close = self.marks.close;
                return Err(match before {
                    "" => format!("{close} ends no placeholder"),
                    before => format!("{close} after `{}` ends no placeholder", last_of(before)),
                });
            }
        }
        self.text.push_str(text);
        Ok(())
    }

    /// Takes one character in. Returns whether it completes a closing mark that is neither JSON's nor a gap's.
    fn closes_nothing(&mut self, c: char) -> bool {
        if !self.marks.are_doubled() {
            return c == '}';
        }
        let last = self.last.replace(c);
        if self.in_string {
            match c {
                _ if std::mem::take(&mut self.is_escaped) => {}
                '\\' => self.is_escaped = true,
                '"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match c {
            '"' => self.in_string = true,
            '{' => self.depth += 1,
            '}' if self.depth > 0 => self.depth -= 1,
            '}' => return last == Some('}'),
            _ => {}
        }
        false
    }

    /// Returns the text since the gap before.
    pub(super) fn take(&mut self) -> String {
        self.last = None;
        std::mem::take(&mut self.text)
    }
}

/// How much of a text is shown, in characters.
const SHOWN: usize = 20;

/// Returns the beginning of a text, on one line.
pub(super) fn excerpt(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Returns the last word of a text, of what is shown.
fn last_of(text: &str) -> &str {
    let word = text.trim_end().rsplit(char::is_whitespace).next();
    let word = word.unwrap_or_default();
    let from = word.char_indices().rev().nth(SHOWN - 1);
    &word[from.map_or(0, |(at, _)| at)..]
}
