//! The part of a text that a message shows.

/// How much of a text is shown, in characters.
const LENGTH: usize = 20;

/// Returns the beginning of a text, on one line.
pub(crate) fn beginning(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(LENGTH).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// Returns the end of the last word of a text.
pub(crate) fn last_word(text: &str) -> &str {
    let word = text.trim_end().rsplit(char::is_whitespace).next();
    let word = word.unwrap_or_default();
    let from = word.char_indices().rev().nth(LENGTH - 1);
    &word[from.map_or(0, |(at, _)| at)..]
}
