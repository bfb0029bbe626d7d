//! “Typed beats variable beats option file”, once and before clap judges.
//!
//! The three layers become one list of words: the file's lines, then the variables, then the
//! command line, so that later ones win. An option of a lower layer is left out if a higher layer
//! sets it, or sets something that clap says it conflicts with, or if nothing sets what it
//! requires. So a variable or a file never makes a command line fail that is right by itself. What
//! is left, clap judges as if all of it were typed.

use std::ffi::OsString;

use clap::ArgMatches;
use clap::error::ErrorKind;

use crate::origin::{Origins, Setting};
use crate::parser::Parser;
use crate::typed::Typed;
use crate::usage;

/// Returns what clap makes of the command line alone, if it is complete.
///
/// # Errors
/// A line that says what is wrong with it, whatever the other layers say; the help or the version,
/// if it asks for that.
pub(crate) fn check_typed(
    parser: &mut Parser,
    typed: &Typed,
) -> Result<Option<ArgMatches>, TypedError> {
    match parser.parse(typed.words.iter().cloned()) {
        Ok(matches) => Ok(Some(matches)),
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => Ok(None),
        Err(error) if !error.use_stderr() => Err(TypedError::Show(error)),
        Err(error) => {
            let origins = Origins::new(typed.settings.clone());
            Err(TypedError::Wrong(usage::line(&error, parser, &origins)))
        }
    }
}

/// Why a command line alone is not to be run.
#[derive(Debug)]
pub(crate) enum TypedError {
    /// It asks for the help or the version.
    Show(clap::Error),
    /// A line that says what is wrong.
    Wrong(String),
}

/// Merges the layers, and returns what clap makes of them.
///
/// # Errors
/// A line that says what is wrong, and where it comes from.
pub(crate) fn merge(
    parser: &mut Parser,
    typed: Typed,
    variables: Vec<Setting>,
    file: Vec<Setting>,
) -> Result<(ArgMatches, Origins), String> {
    let mut lower = Vec::new();
    for layer in [variables, file] {
        let mut taken = fitting(parser, layer, &lower, &typed)?;
        taken.append(&mut lower);
        lower = taken;
    }
    let lower = supported(parser, &lower, &typed);
    let words = words(&lower, &typed);
    let mut settings = lower;
    settings.extend(typed.settings);
    let origins = Origins::new(settings);
    match parser.parse(words) {
        Ok(matches) => Ok((matches, origins)),
        Err(error) => Err(usage::line(&error, parser, &origins)),
    }
}

fn words(lower: &[Setting], typed: &Typed) -> Vec<OsString> {
    let lower = lower.iter().filter_map(Setting::word);
    lower.chain(typed.words.iter().cloned()).collect()
}

/// Returns the settings of a layer that the higher layers leave room for.
fn fitting(
    parser: &mut Parser,
    layer: Vec<Setting>,
    higher: &[Setting],
    typed: &Typed,
) -> Result<Vec<Setting>, String> {
    let mut fitting = Vec::new();
    for setting in layer {
        let mut above = higher.iter().chain(&typed.settings);
        if above.any(|other| other.id == setting.id) {
            continue;
        }
        let words = setting.word().into_iter().chain(words(higher, typed));
        match parser.parse(words).map_err(|error| (error.kind(), error)) {
            Ok(_) | Err((ErrorKind::MissingRequiredArgument, _)) => fitting.push(setting),
            Err((ErrorKind::ArgumentConflict, _)) => {}
            Err((_, error)) => {
                let origins = Origins::new(vec![setting]);
                return Err(usage::line(&error, parser, &origins));
            }
        }
    }
    Ok(fitting)
}

