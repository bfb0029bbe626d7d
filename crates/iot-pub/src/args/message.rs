//! The options of messages that are given, not simulated: a text, a file, standard input as a whole
//! or line by line, or nothing.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;
use clap::Args;
use clap::builder::BoolishValueParser;
use iot_cli::{UsageError, io_reason, is_mosquitto, parse_duration};

use crate::payload::lines::Lines;

/// The largest payload: the protocol's largest packet, less its topic.
const LARGEST: u64 = 268_435_455;

#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub(crate) struct MessageArgs {
    /// Publish TEXT instead of simulated readings; once, unless --interval or --count is given
    #[arg(short, long, env = "IOT_MESSAGE", hide_env_values = true)]
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<OsString>,

    /// Publish the contents of FILE as one message
    #[arg(short, long, env = "IOT_FILE", hide_env_values = true)]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// Publish all of standard input as one message
    #[arg(short, long, env = "IOT_STDIN_FILE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    stdin_file: bool,

    /// Publish each line of standard input as a message, and exit when all are acknowledged
    #[arg(short = 'l', long, env = "IOT_STDIN_LINE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    #[arg(conflicts_with_all = ["rate", "report", "verify", "devices"])]
    stdin_line: bool,

    /// Use the first word of each line as its topic (needs --stdin-line)
    #[arg(long, env = "IOT_TOPIC_FROM_LINE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), requires = "lines", conflicts_with = "topic")]
    #[arg(hide_short_help = true)]
    topic_from_line: bool,

    /// Publish an empty message; with --retain, it deletes the retained message
    #[arg(short, long, env = "IOT_NULL_MESSAGE", hide_env_values = true)]
    #[arg(value_parser = BoolishValueParser::new())]
    null_message: bool,

    /// Publish the message COUNT times, each when the previous one is delivered
    #[arg(long, env = "IOT_REPEAT", hide_env_values = true, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..), allow_hyphen_values = true)]
    #[arg(requires = "one_message")]
    #[arg(conflicts_with_all = ["count", "interval", "jitter", "rate", "report", "verify", "devices"])]
    #[arg(hide_short_help = true)]
    repeat: Option<u64>,

    /// Wait SECONDS between a delivery and the next message (needs --repeat) [default: 0]
    #[arg(long, env = "IOT_REPEAT_DELAY", hide_env_values = true)]
    #[arg(value_name = "SECONDS", value_parser = delay, allow_hyphen_values = true)]
    #[arg(requires = "repeated")]
    #[arg(hide_short_help = true)]
    repeat_delay: Option<Duration>,
}

/// mosquitto's: seconds, not necessarily whole ones; also with a unit, as other durations.
fn delay(text: &str) -> Result<Duration, String> {
    if text.parse::<f64>() == Ok(0.0) {
        return Ok(Duration::ZERO);
    }
    parse_duration(text)
        .map_err(|_| "a delay is a number of seconds, 0 or more, as in 0.5, or 500ms".into())
}

/// How a message is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) count: u64,
    /// From a delivery to the next message.
    pub(crate) delay: Duration,
}

impl MessageArgs {
    /// Returns whether these options give one message.
    pub(crate) fn is_one(&self) -> bool {
        self.message.is_some() || self.file.is_some() || self.stdin_file || self.null_message
    }

    /// Returns whether a published message is worth a line on stdout: one that comes from a file or
    /// standard input is known already.
    pub(crate) fn is_shown(&self) -> bool {
        self.message.is_some() || !(self.is_one() || self.stdin_line)
    }

    /// Returns whether each line of standard input is a message.
    pub(crate) fn is_lines(&self) -> bool {
        self.stdin_line
    }

    /// Returns how the message is repeated, if it is.
    pub(crate) fn repeat(&self) -> Option<Repeat> {
        Some(Repeat {
            count: self.repeat?,
            delay: self.repeat_delay.unwrap_or_default(),
        })
    }

    /// Returns the payload, if these options give one message; reads the file or standard input.
    ///
    /// # Errors
    /// The system's, for nothing, and for more than fits into a message.
    pub(crate) fn payload(&self) -> Result<Option<Bytes>> {
        if let Some(text) = &self.message {
            return Ok(Some(text.clone().into_encoded_bytes().into()));
        }
        let (input, name): (Box<dyn Read>, String) = if let Some(path) = &self.file {
            let name = format!("file `{}`", path.display());
            let file = File::open(path).map_err(|error| anyhow!(io_reason(&error)));
            let file = file.with_context(|| format!("cannot read {name}"))?;
            (Box::new(file), name)
        } else if self.stdin_file {
            (Box::new(io::stdin()), "standard input".into())
        } else {
            return Ok(self.null_message.then(Bytes::new));
        };
        let mut payload = Vec::new();
        let read = input.take(LARGEST + 1).read_to_end(&mut payload);
        read.map_err(|error| anyhow!(io_reason(&error)))
            .with_context(|| format!("cannot read {name}"))?;
        // mosquitto_pub publishes an empty file, and refuses empty standard input.
        if payload.is_empty() && !(is_mosquitto() && self.file.is_some()) {
            bail!("{name} is empty (-n publishes an empty message)");
        }
        if payload.len() as u64 > LARGEST {
            let line = format!("{name} is larger than an MQTT message can be: {LARGEST} bytes");
            return Err(UsageError::new(line).into());
        }
        Ok(Some(payload.into()))
    }

    /// Returns the lines of standard input, if each is a message.
    ///
    /// # Errors
    /// The system's, if no thread can be started.
    pub(crate) fn lines(&self) -> Result<Option<Lines>> {
        let lines = || Lines::of_stdin(self.topic_from_line);
        Ok(self.stdin_line.then(lines).transpose()?)
    }
}
