//! Wrong usage, told in one line.

use std::io::{self, Write};
use std::process;

/// Prints in one line what is wrong with the command line and ends the program with 2, or prints the
/// help that was asked for and ends it with 0.
pub fn exit(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    let line = line(&error.render().to_string());
    // Who doesn't listen has the exit code.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
    process::exit(error.exit_code());
}

/// Returns one line of what clap says in several: what is wrong, and in brackets what may help. How
/// the program is used is in its help.
fn line(text: &str) -> String {
    const POSSIBLE: &str = "\n  [possible values: ";
    const TIP: &str = "\n\n  tip: ";
    let ends = ["\n\nUsage: ", "\n\nFor more information, try "];
    let end = ends.iter().filter_map(|end| text.rfind(end)).min();
    let text = text[..end.unwrap_or(text.len())].trim_end();
    let (text, tip) = match text.rsplit_once(TIP) {
        Some((text, tip)) => (text, Some(tip.to_owned())),
        None => (text, None),
    };
    let (text, possible) = match text.rsplit_once(POSSIBLE) {
        Some((text, values)) => {
            let values = values.trim_end_matches(']');
            (text, Some(format!("possible values: {values}")))
        }
        None => (text, None),
    };
    let unknown = text.starts_with("error: unexpected argument") && tip.is_none();
    let help = unknown.then(|| "--help lists the options".to_owned());
    let helps: Vec<String> = possible.into_iter().chain(tip).chain(help).collect();
    let line = one_line(text);
    if helps.is_empty() {
        return line;
    }
    format!("{line} ({})", one_line(&helps.join("; ")))
}

/// A value may have lines of its own.
fn one_line(text: &str) -> String {
    text.replace('\r', "\\r").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use clap::builder::PossibleValuesParser;
    use clap::error::ErrorKind;
    use clap::{Arg, Command};

    use super::*;

    fn command() -> Command {
        let number = |text: &str| match text.parse::<u8>() {
            Ok(number) => Ok(number),
            Err(error) => Err(format!("that is none: {error}")),
        };
        Command::new("prog").args([
            Arg::new("number").long("number").value_parser(number),
            Arg::new("kind")
                .long("kind")
                .value_parser(PossibleValuesParser::new(["one", "two"])),
        ])
    }

    #[track_caller]
    fn case(words: &[&str], expected: &str) {
        let words = ["prog"].iter().chain(words);
        let error = command().try_get_matches_from(words).unwrap_err();
        assert_eq!(line(&error.render().to_string()), expected);
    }

    #[test]
    fn what_is_wrong_and_what_helps_stand_in_one_line() {
        case(
            &["--numbre", "1"],
            "error: unexpected argument '--numbre' found (a similar argument exists: '--number')",
        );
        case(
            &["-x"],
            "error: unexpected argument '-x' found (--help lists the options)",
        );
        case(
            &["word"],
            "error: unexpected argument 'word' found (--help lists the options)",
        );
        case(
            &["--number", "a"],
            "error: invalid value 'a' for '--number <number>': that is none: invalid digit found in string",
        );
        case(
            &["--number"],
            "error: a value is required for '--number <number>' but none was supplied",
        );
        case(
            &["--kind", "three"],
            "error: invalid value 'three' for '--kind <kind>' (possible values: one, two)",
        );
        case(
            &["--number", "1\n2"],
            "error: invalid value '1\\n2' for '--number <number>': that is none: invalid digit found in string",
        );
    }

    #[test]
    fn what_a_program_finds_itself_is_one_line_too() {
        let error = command().error(ErrorKind::ArgumentConflict, "this can't be");
        assert_eq!(line(&error.render().to_string()), "error: this can't be");
    }
}
