//! What is wrong with the options, in one line that names where it comes from.

use std::borrow::Cow;
use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Error};

use crate::origin::{Origins, Setting, Value};
use crate::parser::{Parser, missing_in};
use crate::printable::printable;
use crate::unsupported;

/// The id of the option whose letter others use for the help.
const HOST: &str = "host";
/// The ids of the options whose values may begin with `USER:PASSWORD@`.
const ADDRESSES: [&str; 2] = [HOST, "store"];

/// Returns the line for an error of clap's.
pub(crate) fn line(error: &Error, parser: &mut Parser, origins: &Origins) -> String {
    let all = |kind| texts(error, kind);
    let first = |kind| all(kind).into_iter().next().unwrap_or_default();
    let option = first(ContextKind::InvalidArg);
    let value = first(ContextKind::InvalidValue);
    let subject = find(parser, origins, &option);
    let prefix = subject.map(|setting| setting.origin.prefix());
    let name = match subject {
        Some(setting) => setting.short_name(),
        None => quoted(&option),
    };
    let line = match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => {
            return needs_value(&name, subject, &option, &all(ContextKind::ValidValue));
        }
        ErrorKind::InvalidValue => {
            let possible = possible(&all(ContextKind::ValidValue));
            format!(
                "invalid value `{}` for {name}{possible}",
                shown(&value, subject)
            )
        }
        ErrorKind::ValueValidation => {
            let why = error.source().map(ToString::to_string);
            let why = why.map_or_else(String::new, |why| format!(": {}", printable(&plain(&why))));
            format!("invalid value `{}` for {name}{why}", shown(&value, subject))
        }
        ErrorKind::UnknownArgument => beside_its_option(&option, parser, origins)
            .or_else(|| own_command(&option, parser))
            .unwrap_or_else(|| unknown(&option, &first(ContextKind::SuggestedArg))),
        ErrorKind::ArgumentConflict => {
            let others = all(ContextKind::PriorArg);
            return conflict(parser, origins, &option, &others);
        }
        ErrorKind::MissingRequiredArgument => return needs_option(error, parser, origins),
        ErrorKind::InvalidUtf8 => return not_utf8(parser, origins),
        ErrorKind::TooManyValues => {
            format!("{name} takes no value such as `{}`", printable(&value))
        }
        _ => fallback(error),
    };
    prefix.unwrap_or_default() + &line
}

fn texts(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// Returns what clap and the standard library say about numbers in plain words.
fn plain(why: &str) -> Cow<'_, str> {
    if let Some((_, range)) = why.split_once(" is not in ")
        && let Some((least, most)) = range.split_once("..")
    {
        return match most.trim_start_matches('=') {
            "" => format!("a whole number, {least} or more, is needed").into(),
            most => format!("a whole number from {least} to {most} is needed").into(),
        };
    }
    match why {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "a whole number is needed".into()
        }
        "invalid float literal" | "cannot parse float from empty string" => {
            "a number is needed".into()
        }
        "number too large to fit in target type" => "the number is too large".into(),
        "number too small to fit in target type" => "the number is too small".into(),
        why => why.into(),
    }
}

/// Returns the setting of the option that clap calls `--qos <QOS>`.
fn find<'a>(parser: &Parser, origins: &'a Origins, option: &str) -> Option<&'a Setting> {
    let mut arguments = parser.command().get_arguments();
    let arg = arguments.find(|arg| arg.to_string() == option)?;
    origins.setting(arg.get_id().as_str())
}

/// Puts an option as clap writes it into backticks.
fn quoted(option: &str) -> String {
    format!("`{}`", printable(option))
}

fn possible(values: &[String]) -> String {
    if values.is_empty() {
        return String::new();
    }
    format!(" (possible values: {})", values.join(", "))
}

fn needs_value(
    name: &str,
    subject: Option<&Setting>,
    option: &str,
    possible_values: &[String],
) -> String {
    let prefix = subject.map(|setting| setting.origin.prefix());
    let prefix = prefix.unwrap_or_default();
    if subject.is_some_and(|setting| setting.id == HOST) {
        return format!(
            "{prefix}{name} is the broker's host and needs a value, as in `-h localhost` (--help prints the help)"
        );
    }
    let form = match option.split_once(' ') {
        Some((_, form)) => format!(": {form}"),
        None => String::new(),
    };
    let possible = possible(possible_values);
    format!("{prefix}{name} needs a value{form}{possible}")
}

