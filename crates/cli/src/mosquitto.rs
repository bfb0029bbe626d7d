//! The programs in the place of `mosquitto_sub` and `mosquitto_pub`: called by a link of that name,
//! or with `--mosquitto`.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Command};

/// The id of the option.
pub(crate) const MOSQUITTO: &str = "mosquitto";

/// Whether a program takes the place of mosquitto's.
#[expect(clippy::doc_markdown, reason = "the documentation is the help text")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Program")]
pub(crate) struct MosquittoArgs {
    /// Run as mosquitto_sub or mosquitto_pub does, with its defaults, option file and exit codes
    /// (also if a link of that name is called)
    #[arg(long)]
    #[arg(hide_short_help = true)]
    mosquitto: bool,
}

impl MosquittoArgs {
    pub(crate) fn is_on(&self) -> bool {
        self.mosquitto
    }
}

/// A process is one program, so this is one for the process.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// Makes the process one that takes the place of mosquitto's.
pub(crate) fn turn_on() {
    IS_ON.store(true, Ordering::Relaxed);
}

/// Returns whether this process takes the place of mosquitto's.
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Returns the name of mosquitto's program: `mosquitto_sub` for `iot-sub`.
pub(crate) fn name(command: &Command) -> String {
    command.get_name().replace("iot-", "mosquitto_")
}

/// Returns whether the first word of a command line is the name of mosquitto's program.
pub(crate) fn is_called(program: &OsStr, command: &Command) -> bool {
    Path::new(program)
        .file_stem()
        .is_some_and(|stem| *stem == *name(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_link_decides() {
        let command = Command::new("iot-sub");
        let is_called = |program: &str| is_called(program.as_ref(), &command);
        assert!(is_called("/opt/bin/mosquitto_sub"));
        assert!(is_called("mosquitto_sub"));
        assert!(!is_called("mosquitto_pub"));
        assert!(!is_called("/mosquitto_sub/iot-sub"));
    }
}
