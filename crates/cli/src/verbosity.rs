//! How much a program tells on stderr.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::given::Given;
use iot_core::connection::Handle;
use iot_core::session::{Event, LogLevel};

/// What is told on stderr.
#[derive(Debug, Args)]
#[command(next_help_heading = "Program")]
pub(crate) struct TalkArgs {
    /// Print a line on stderr for each packet that is sent or received
    #[arg(short, long, env = "IOT_DEBUG", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    debug: bool,

    /// Print nothing on stderr but the error that ends the program
    #[arg(long, env = "IOT_QUIET", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    quiet: bool,
}

static QUIET: AtomicBool = AtomicBool::new(false);
static DEBUG: AtomicBool = AtomicBool::new(false);

/// Returns whether nothing is to be told but the error that ends the program.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

impl TalkArgs {
    /// Makes it so for the whole process: what is told has no other place than its one stderr.
    pub(crate) fn settle(&mut self, given: &Given) -> Result<(), String> {
        if self.debug && self.quiet {
            match given.rank("debug").cmp(&given.rank("quiet")) {
                std::cmp::Ordering::Greater => self.quiet = false,
                std::cmp::Ordering::Less => self.debug = false,
                std::cmp::Ordering::Equal => {
                    return Err(
                        "--debug can't be used with --quiet: one tells all, the other nothing"
                            .into(),
                    );
                }
            }
        }
        QUIET.store(self.quiet, Ordering::Relaxed);
        DEBUG.store(self.debug, Ordering::Relaxed);
        Ok(())
    }
}

/// Has each packet of the connection told, where `--debug` asks for it; else nothing is made up for it.
pub fn debug(handle: &Handle) {
    if DEBUG.load(Ordering::Relaxed) {
        handle.set_logging(true);
    }
}

/// Prints the packet that an event tells of on stderr, where `--debug` asks for it.
pub fn tell_debug(handle: &Handle, event: &Event) {
    if let Some(line) = debug_line(handle, event) {
        // One call for the whole line: others may write there too.
        let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
    }
}

/// Returns the line that an event of [`debug`] is worth, as mosquitto's programs write it.
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
    Some(format!("Client {id} {}{rest}", first.to_lowercase()))
}
