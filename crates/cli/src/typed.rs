//! The words of a command line, with each `-D COMMAND NAME VALUE [VALUE]` made one word.
//!
//! clap can't take an option of three or four words whose values begin with a hyphen, so they are
//! joined before it sees them. That needs to know which word is an option and which is a value:
//! `-m -D` publishes the text `-D`.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

use crate::property::{self, PROPERTY};

/// Returns the words with those of each property joined.
pub(crate) fn join(command: &Command, words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.into_iter();
    let mut joined: Vec<OsString> = words.next().into_iter().collect();
    while let Some(word) = words.next() {
        if word == "--" {
            joined.push(word);
            joined.extend(words);
            return joined;
        }
        let Some(option) = last_option(command, &word) else {
            joined.push(word);
            continue;
        };
        if option.arg.get_id() == PROPERTY {
            if let Some(flags) = option.before {
                joined.push(flags);
            }
            let text = property::join(option.value.into_iter().chain(&mut words));
            let mut word = OsString::from("--property=");
            word.push(text);
            joined.push(word);
            continue;
        }
        let count = option
            .arg
            .get_num_args()
            .map_or(0, |range| range.min_values());
        let count = if option.value.is_some() { 0 } else { count };
        joined.push(word);
        joined.extend(words.by_ref().take(count));
    }
    joined
}

/// The option that a word ends with.
struct Found<'a> {
    arg: &'a Arg,
    /// What stands behind it in the same word.
    value: Option<OsString>,
    /// The flags before it in the same word, with their hyphen.
    before: Option<OsString>,
}

fn last_option<'a>(command: &'a Command, word: &OsStr) -> Option<Found<'a>> {
    // An option's name is ASCII, so bytes that are no UTF-8 only stand in values.
    let bytes = word.as_encoded_bytes();
    if let Some(name) = bytes.strip_prefix(b"--") {
        let end = name.iter().position(|byte| *byte == b'=');
        let (name, value) = match end {
            Some(end) => (&name[..end], Some(tail(word, 2 + end + 1))),
            None => (name, None),
        };
        let name = std::str::from_utf8(name).ok()?;
        let arg = command
            .get_arguments()
            .find(|arg| arg.get_long() == Some(name))?;
        return Some(Found {
            arg,
            value,
            before: None,
        });
    }
    let letters = bytes.strip_prefix(b"-")?;
    for (index, letter) in letters.iter().enumerate() {
        let letter = char::from(*letter);
        let arg = command
            .get_arguments()
            .find(|arg| arg.get_short() == Some(letter))?;
        if arg.get_action().takes_values() {
            let start = index + 2;
            let equals = usize::from(bytes.get(start) == Some(&b'='));
            let value = (start < bytes.len()).then(|| tail(word, start + equals));
            let before = (index > 0).then(|| word.to_string_lossy()[..=index].into());
            return Some(Found { arg, value, before });
        }
        if index + 1 == letters.len() {
            return Some(Found {
                arg,
                value: None,
                before: None,
            });
        }
    }
    None
}

/// What stands in a word from a byte on, which follows an ASCII character.
fn tail(word: &OsStr, start: usize) -> OsString {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        OsStr::from_bytes(&word.as_bytes()[start..]).to_owned()
    }
    #[cfg(not(unix))]
    word.to_string_lossy()[start..].into()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::property::PropertyArgs;

    #[derive(Parser)]
    struct Program {
        #[arg(short, long, allow_hyphen_values = true)]
        message: Option<String>,
        #[arg(short, long)]
        retain: bool,
        #[arg(long, num_args = 0..=1)]
        limit: Option<String>,
        #[command(flatten)]
        properties: PropertyArgs,
    }

    #[track_caller]
    fn case(words: &[&str], expected: &[&str]) {
        let mut command = Program::command();
        command.build();
        let words = ["program"].iter().chain(words).map(OsString::from);
        let joined = join(&command, words);
        assert_eq!(joined[1..], expected[..], "{expected:?}");
    }

    #[test]
    fn a_property_takes_its_words_and_no_more() {
        let joined = "--property=publish content-type -text";
        let words = ["publish", "content-type", "-text"];
        for option in ["-D", "--property"] {
            let line = [&[option], &words[..], &["-r"]].concat();
            case(&line, &[joined, "-r"]);
        }
        case(
            &["-rDpublish", "content-type", "-text", "-m", "x"],
            &["-r", joined, "-m", "x"],
        );
        case(
            &["-D", "will", "user-property", "a", "b c", "-r"],
            &["--property=will user-property a b c", "-r"],
        );
        case(
            &["-D", "publish", "user-property", "a b", "c"],
            &["--property=publish user-property a b\u{1f}c"],
        );
        case(
            &["--property=publish", "topic-alias"],
            &["--property=publish topic-alias"],
        );
    }

    #[test]
    fn the_value_of_another_option_is_no_property() {
        case(&["-m", "-D", "-r"], &["-m", "-D", "-r"]);
        case(&["--message", "-D"], &["--message", "-D"]);
        case(&["--message=-D", "x"], &["--message=-D", "x"]);
        case(&["-m-D", "x"], &["-m-D", "x"]);
        case(&["-rm", "-D"], &["-rm", "-D"]);
        case(
            &["--limit", "-D", "will", "content-type", "x"],
            &["--limit", "--property=will content-type x"],
        );
        case(&["--", "-D", "x"], &["--", "-D", "x"]);
        case(&["--what", "-x", "-"], &["--what", "-x", "-"]);
    }
}