/// Returns the settings without those that require what nobody sets.
fn supported(parser: &mut Parser, lower: &[Setting], typed: &Typed) -> Vec<Setting> {
    let needs: Vec<bool> = lower
        .iter()
        .map(|setting| !parser.missing(setting.word()).is_empty())
        .collect();
    let mut is_kept: Vec<bool> = needs.iter().map(|needs| !needs).collect();
    // Once more after each success: one may require another one of these.
    loop {
        let missing = parser.missing(words(&kept(lower, &is_kept), typed));
        let mut progress = false;
        for index in 0..lower.len() {
            if is_kept[index] {
                continue;
            }
            is_kept[index] = true;
            let with_it = parser.missing(words(&kept(lower, &is_kept), typed));
            is_kept[index] = with_it.is_subset(&missing);
            progress |= is_kept[index];
        }
        if !progress {
            return kept(lower, &is_kept);
        }
    }
}

fn kept(settings: &[Setting], is_kept: &[bool]) -> Vec<Setting> {
    let both = settings.iter().zip(is_kept);
    let kept = both.filter(|(_, is_kept)| **is_kept);
    kept.map(|(setting, _)| setting.clone()).collect()
}

#[cfg(test)]
mod tests {
    use clap::{ArgGroup, CommandFactory};

    use super::*;
    use crate::origin::Layer;
    use crate::{option_file, typed, variables};

    #[derive(clap::Parser)]
    #[command(name = "program", args_override_self = true)]
    #[command(group = ArgGroup::new("content").args(["message", "model"]))]
    struct Program {
        #[arg(short, long, env = "IOT_MESSAGE")]
        message: Option<String>,
        #[arg(long, env = "IOT_MODEL")]
        model: Vec<String>,
        #[arg(short, long, env = "IOT_QOS", value_parser = clap::value_parser!(u8).range(0..=2))]
        qos: Option<u8>,
        #[arg(short, long, env = "IOT_RETAIN")]
        retain: bool,
        #[arg(long, env = "IOT_REPEAT", requires = "content")]
        repeat: Option<u8>,
        #[arg(long, env = "IOT_DELAY", requires = "repeat")]
        delay: Option<u8>,
        #[arg(long, num_args = 0..=1, default_missing_value = "3")]
        limit: Option<u8>,
        #[arg(long)]
        unix: bool,
        #[command(flatten)]
        ws: Ws,
        #[command(flatten)]
        tls: Tls,
    }

    #[derive(clap::Args)]
    #[group(id = "WebSocketArgs")]
    struct Ws {
        #[arg(long)]
        ws: bool,
    }

    #[derive(clap::Args)]
    #[group(id = "TlsArgs")]
    struct Tls {
        #[arg(long)]
        cafile: bool,
    }

    type Variables<'a> = &'a [(&'a str, &'a str)];