/// Returns the line for a word that is the value of an option which takes it behind `=` only, as in
/// `--page 127.0.0.1:8188`.
fn beside_its_option(word: &str, parser: &mut Parser, origins: &Origins) -> Option<String> {
    let takes_equals = |setting: &&Setting| {
        let mut arguments = parser.command().get_arguments();
        let arg = arguments.find(|arg| arg.get_id() == setting.id.as_str());
        setting.value == Value::Flag(true) && arg.is_some_and(Arg::is_require_equals_set)
    };
    let candidates: Vec<_> = origins.settings().filter(takes_equals).cloned().collect();
    candidates.into_iter().find_map(|setting| {
        let with_value = Setting {
            value: Value::Text(word.into()),
            ..setting
        };
        let is_valid = match parser.parse(with_value.word()) {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::MissingRequiredArgument,
        };
        let option = with_value.id.replace('_', "-");
        let word = printable(word);
        is_valid.then(|| format!("`--{option}` takes its value behind `=`: `--{option}={word}`"))
    })
}

/// Returns the line for an option that is the name of the command itself, as in
/// `iot-view page --page`.
fn own_command(option: &str, parser: &Parser) -> Option<String> {
    let command = parser.command();
    let called = command.get_bin_name()?;
    let (_, name) = called.rsplit_once(' ')?;
    if option.strip_prefix("--")?.split('=').next()? != name {
        return None;
    }
    let positional = command.get_positionals().next();
    let value = positional.and_then(|arg| arg.get_value_names()?.first());
    let value = value.map_or_else(String::new, |value| format!(" {value}"));
    Some(format!(
        "`--{name}` is the command itself (leave it out, as in `{called}{value}`)"
    ))
}

fn unknown(option: &str, suggestion: &str) -> String {
    if let Some(reason) = unsupported::reason(option) {
        return format!("`{option}` is not supported: {reason}");
    }
    let option = printable(option);
    if let Some(scheme) = broker_scheme(&option) {
        return format!("a broker's URL needs `-L`, as in `-L {scheme}://HOST`");
    }
    if !option.starts_with('-') {
        return format!(
            "unexpected word `{option}` (a host is given with -h HOST, a topic with -t TOPIC; --help lists the options)"
        );
    }
    if suggestion.is_empty() {
        return format!("unknown option `{option}` (--help lists the options)");
    }
    format!("unknown option `{option}` (did you mean `{suggestion}`?)")
}

/// Returns the scheme of a word that is a broker's URL. The rest of it is not shown: a password may
/// be in it.
fn broker_scheme(word: &str) -> Option<&'static str> {
    let (scheme, _) = word.split_once("://")?;
    let schemes = ["mqtt", "mqtts", "ws", "wss"];
    let mut schemes = schemes.into_iter();
    schemes.find(|known| known.eq_ignore_ascii_case(scheme))
}

/// Names both options, in the order in which they are set.
fn conflict(parser: &Parser, origins: &Origins, option: &str, others: &[String]) -> String {
    // clap lists all options of a group.
    let is_set = |other: &&String| find(parser, origins, other).is_some();
    let other = others.iter().find(is_set).or(others.first());
    let other = other.map_or("", String::as_str);
    let position = |option: &str| {
        let found = find(parser, origins, option)?;
        origins.settings().position(|setting| setting == found)
    };
    let (first, second) = match (position(option), position(other)) {
        (Some(one), Some(two)) if two < one => (other, option),
        _ => (option, other),
    };
    let (prefix, first) = match find(parser, origins, first) {
        Some(setting) => (setting.origin.prefix(), setting.short_name()),
        None => (String::new(), quoted(first)),
    };
    let second = match find(parser, origins, second) {
        Some(setting) => origins.name(&setting.id),
        None => quoted(second),
    };
    format!("{prefix}{first} cannot be used with {second} (leave one of them out)")
}

fn needs_option(error: &Error, parser: &mut Parser, origins: &Origins) -> String {
    let missing = missing_in(error);
    let requirer = parser.requirer(&missing, origins);
    let needed = match requirer {
        Some(setting) => {
            let needed = parser.missing(setting.word());
            needed.intersection(&missing).next().cloned()
        }
        None => missing.first().cloned(),
    };
    let needed = alternatives(&needed.unwrap_or_default());
    match requirer {
        Some(setting) => {
            let (prefix, name) = (setting.origin.prefix(), setting.short_name());
            format!("{prefix}{name} needs {needed}")
        }
        None => format!("{needed} is missing"),
    }
}

/// Names the option whose value is not UTF-8, which clap does not do. The value is not shown: it
/// may be a password.
fn not_utf8(parser: &mut Parser, origins: &Origins) -> String {
    let mut settings = origins.settings();
    let setting = settings.find(|setting| {
        let alone = parser.parse(setting.word());
        alone.is_err_and(|error| error.kind() == ErrorKind::InvalidUtf8)
    });
    match setting {
        Some(setting) => {
            let (prefix, name) = (setting.origin.prefix(), setting.short_name());
            format!("{prefix}the value of {name} is not UTF-8")
        }
        None => "an argument is not UTF-8".to_owned(),
    }
}

