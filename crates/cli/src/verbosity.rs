//! How much a program writes to stderr.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::printable::printable;
use clap::Args;
use clap::builder::BoolishValueParser;
use iot_core::connection::Handle;
use iot_core::session::{Event, LogLevel};

/// How much is written to stderr.
#[derive(Debug, Args)]
#[command(next_help_heading = "Program")]
pub(crate) struct VerbosityArgs {
    /// Print a line on stderr for each packet that is sent or received
    #[arg(short, long, env = "IOT_DEBUG", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), conflicts_with = "quiet")]
    debug: bool,

    /// Print nothing on stderr but the error that ends the program
    #[arg(long, env = "IOT_QUIET", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    quiet: bool,
}

/// How much a program writes to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Verbosity {
    /// Nothing but the error that ends the program.
    Quiet,
    /// Notices, too.
    #[default]
    Normal,
    /// Each packet, too.
    Debug,
}

impl VerbosityArgs {
    pub(crate) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.debug) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Debug,
            _ => Verbosity::Normal,
        }
    }
}

/// A process has one stderr, so this is one for the process.
static VERBOSITY: AtomicU8 = AtomicU8::new(Verbosity::Normal as u8);

impl Verbosity {
    /// Makes it the one of the process. A program's `main` calls it once.
    pub fn install(self) {
        VERBOSITY.store(self as u8, Ordering::Relaxed);
    }
}

/// Returns whether nothing is to be written to stderr but the error that ends the program.
pub fn is_quiet() -> bool {
    VERBOSITY.load(Ordering::Relaxed) == Verbosity::Quiet as u8
}

/// Returns whether `--debug` asks for details.
pub fn is_debug() -> bool {
    VERBOSITY.load(Ordering::Relaxed) == Verbosity::Debug as u8
}

/// Has the connection report its packets if `--debug` asks for them.
pub fn debug(handle: &Handle) {
    if is_debug() {
        handle.set_logging(true);
    }
}

/// Prints the packet that an event reports on stderr, if it reports one.
pub fn print_packet(handle: &Handle, event: &Event) {
    if let Some(line) = debug_line(handle, event) {
        // One call for the whole line: others may write there too.
        let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
    }
}

/// Returns the line for an event that [`debug`] asks for, as mosquitto's programs write it.
pub fn debug_line(handle: &Handle, event: &Event) -> Option<String> {
    let Event::Log {
        level: LogLevel::Debug,
        text,
    } = event
    else {
        return None;
    };
    let (first, rest) = text.split_at_checked(1)?;
    let id = handle.client_id();
    let line = format!("Client {id} {}{rest}", first.to_lowercase());
    Some(printable(&line).into_owned())
}
