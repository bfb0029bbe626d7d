//! The words of a command line, with the options in them.
//!
//! Some options become others before clap sees them: each `-D COMMAND NAME VALUE [VALUE]` becomes
//! one word, because clap can't take an option of three or four words whose values begin with a
//! hyphen, and `-L URL` becomes the options that the URL stands for. That needs to know which word
//! is an option and which is a value: `-m -D` publishes the text `-D`.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

use crate::origin::{Origin, Setting, Value};
use crate::property::{PROPERTY, join};
use crate::url::{self, URL};

/// The command line.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    /// For clap, without the program's name.
    pub(crate) words: Vec<OsString>,
    /// The options in them.
    pub(crate) settings: Vec<Setting>,
}

/// Reads the words of a command line, without the program's name.
///
/// # Errors
/// A line for a URL that is none.
pub(crate) fn read(
    command: &Command,
    words: impl IntoIterator<Item = OsString>,
) -> Result<Typed, String> {
    let mut words = words.into_iter();
    let mut typed = Typed::default();
    while let Some(word) = words.next() {
        if word == "--" {
            typed.words.push(word);
            typed.words.extend(words);
            break;
        }
        let Some(option) = options_in(command, &word) else {
            typed.words.push(word);
            continue;
        };
        for (arg, name) in option.flags {
            let origin = Origin::Typed(name);
            typed
                .settings
                .push(Setting::new(arg, Value::Flag(true), origin));
        }
        let id = option.arg.get_id().as_str();
        let origin = Origin::Typed(option.name);
        if id == PROPERTY {
            typed.words.extend(option.before);
            let value = Value::Text(join(option.value.into_iter().chain(&mut words)));
            let setting = Setting::new(option.arg, value, origin);
            typed.words.extend(setting.word());
            typed.settings.push(setting);
            continue;
        }
        let is_missing = option.value.is_none();
        let count = option
            .arg
            .get_num_args()
            .map_or(0, |range| range.min_values());
        let count = if is_missing { count } else { 0 };
        let values: Vec<OsString> = words.by_ref().take(count).collect();
        let value = option.value.or_else(|| values.first().cloned());
        match value {
            Some(value) if id == URL => {
                typed.words.extend(option.before);
                let settings = url::expand(&value, &origin, &typed.settings)?;
                typed
                    .words
                    .extend(settings.iter().filter_map(Setting::word));
                typed.settings.extend(settings);
            }
            value => {
                let value = value.map_or(Value::Flag(true), Value::Text);
                typed.settings.push(Setting::new(option.arg, value, origin));
                typed.words.push(word);
                typed.words.extend(values);
            }
        }
    }
    Ok(typed)
}

/// The options that a word holds.
struct Found<'a> {
    /// The flags before the last option, by their letters.
    flags: Vec<(&'a Arg, String)>,
    /// These flags as a word of their own.
    before: Option<OsString>,
    /// The last option, and how it is written.
    arg: &'a Arg,
    name: String,
    /// What stands behind it in the same word.
    value: Option<OsString>,
}

fn options_in<'a>(command: &'a Command, word: &OsStr) -> Option<Found<'a>> {
    // An option's name is ASCII, so bytes that are no UTF-8 only stand in values.
    let bytes = word.as_encoded_bytes();
    if let Some(name) = bytes.strip_prefix(b"--") {
        let end = name.iter().position(|byte| *byte == b'=');
        let (name, value) = match end {
            Some(end) => (&name[..end], Some(tail(word, 2 + end + 1))),
            None => (name, None),
        };
        let name = std::str::from_utf8(name).ok()?;
        let mut arguments = command.get_arguments();
        let arg = arguments.find(|arg| arg.get_long() == Some(name))?;
        return Some(Found {
            flags: Vec::new(),
            before: None,
            arg,
            name: format!("--{name}"),
            value,
        });
    }
    let letters = bytes.strip_prefix(b"-")?;
    let mut flags = Vec::new();
    for (index, letter) in letters.iter().enumerate() {
        let letter = char::from(*letter);
        let mut arguments = command.get_arguments();
        let arg = arguments.find(|arg| arg.get_short() == Some(letter))?;
        let name = format!("-{letter}");
        let takes_value = arg.get_action().takes_values();
        if !takes_value && index + 1 < letters.len() {
            flags.push((arg, name));
            continue;
        }
        let start = index + 2;
        let equals = usize::from(bytes.get(start) == Some(&b'='));
        let value = takes_value && start < bytes.len();
        return Some(Found {
            flags,
            before: (index > 0).then(|| word.to_string_lossy()[..=index].into()),
            arg,
            name,
            value: value.then(|| tail(word, start + equals)),
        });
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
        #[arg(short = 'L', long)]
        url: Option<String>,
        #[arg(long, num_args = 0..=1)]
        limit: Option<String>,
        #[command(flatten)]
        properties: PropertyArgs,
    }

    fn typed(words: &[&str]) -> Typed {
        let mut command = Program::command();
        command.build();
        read(&command, words.iter().map(OsString::from)).unwrap()
    }

    #[track_caller]
    fn case(words: &[&str], expected: &[&str]) {
        assert_eq!(typed(words).words, expected, "{expected:?}");
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

    #[test]
    fn a_url_becomes_the_options_that_it_stands_for() {
        case(
            &["-rL", "ws://b:7/a%20b", "-m", "x"],
            &[
                "-r",
                "--host=b",
                "--port=7",
                "--topic=a b",
                "--url-without-tls",
                "--ws",
                "-m",
                "x",
            ],
        );
    }

    #[test]
    fn each_option_is_known_as_it_is_written() {
        let typed = typed(&["-rrm", "a", "--limit", "--message=b"]);
        let names = typed.settings.iter().map(|setting| {
            let name = setting.short_name();
            format!("{} {name}", setting.id)
        });
        let names: Vec<String> = names.collect();
        assert_eq!(
            names,
            [
                "retain `-r`",
                "retain `-r`",
                "message `-m`",
                "limit `--limit`",
                "message `--message`"
            ]
        );
    }
}