/// Turns `<--file <FILE>|--model <MODEL>>` into `--file <FILE>` or `--model <MODEL>`.
fn alternatives(needed: &str) -> String {
    let group = needed.strip_prefix("<-").and_then(|rest| {
        let rest = rest.strip_suffix('>')?;
        Some(format!("-{rest}"))
    });
    let group = group.unwrap_or_else(|| needed.to_owned());
    let names: Vec<String> = group.split('|').map(quoted).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Returns clap's own first line.
fn fallback(error: &Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = text.find("\n\n").unwrap_or(text.len());
    printable(text[..end].trim_end()).into_owned()
}

/// Returns a value as it may be shown: without a password that may stand in it. Of a URL, only the
/// scheme is shown.
fn shown(value: &str, subject: Option<&Setting>) -> String {
    if let Some((scheme, _)) = value.split_once("://") {
        return format!("{}://…", printable(scheme));
    }
    let is_address = subject.is_some_and(|setting| ADDRESSES.contains(&setting.id.as_str()));
    match value.rsplit_once('@') {
        Some((_, host)) if is_address => format!("…@{}", printable(host)),
        _ => printable(value).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::builder::PossibleValuesParser;
    use clap::{Arg, ArgAction, Command};

    use super::*;
    use crate::typed;

    fn command() -> Command {
        let number = |text: &str| match text.parse::<u8>() {
            Ok(number) => Ok(number),
            Err(error) => Err(format!("that is not a number: {error}")),
        };
        let flag = |id: &'static str| Arg::new(id).long(id).action(ArgAction::SetTrue);
        let in_group = |id: &'static str, group: &'static str| flag(id).group(group);
        let command = Command::new("prog").disable_help_flag(true);
        command.args([
            Arg::new("number").long("number").value_parser(number),
            Arg::new("kind")
                .long("kind")
                .value_parser(PossibleValuesParser::new(["one", "two"])),
            Arg::new("host").short('h').long("host"),
            flag("unix"),
            Arg::new("limit")
                .long("limit")
                .num_args(0..=1)
                .require_equals(true)
                .value_parser(number),
            in_group("ws", "WebSocketArgs"),
            in_group("insecure", "TlsArgs"),
        ])
    }

    #[track_caller]
    fn case(words: &[&str], expected: &str) {
        case_of(words.iter().map(OsString::from).collect(), expected);
    }

    #[track_caller]
    fn case_of(words: Vec<OsString>, expected: &str) {
        let mut parser = Parser::new(command());
        let typed = typed::read(parser.command(), words).unwrap();
        let error = parser.parse(typed.words).unwrap_err();
        let origins = Origins::new(typed.settings);
        assert_eq!(line(&error, &mut parser, &origins), expected);
    }

    #[test]
    fn what_is_wrong_and_what_helps_stand_in_one_line() {
        case(
            &["--numbre", "1"],
            "unknown option `--numbre` (did you mean `--number`?)",
        );
        case(&["-x"], "unknown option `-x` (--help lists the options)");
        case(
            &["word"],
            "unexpected word `word` (a host is given with -h HOST, a topic with -t TOPIC; --help lists the options)",
        );
        case(
            &["--limit", "5"],
            "`--limit` takes its value behind `=`: `--limit=5`",
        );
        case(
            &["--limit", "word"],
            "unexpected word `word` (a host is given with -h HOST, a topic with -t TOPIC; --help lists the options)",
        );
        case(
            &["MQTTS://ada:s3cret@host"],
            "a broker's URL needs `-L`, as in `-L mqtts://HOST`",
        );
        case(
            &["--number", "a"],
            "invalid value `a` for `--number`: that is not a number: invalid digit found in string",
        );
        case(
            &["--number", "postgres://u:PW@h/db"],
            "invalid value `postgres://…` for `--number`: that is not a number: invalid digit found in string",
        );
        case(&["--number"], "`--number` needs a value: <number>");
        case(
            &["--kind", "three"],
            "invalid value `three` for `--kind` (possible values: one, two)",
        );
        case(
            &["--number", "1\n2"],
            "invalid value `1\\n2` for `--number`: that is not a number: invalid digit found in string",
        );
        case(
            &["-h"],
            "`-h` is the broker's host and needs a value, as in `-h localhost` (--help prints the help)",
        );
        case(&["--unix=x"], "`--unix` takes no value such as `x`");
        #[cfg(unix)]
        {
            let value: OsString = std::os::unix::ffi::OsStringExt::from_vec(vec![0xff]);
            let words = ["--number".into(), "1".into(), "-h".into(), value];
            case_of(words.to_vec(), "the value of `-h` is not UTF-8");
        }
        case(
            &["--psk", "00ff"],
            "`--psk` is not supported: the TLS library has no pre-shared keys (use certificates: --cafile FILE)",
        );
    }
}
