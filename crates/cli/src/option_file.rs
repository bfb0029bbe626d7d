//! Options from a file: one a line, as in mosquitto's configuration files.
//!
//! A line's value becomes the default of its option, so that clap itself lets the command line and
//! variables go before it, and a repeated option of the command line replaces those of the file. That
//! holds for each option of a program without its doing.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, Args, Command};

use crate::property::{self, PROPERTY};
use iot_core::error::io_reason;

/// The id of the option that names the file.
pub(crate) const OPTIONS_FILE: &str = "options_file";
/// What makes sense on the command line only.
const TYPED_ONLY: [&str; 2] = [OPTIONS_FILE, "generate"];

#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
/// Which file has options.
#[derive(Debug, Args)]
#[command(next_help_heading = "Program")]
pub(crate) struct OptionFileArgs {
    /// Read options from FILE, one a line, as in `-t iot/#`; what is typed or in a variable goes
    /// before them [default: $XDG_CONFIG_HOME/NAME or ~/.config/NAME, with NAME this program's name]
    #[arg(
        short = 'o',
        long,
        env = "IOT_OPTIONS_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    options_file: Option<PathBuf>,
}

/// One line of a file.
struct Line {
    /// Of the option.
    id: String,
    value: OsString,
}

/// Returns the command with the file's values as the defaults of its options, and their ids. `given`
/// is the file that the command line or the variable names, else it is the one in its usual place, if
/// there is one.
///
/// # Errors
/// A line that names the file, its line, and what is wrong with it.
pub(crate) fn apply(
    mut command: Command,
    given: Option<&PathBuf>,
) -> Result<(Command, Vec<String>), String> {
    let path = given.cloned().or_else(|| usual_place(command.get_name()));
    let Some(path) = path else {
        return Ok((command, Vec::new()));
    };
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if given.is_none() && is_none(&error) => return Ok((command, Vec::new())),
        Err(error) => {
            let why = io_reason(&error);
            return Err(format!(
                "cannot read option file `{}`: {why}",
                path.display()
            ));
        }
    };
    let lines = lines(&command, &path, &text)?;
    let mut ids: Vec<String> = Vec::new();
    for line in &lines {
        if !ids.contains(&line.id) {
            ids.push(line.id.clone());
        }
    }
    for id in &ids {
        let values = lines.iter().filter(|line| line.id == *id);
        let values: Vec<OsString> = values.map(|line| line.value.clone()).collect();
        command = command.mut_arg(id, |arg| match arg.get_action() {
            ArgAction::Append => arg.default_values(values),
            _ => arg.default_values(values.last()),
        });
    }
    Ok((command, ids))
}

/// `$XDG_CONFIG_HOME/NAME`, else `~/.config/NAME`.
fn usual_place(name: &str) -> Option<PathBuf> {
    let folder = |name| env::var_os(name).filter(|folder| !folder.is_empty());
    let config = folder("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.or_else(|| Some(Path::new(&folder("HOME")?).join(".config")))?;
    Some(config.join(name))
}

/// Whether there is no such file: a folder is none.
fn is_none(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}

fn lines(command: &Command, path: &Path, text: &[u8]) -> Result<Vec<Line>, String> {
    let mut built = command.clone();
    built.build();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut lines = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let number = index + 1;
        let line = std::str::from_utf8(line)
            .map_err(|_| "this is no UTF-8 text".to_owned())
            .and_then(|line| self::line(command, &built, line))
            .map_err(|why| format!("{}:{number}: {why}", path.display()))?;
        lines.extend(line);
    }
    Ok(lines)
}

