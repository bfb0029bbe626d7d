//! What a program reports on stderr, and the exit code of one that failed.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::error::{Interrupted, UsageError};
use crate::mosquitto;
use crate::printable::printable_line;
use crate::verbosity::is_quiet;
use iot_core::error::{ConfigError, Error};

/// Returns the exit code for wrong usage: 2, and 1 in the place of mosquitto's programs.
pub(crate) fn wrong_usage() -> u8 {
    if mosquitto::is_on() { 1 } else { 2 }
}

/// Prints `NAME: LINE` on stderr, made [printable](printable_line), unless `--quiet` is given. If
/// nobody reads stderr any more, the line is lost, and the program goes on.
pub fn notify(name: &str, line: &str) {
    if !is_quiet() {
        write(name, line);
    }
}

fn write(name: &str, line: &str) {
    let line = printable_line(line);
    // One call for the whole line: others may write there too.
    let _ = io::stderr().write_all(format!("{name}: {line}\n").as_bytes());
}

/// Prints `NAME: what failed: why` on stderr, each cause once, and returns the exit code: the
/// broker's code where it refuses the connection, 2 for wrong usage, else 1.
pub fn report(name: &str, error: &anyhow::Error) -> ExitCode {
    let name = if mosquitto::is_on() { "Error" } else { name };
    write(name, &line(error));
    ExitCode::from(code(error))
}

fn line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    let mut last = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some libraries show their cause and return it as well.
        if last.ends_with(&text) || last.starts_with(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
        last = text;
    }
    line
}

fn code(error: &anyhow::Error) -> u8 {
    if error
        .chain()
        .any(|cause| cause.is::<UsageError>() || cause.is::<ConfigError>())
    {
        return wrong_usage();
    }
    let interrupted = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Interrupted>());
    if let Some(interrupted) = interrupted {
        return interrupted.code();
    }
    let ours = error.chain().find_map(|cause| cause.downcast_ref());
    match ours {
        Some(Error::Refused { code, .. }) => code.0,
        Some(Error::Config(_) | Error::EmptyClientId) => wrong_usage(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use iot_core::reason::ConnectCode;

    #[track_caller]
    fn case(error: &anyhow::Error, expected_line: &str, expected_code: u8) {
        assert_eq!(line(error), expected_line);
        assert_eq!(code(error), expected_code, "{expected_line}");
    }

    #[test]
    fn each_cause_stands_once() {
        let error = anyhow!("disk full").context("cannot write: disk full");
        case(
            &error.context("cannot store"),
            "cannot store: cannot write: disk full",
            1,
        );
    }

    #[test]
    fn the_code_is_the_broker_s_or_that_of_wrong_usage() {
        let refused = Error::Refused {
            code: ConnectCode(5),
            reason_string: None,
            properties: None,
        };
        case(
            &anyhow::Error::from(refused).context("cannot connect to broker `b:1883`"),
            "cannot connect to broker `b:1883`: the broker refuses the connection: not authorized",
            5,
        );
        case(&UsageError::new("no").into(), "no", 2);
        case(&Error::Closed.into(), "the broker closed the connection", 1);
    }
}
