//! Options from a file: one a line, as in mosquitto's configuration files.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Args, Command};
use iot_core::error::io_reason;

use crate::generate::GENERATE;
use crate::mosquitto::MOSQUITTO;
use crate::origin::{Origin, Origins, Setting, Value};
use crate::parser::Parser;
use crate::property::{PROPERTY, join_line};
use crate::small_file::read_small_file;
use crate::unsupported;
use crate::url::{self, URL};
use crate::usage;

/// The id of the option that names the file.
pub(crate) const OPTIONS_FILE: &str = "options_file";
/// Options that make sense on the command line only.
const TYPED_ONLY: [&str; 3] = [OPTIONS_FILE, GENERATE, MOSQUITTO];

#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
/// Which file has options.
#[derive(Debug, Args)]
#[command(next_help_heading = "Program")]
pub(crate) struct OptionFileArgs {
    /// Read options from FILE, one a line, as in `-t iot/#` [default: $XDG_CONFIG_HOME/NAME or
    /// ~/.config/NAME, with NAME this program's name]
    #[arg(short = 'o', long, env = "IOT_OPTIONS_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE", hide_short_help = true)]
    options_file: Option<PathBuf>,
}

/// Returns the options of the file that is named, else of the one in its usual place, if there is
/// one.
///
/// # Errors
/// A line that names the file, its line, and what is wrong with it.
pub(crate) fn read(parser: &mut Parser, named: Option<&Path>) -> Result<Vec<Setting>, String> {
    let path = named.map(Path::to_owned);
    let Some(path) = path.or_else(|| usual_place(parser.command().get_name())) else {
        return Ok(Vec::new());
    };
    let text = match read_small_file(&path) {
        Ok(text) => text,
        Err(error) if named.is_none() && is_none(&error) => return Ok(Vec::new()),
        Err(error) => {
            let why = io_reason(&error);
            let path = path.display();
            return Err(format!("cannot read option file `{path}`: {why}"));
        }
    };
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let mut settings = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let place = Place {
            path: &path,
            number: index + 1,
        };
        let more = place.settings(parser, line, &settings)?;
        settings.extend(more);
    }
    Ok(settings)
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

/// A line of a file.
struct Place<'a> {
    path: &'a Path,
    number: usize,
}

impl Place<'_> {
    fn settings(
        &self,
        parser: &mut Parser,
        line: &[u8],
        earlier: &[Setting],
    ) -> Result<Vec<Setting>, String> {
        let in_line = |why| format!("{}:{}: {why}", self.path.display(), self.number);
        let line =
            std::str::from_utf8(line).map_err(|_| in_line("the line is not UTF-8".to_owned()))?;
        let Some((option, value)) = option_and_value(line) else {
            return Ok(Vec::new());
        };
        let origin = Origin::Line {
            path: self.path.to_owned(),
            number: self.number,
            option: option.to_owned(),
        };
        let Some(arg) = find(parser.command(), option) else {
            let mut siblings = parser.siblings().iter();
            return if siblings.any(|command| find(command, option).is_some()) {
                Ok(Vec::new())
            } else {
                Err(in_line(unknown(option)))
            };
        };
        let value = self::value(parser, &arg, option, value).map_err(in_line)?;
        if let (URL, Value::Text(url)) = (arg.get_id().as_str(), &value) {
            return url::expand(url, &origin, earlier);
        }
        let setting = Setting::new(&arg, value, origin);
        check(parser, &setting)?;
        Ok(vec![setting])
    }
}

/// Checks the value by itself, so that the line can be named though another layer wins.
fn check(parser: &mut Parser, setting: &Setting) -> Result<(), String> {
    match parser.parse(setting.word()) {
        Err(error) if error.kind() != ErrorKind::MissingRequiredArgument => {
            let origins = Origins::new(vec![setting.clone()]);
            let line = usage::line(&error, parser, &origins);
            let is_quoted = matches!(&setting.value, Value::Text(text) if is_quoted(text));
            let hint = if is_quoted {
                " (a line needs no quotes)"
            } else {
                ""
            };
            Err(line + hint)
        }
        _ => Ok(()),
    }
}

fn is_quoted(text: &OsStr) -> bool {
    let text = text.to_string_lossy();
    ['\'', '"']
        .iter()
        .any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}

/// Splits a line; `None` for one that is empty or a comment.
fn option_and_value(line: &str) -> Option<(&str, Option<&str>)> {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    Some(match line.split_once([' ', '\t']) {
        Some((option, value)) => (option, Some(value.trim_start_matches([' ', '\t']))),
        None => (line, None),
    })
}

fn find(command: &Command, option: &str) -> Option<Arg> {
    let is_named = |arg: &&Arg| {
        let is_long = option
            .strip_prefix("--")
            .is_some_and(|name| arg.get_long() == Some(name));
        let mut letters = option.strip_prefix('-').unwrap_or_default().chars();
        let letter = (letters.next(), letters.next());
        is_long || (letter.0.is_some() && letter == (arg.get_short(), None))
    };
    let mut arguments = command.get_arguments();
    let found = arguments.find(|arg| !arg.is_hide_set() && is_named(arg));
    found.cloned()
}

fn unknown(option: &str) -> String {
    match unsupported::reason(option) {
        Some(reason) => format!("`{option}` is not supported: {reason}"),
        None => format!(
            "unknown option `{option}` (a line is an option and its value, as in `--qos 1`)"
        ),
    }
}

fn value(
    parser: &mut Parser,
    arg: &Arg,
    option: &str,
    value: Option<&str>,
) -> Result<Value, String> {
    let id = arg.get_id().as_str();
    match arg.get_action() {
        ArgAction::Set | ArgAction::Append if !TYPED_ONLY.contains(&id) => match value {
            None if is_optional(arg) => Ok(Value::Text(default_missing(parser, arg))),
            None => Err(format!("`{option}` needs a value")),
            // Two words that hold no space, and all the rest.
            Some(value) if id == PROPERTY => Ok(Value::Text(join_line(value).into())),
            Some(value) => Ok(Value::Text(value.into())),
        },
        ArgAction::SetTrue if !TYPED_ONLY.contains(&id) => match value.map(str::trim_end) {
            None | Some("") => Ok(Value::Flag(true)),
            Some(_) => Err(format!("`{option}` takes no value")),
        },
        _ => Err(format!("`{option}` only makes sense on the command line")),
    }
}

fn is_optional(arg: &Arg) -> bool {
    arg.get_num_args()
        .is_some_and(|range| range.min_values() == 0)
}

/// Returns what an option with an optional value means without one.
fn default_missing(parser: &mut Parser, arg: &Arg) -> OsString {
    let word = format!("--{}", arg.get_long().unwrap_or_default());
    let matches = parser.parse([OsString::from(word)]);
    let value = matches.ok().and_then(|matches| {
        let mut values = matches.get_raw(arg.get_id().as_str())?;
        values.next().map(OsString::from)
    });
    value.unwrap_or_default()
}