    fn merged(
        words: &str,
        set: Variables<'_>,
        file: &str,
    ) -> Result<(ArgMatches, Origins), String> {
        let path = std::env::temp_dir().join(format!(
            "iot-merge-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::write(&path, file).unwrap();
        let mut parser = Parser::new(Program::command());
        let words = words.split_whitespace().map(OsString::from);
        let typed = typed::read(parser.command(), words)?;
        let variable = |name: &std::ffi::OsStr| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        if let Err(TypedError::Wrong(line)) = check_typed(&mut parser, &typed) {
            return Err(line);
        }
        let variables = variables::read(&Program::command(), &variable)?;
        let lines = option_file::read(&mut parser, Some(&path));
        let _ = std::fs::remove_file(&path);
        let in_file = |line: String| line.replace(&path.display().to_string(), "FILE");
        let merged = lines.and_then(|file| merge(&mut parser, typed, variables, file));
        merged.map_err(in_file)
    }

    #[track_caller]
    fn case(words: &str, set: Variables<'_>, file: &str, expected: &[&str]) {
        let (_, origins) = merged(words, set, file).unwrap();
        let words = origins.settings().filter_map(Setting::word);
        let words: Vec<OsString> = words.collect();
        assert_eq!(words, expected, "{words:?}");
    }

    #[track_caller]
    fn refused(words: &str, set: Variables<'_>, file: &str, expected: &str) {
        let Err(line) = merged(words, set, file) else {
            panic!("nothing is wrong");
        };
        assert_eq!(line, expected);
    }

    #[test]
    fn the_higher_layer_wins_and_the_order_is_file_variable_typed() {
        case(
            "-m typed",
            &[("IOT_QOS", "1")],
            "# comment\n-r\n-q 2\n",
            &["--retain", "--qos=1", "--message=typed"],
        );
        case("", &[("IOT_RETAIN", "no")], "-r", &[]);
        case("--model c", &[], "--model a\n--model b", &["--model=c"]);
        case(
            "",
            &[],
            "\u{feff}--model  a b \r\n--model b\n--limit",
            &["--model=a b ", "--model=b", "--limit=3"],
        );
    }

    #[test]
    fn what_conflicts_with_a_higher_layer_is_left_out() {
        case("--model a", &[("IOT_MESSAGE", "x")], "-m y", &["--model=a"]);
        case("", &[("IOT_MODEL", "a")], "-m y", &["--model=a"]);
    }

    #[test]
    fn what_requires_something_that_nobody_sets_is_left_out() {
        case("-q 1", &[("IOT_DELAY", "1")], "--repeat 2", &["--qos=1"]);
        case(
            "-m x",
            &[("IOT_DELAY", "1")],
            "--repeat 2",
            &["--repeat=2", "--delay=1", "--message=x"],
        );
        case(
            "--delay 1 --repeat 2",
            &[("IOT_MESSAGE", "x")],
            "",
            &["--message=x", "--delay=1", "--repeat=2"],
        );
    }

    #[test]
    fn an_error_names_where_it_comes_from() {
        refused(
            "-q 3",
            &[],
            "",
            "invalid value `3` for `-q`: a whole number from 0 to 2 is needed",
        );
        refused(
            "--qos=3",
            &[("IOT_QOS", "x")],
            "",
            "invalid value `3` for `--qos`: a whole number from 0 to 2 is needed",
        );
        refused(
            "",
            &[("IOT_QOS", "5")],
            "",
            "invalid value `5` for variable `IOT_QOS`: a whole number from 0 to 2 is needed",
        );
        refused(
            "",
            &[],
            "\n-q 3",
            "FILE:2: invalid value `3` for `-q`: a whole number from 0 to 2 is needed",
        );
        refused(
            "",
            &[("IOT_RETAIN", "perhaps")],
            "",
            "invalid value `perhaps` for variable `IOT_RETAIN`: a flag is yes or no, true or false, 1 or 0",
        );
    }

    #[test]
    fn clap_judges_what_one_layer_says() {
        refused(
            "-m x --model y",
            &[],
            "",
            "`-m` cannot be used with `--model` (leave one of them out)",
        );
        refused(
            "",
            &[("IOT_MESSAGE", "x"), ("IOT_MODEL", "y")],
            "",
            "variable `IOT_MESSAGE` cannot be used with variable `IOT_MODEL` (leave one of them out)",
        );
        refused(
            "",
            &[],
            "-m x\n--model y",
            "FILE:1: `-m` cannot be used with `--model` (FILE:2) (leave one of them out)",
        );
        refused(
            "--repeat 2",
            &[],
            "",
            "`--repeat` needs `--message <MESSAGE>` or `--model <MODEL>`",
        );
        refused("--delay 2", &[], "", "`--delay` needs `--repeat <REPEAT>`");
    }

    #[test]
    fn layers_are_ordered() {
        assert!(Layer::Typed > Layer::Variable && Layer::Variable > Layer::File);
        let (_, origins) = merged("", &[("IOT_QOS", "1")], "").unwrap();
        assert_eq!(origins.layer("qos"), Some(Layer::Variable));
        assert!(origins.layer("qos") > origins.layer("message"));
    }
}
