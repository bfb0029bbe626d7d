//! How a program ends that failed: one line, and the exit code.

use std::process::ExitCode;

use crate::error::Error;

/// Prints `NAME: what failed: why` on stderr, each cause once, and returns the exit code: the
/// broker's code where it refuses the connection, else 1.
pub fn report(name: &str, error: &anyhow::Error) -> ExitCode {
    let mut line = String::from(name);
    let mut last = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some libraries show their cause and hand it on as well.
        if !last.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
            last = text;
        }
    }
    eprintln!("{line}");
    let refused = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(Error::Refused { code, .. }) => Some(code.0),
        _ => None,
    });
    ExitCode::from(refused.unwrap_or(1))
}
