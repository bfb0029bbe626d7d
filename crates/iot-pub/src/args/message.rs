//! What is published as it is: a text, a file, standard input as a whole or line by line, or nothing.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use clap::Args;
use clap::builder::BoolishValueParser;
use iot_cli::UsageError;
use iot_cli::io_reason;

use crate::payload::lines::Lines;

/// The largest payload: the protocol's largest packet, less its topic.
const LARGEST: u64 = 268_435_455;

#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
/// The options of messages that are given, and not simulated.
#[derive(Debug, Args)]
pub(crate) struct TextArgs {
    /// Publish the contents of FILE as one message
    #[arg(
        short,
        long,
        env = "IOT_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    pub(super) file: Option<PathBuf>,

    /// Publish all of standard input as one message
    #[arg(short, long, env = "IOT_STDIN_FILE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(super) stdin_file: bool,

    /// Publish each line of standard input as a message, and exit when the broker has acknowledged all
    #[arg(short = 'l', long, env = "IOT_STDIN_LINE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(super) stdin_line: bool,

    /// Publish each line to the topic that is its first word (with --stdin-line)
    #[arg(long, env = "IOT_TOPIC_FROM_LINE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(super) topic_from_line: bool,

    /// Publish an empty message; with --retain it deletes the one that the broker keeps
    #[arg(short, long, env = "IOT_NULL_MESSAGE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    pub(super) null_message: bool,

    /// Publish the message COUNT times, each once the one before is delivered
    #[arg(long, env = "IOT_REPEAT", hide_env_values = true, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..), allow_hyphen_values = true)]
    pub(super) repeat: Option<u64>,

    /// Wait SECONDS after each delivery before the next (with --repeat)
    #[arg(long, env = "IOT_REPEAT_DELAY", hide_env_values = true)]
    #[arg(value_name = "SECONDS", value_parser = delay, allow_hyphen_values = true)]
    pub(super) repeat_delay: Option<Duration>,
}

/// mosquitto's: seconds, not necessarily whole ones.
fn delay(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok();
    let delay = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    delay.ok_or_else(|| "a delay is a number of seconds, 0 or more, as in 0.5".into())
}

/// How a message is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) count: u64,
    /// From a delivery to the next message.
    pub(crate) delay: Duration,
}

impl TextArgs {
    /// Whether one message is given, in one of these ways.
    pub(super) fn is_given(&self) -> bool {
        self.file.is_some() || self.stdin_file || self.null_message
    }

    /// Returns the option that says what is published, if one of these does.
    pub(super) fn option(&self) -> Option<&'static str> {
        [
            (self.file.is_some(), "--file"),
            (self.stdin_file, "--stdin-file"),
            (self.null_message, "--null-message"),
            (self.stdin_line, "--stdin-line"),
        ]
        .into_iter()
        .find_map(|(is_given, option)| is_given.then_some(option))
    }

    pub(super) fn repeat(&self) -> Option<Repeat> {
        Some(Repeat {
            count: self.repeat?,
            delay: self.repeat_delay.unwrap_or_default(),
        })
    }

    /// Returns the payload, if one of these options gives it; reads the file or standard input.
    ///
    /// # Errors
    /// The system's, and for more than fits into a message.
    pub(super) fn payload(&self) -> Result<Option<Bytes>> {
        let (input, what): (Box<dyn Read>, String) = if let Some(path) = &self.file {
            let what = format!("file `{}`", path.display());
            let file = File::open(path).map_err(|error| anyhow!(io_reason(&error)));
            let file = file.with_context(|| format!("cannot read {what}"))?;
            (Box::new(file), what)
        } else if self.stdin_file {
            (Box::new(io::stdin()), "standard input".into())
        } else {
            return Ok(self.null_message.then(Bytes::new));
        };
        let mut payload = Vec::new();
        let read = input.take(LARGEST + 1).read_to_end(&mut payload);
        read.map_err(|error| anyhow!(io_reason(&error)))
            .with_context(|| format!("cannot read {what}"))?;
        if payload.len() as u64 > LARGEST {
            return Err(UsageError::new(format!(
                "{what} has more than {LARGEST} bytes, which no MQTT message may"
            ))
            .into());
        }
        Ok(Some(payload.into()))
    }

    /// Returns the lines of standard input, where each is to be published.
    ///
    /// # Errors
    /// The system's, where no thread can be started.
    pub(super) fn lines(&self) -> Result<Option<Lines>> {
        let lines = || Lines::of_stdin(self.topic_from_line);
        Ok(self.stdin_line.then(lines).transpose()?)
    }
}
