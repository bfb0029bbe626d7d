//! Finds braces that are half a placeholder, before the library reads a template: to the library,
//! a `}}` that ends nothing is text, and its errors do not show the place.

use crate::excerpt::{beginning, last_word};

/// Checks the braces of a template: each `{{` begins a placeholder with something in it, and each
/// `}}` ends one, closes JSON as in `{"a": {"b": 1}}`, or stands in a JSON string.
///
/// # Errors
/// What is wrong.
pub(super) fn check(text: &str) -> Result<(), String> {
    // The branches of a condition may open and close JSON in any way.
    let has_blocks = text.contains("{%");
    let mut json = Json::default();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let run = rest[at..].bytes().take_while(|byte| *byte == b'{').count();
        if run > 3 {
            return Err(format!("`{}` has too many braces", beginning(&rest[at..])));
        }
        // Of three, the first one is text.
        let (before, from) = rest.split_at(at + run - 2);
        json.check(before, has_blocks)?;
        let inside = &from[2..];
        let name = &inside[..inside.find(['{', '}']).unwrap_or(inside.len())];
        let Some(after) = inside[name.len()..].strip_prefix("}}") else {
            return Err(format!("`{}` has no }}}}", beginning(from)));
        };
        if name.trim().is_empty() {
            return Err("{{}} has no name in it".into());
        }
        rest = after;
    }
    json.check(rest, has_blocks)
}

/// Which braces and quotes of JSON are open.
#[derive(Debug, Default)]
struct Json {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl Json {
    /// Takes in the text up to the next placeholder.
    fn check(&mut self, text: &str, has_blocks: bool) -> Result<(), String> {
        let mut last = None;
        for (at, c) in text.char_indices() {
            let closes_nothing = self.closes_nothing(c);
            if closes_nothing && last == Some('}') && !has_blocks {
                let before = &text[..at - 1];
                return Err(match before {
                    "" => "}} ends no placeholder".into(),
                    before => format!("}}}} after `{}` ends no placeholder", last_word(before)),
                });
            }
            last = Some(c);
        }
        Ok(())
    }

    /// Takes in one character. Returns whether it is a closing brace without an opening one.
    fn closes_nothing(&mut self, c: char) -> bool {
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
            '}' => return true,
            _ => {}
        }
        false
    }
}