/// Returns what the line says, if it says anything.
fn line(command: &Command, built: &Command, text: &str) -> Result<Option<Line>, String> {
    let text = text.trim_start();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let (option, value) = match text.split_once([' ', '\t']) {
        Some((option, value)) => (option, Some(value.trim_start_matches([' ', '\t']))),
        None => (text, None),
    };
    let arg = built.get_arguments().find(|arg| {
        let is_long = option
            .strip_prefix("--")
            .is_some_and(|name| arg.get_long() == Some(name));
        let mut letters = option.strip_prefix('-').unwrap_or_default().chars();
        let letter = (letters.next(), letters.next());
        is_long || (letter.0.is_some() && letter == (arg.get_short(), None))
    });
    let Some(arg) = arg else {
        return Err(format!(
            "`{option}` is no option; a line is an option and its value, as in `--qos 1`"
        ));
    };
    let id = arg.get_id().as_str();
    let value = match arg.get_action() {
        ArgAction::Set | ArgAction::Append if !TYPED_ONLY.contains(&id) => match value {
            None if is_optional(arg) => missing(command, arg)?,
            None => return Err(format!("`{option}` needs a value")),
            // Two words that hold no space, and all the rest.
            Some(value) if id == PROPERTY => property::join_line(value).into(),
            Some(value) => OsString::from(value),
        },
        ArgAction::SetTrue => match value.map(str::trim_end) {
            None | Some("") => "true".into(),
            Some(_) => return Err(format!("`{option}` takes no value")),
        },
        _ => {
            return Err(format!("`{option}` only makes sense on the command line"));
        }
    };
    if arg.get_action().takes_values() {
        check(command, arg, &value)?;
    }
    Ok(Some(Line {
        id: id.to_owned(),
        value,
    }))
}

fn is_optional(arg: &Arg) -> bool {
    arg.get_num_args()
        .is_some_and(|range| range.min_values() == 0)
}

/// Returns what an option with an optional value means without one.
fn missing(command: &Command, arg: &Arg) -> Result<OsString, String> {
    let words = [
        command.get_name().to_owned(),
        format!("--{}", arg.get_long().unwrap_or_default()),
    ];
    let matches = command.clone().try_get_matches_from(words);
    let matches = matches.map_err(|error| error.to_string())?;
    let mut values = matches.get_raw(arg.get_id().as_str()).into_iter().flatten();
    Ok(values.next().unwrap_or_default().to_owned())
}

/// Lets clap look at the value by itself, so that the line can be named.
fn check(command: &Command, arg: &Arg, value: &OsString) -> Result<(), String> {
    let Some(name) = arg.get_long() else {
        return Ok(());
    };
    let mut word = OsString::from(format!("--{name}="));
    word.push(value);
    let words = [OsString::from(command.get_name()), word];
    match command.clone().try_get_matches_from(words) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Err(line.strip_prefix("error: ").unwrap_or(line).to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, FromArgMatches, Parser};

    use super::*;

    #[derive(Debug, Parser, PartialEq)]
    #[command(name = "program", args_override_self = true)]
    struct Program {
        #[arg(short, long, default_value = "one")]
        topic: Vec<String>,
        #[arg(short, long, default_value_t = 7)]
        number: u32,
        #[arg(long)]
        flag: bool,
        #[arg(long, num_args = 0..=1, default_missing_value = "3")]
        limit: Option<u32>,
    }

    #[track_caller]
    fn case(file: &str, typed: &str, topic: &[&str], number: u32, flag: bool, limit: Option<u32>) {
        let path = env::temp_dir().join(format!("iot-options-{}-{number}", std::process::id()));
        fs::write(&path, file).unwrap();
        let (command, _) = apply(Program::command(), Some(&path)).unwrap();
        fs::remove_file(&path).unwrap();
        let words = ["program"].into_iter().chain(typed.split_whitespace());
        let matches = command.try_get_matches_from(words).unwrap();
        let expected = Program {
            topic: topic.iter().map(|topic| (*topic).to_owned()).collect(),
            number,
            flag,
            limit,
        };
        assert_eq!(Program::from_arg_matches(&matches).unwrap(), expected);
    }

    #[test]
    fn lines_are_defaults_of_any_kind_of_option() {
        case("", "", &["one"], 7, false, None);
        case(
            "-t a\n--topic  b c \r\n",
            "-n 1",
            &["a", "b c "],
            1,
            false,
            None,
        );
        case(
            "-t a\n-n 5\n--flag\n--limit\n",
            "-t b",
            &["b"],
            5,
            true,
            Some(3),
        );
        case(
            "\u{feff}--limit 4\n-n 5\n-n 6",
            "",
            &["one"],
            6,
            false,
            Some(4),
        );
    }
}
