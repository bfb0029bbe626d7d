//! The words of a property, made one word for clap.

use std::ffi::{OsStr, OsString};

use crate::property::known::BETWEEN;

/// Takes the words of one property and makes one of them. Where words are missing, parsing says so.
pub(crate) fn join(mut words: impl Iterator<Item = OsString>) -> OsString {
    let mut joined = OsString::new();
    let mut count = 3;
    let mut taken = 0;
    let mut between = " ".to_owned();
    while taken < count {
        let Some(word) = words.next() else { break };
        if taken > 0 {
            joined.push(&between);
        }
        joined.push(&word);
        taken += 1;
        if taken == 2 && word == "user-property" {
            count = 4;
        } else if taken == 3 && count == 4 && has_space(&word) {
            between = BETWEEN.into();
        }
    }
    joined
}

/// Makes one word of a line of an option file: two words, and the rest of the line.
pub(crate) fn join_line(line: &str) -> String {
    let (first, rest) = split(line);
    let (second, rest) = split(rest);
    if second == "user-property" {
        let (name, value) = split(rest);
        return format!("{first} {second} {name} {value}");
    }
    format!("{first} {second} {rest}")
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start_matches([' ', '\t']))
}

fn has_space(word: &OsStr) -> bool {
    word.is_empty() || word.as_encoded_bytes().contains(&b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_file_has_words_and_a_rest() {
        for (line, expected) in [
            (
                "publish  content-type\ttext plain ",
                "publish content-type text plain ",
            ),
            ("will user-property  a  b c", "will user-property a b c"),
            ("will", "will  "),
        ] {
            assert_eq!(join_line(line), expected);
        }
    }
}
